"""The micro-architecture of a row-stationary array, and that of the Eyeriss chip."""

from __future__ import annotations

from dataclasses import dataclass, fields

from accelsim.errors import InputError, Problem, shown

__all__ = ["EYERISS", "RowStationary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowStationary:
    """An array of PEs with scratch pads behind a global buffer; a PE does one MAC a cycle. A word is ``word_bits``.

    Attributes:
        rows: PEs down.
        columns: PEs across.
        input_spad_words: Input pad of a PE: a window of so many inputs, over all channels it interleaves.
        filter_spad_words: Filter pad: filter rows of all channels and kernels it interleaves.
        sum_spad_words: Partial-sum pad: kernels it interleaves.
        banks: Banks of the global buffer that hold inputs or partial sums; a bank holds one kind only.
        bank_words: Words of a bank.
        filter_buffer_words: Words of the buffer in which the filters of the next pass wait.
        input_words_per_cycle: Inputs the buffer sends to the array in a cycle.
        filter_words_per_cycle: Weights likewise.
        sum_words_per_cycle: Partial sums it sends, and as many it takes back.
        word_bits: Bits of an input, a weight and a partial sum.

    Raises:
        InputError: A size is not a whole number of at least 1.
    """

    rows: int
    columns: int
    input_spad_words: int
    filter_spad_words: int
    sum_spad_words: int
    banks: int
    bank_words: int
    filter_buffer_words: int
    input_words_per_cycle: int = 1
    filter_words_per_cycle: int = 4
    sum_words_per_cycle: int = 4
    word_bits: int = 16

    def __post_init__(self) -> None:
        sizes = {part.name: getattr(self, part.name) for part in fields(self)}
        problems = [
            Problem(field=f"row_stationary.{name}", got=shown(size), allowed="a whole number of at least 1")
            for name, size in sizes.items()
            if type(size) is not int or size < 1
        ]
        if problems:
            raise InputError(problems)

    @property
    def pes(self) -> int:
        """PEs of the array."""
        return self.rows * self.columns


#: Chen et al., JSSC 52(1), 2017: 12 x 14 PEs; pads of 12, 224 and 24 words of 16 bits; a global buffer of 108 KB in
#: banks of 4 KB, 25 for inputs and partial sums, 2 for filters; buses of 64 bits for filters and for partial sums each
#: way, of 16 bits for inputs.
EYERISS = RowStationary(
    rows=12,
    columns=14,
    input_spad_words=12,
    filter_spad_words=224,
    sum_spad_words=24,
    banks=25,
    bank_words=2048,
    filter_buffer_words=2 * 2048,
)
