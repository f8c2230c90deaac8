"""A row-stationary array behind a hardware template: the mappings with the fewest DRAM accesses, as passes."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType

import numpy as np

from accelsim.dims import Operand
from accelsim.engines.engine import Around, Floats, Traversal, Ways, no_traffic
from accelsim.engines.row_stationary.accesses import accesses
from accelsim.engines.row_stationary.machine import RowStationary
from accelsim.engines.row_stationary.traversal import Passes, Shape, shape_of, traverse, unsupported
from accelsim.hardware.engines import Option, Peak, Settings
from accelsim.workload.ops import Op

__all__ = ["RowStationaryEngine"]

#: Places of the memories of a template behind the first.
_BUFFER, _PADS = 1, 2
_WEIGHTS, _INPUTS, _OUTPUTS = range(3)
_WORD_BITS = 16


@lru_cache(maxsize=1024)
def _array(settings: Settings) -> RowStationary:
    return RowStationary(**{name: int(float(value)) for name, value in settings}, word_bits=_WORD_BITS)


class RowStationaryEngine(Traversal):
    """PEs that each slide a filter row over an input row; words of 16 bits.

    Memories: DRAM, the global buffer, and the pads of all PEs together.
    """

    options = MappingProxyType(
        {
            "rows": Option(help="PEs down"),
            "columns": Option(help="PEs across"),
            "input_spad_words": Option(help="words of a PE's input pad"),
            "filter_spad_words": Option(help="words of a PE's filter pad"),
            "sum_spad_words": Option(help="words of a PE's partial-sum pad"),
            "banks": Option(help="banks of the global buffer for inputs or partial sums"),
            "bank_words": Option(help="words of a bank"),
            "filter_buffer_words": Option(help="words of the buffer in which the filters of the next pass wait"),
            "input_words_per_cycle": Option(help="inputs sent to the array in a cycle", default=1),
            "filter_words_per_cycle": Option(help="weights sent to the array in a cycle", default=4),
            "sum_words_per_cycle": Option(help="partial sums sent in a cycle, and as many taken back", default=4),
        }
    )
    memories = (3,)
    counts_pads = True

    def peak(self, settings: Settings) -> Peak:
        """Return the PEs."""
        return Peak(float(_array(settings).pes))

    def unsupported(self, op: Op, words: Settings) -> str | None:
        """Return why the array cannot run an op; ``None`` if it can."""
        del words  # it depends on no option
        return unsupported(op, _WORD_BITS)

    def ways(self, op: Op, settings: Settings, around: Around) -> Ways:
        """Return the mappings with the fewest DRAM accesses; words on the buses between PEs are not counted."""
        machine = _array(settings)
        passes, shape = traverse(op, machine), shape_of(op, machine)
        words = accesses(op, machine, passes)
        each = machine.word_bits / 8
        moved, room = no_traffic(len(passes), around.memories)
        weights, inputs, outputs = map(around.home, Operand)
        dram, buffer, pads = words["dram"], words["buffer"], words["pads"]
        macs = np.full(len(passes), float(op.macs))
        for place, operand, way, count in (
            (weights, _WEIGHTS, 0, dram["W"]),
            (inputs, _INPUTS, 0, dram["I"]),
            (outputs, _OUTPUTS, 1, dram["O"]),
            (_BUFFER, _WEIGHTS, 0, buffer["W"] / 2),
            (_BUFFER, _WEIGHTS, 1, buffer["W"] / 2),
            (_BUFFER, _INPUTS, 0, buffer["I"] - dram["I"]),
            (_BUFFER, _INPUTS, 1, dram["I"]),
            (_BUFFER, _OUTPUTS, 0, buffer["O"] / 2),
            (_BUFFER, _OUTPUTS, 1, buffer["O"] / 2),
            (_PADS, _WEIGHTS, 0, macs),
            (_PADS, _WEIGHTS, 1, pads["W"] - macs),
            (_PADS, _INPUTS, 0, macs),
            (_PADS, _INPUTS, 1, pads["I"] - macs),
            (_PADS, _OUTPUTS, 0, macs),
            (_PADS, _OUTPUTS, 1, macs),
        ):
            moved[:, place, operand, way] += count * each
        room[:, _BUFFER, _INPUTS] = passes.room_words * each
        return Ways(
            cycles=passes.cycles, steps=_steps(shape, passes), moved=moved, room=room, words=tuple(_words(passes))
        )


def _steps(shape: Shape, passes: Passes) -> Floats:
    """Return the cycles in which the PEs of a full pass do MACs: a PE does p q taps for an output of each row."""
    strips = -(-shape.rows // passes.e)
    over_kernels_and_channels = passes.passes // (-(-shape.images // passes.n) * strips)
    each = shape.images * shape.columns * passes.p * passes.q * shape.filter_columns
    return np.asarray(over_kernels_and_channels * strips * each, dtype=np.float64)


def _words(passes: Passes) -> list[str]:
    names = ("n", "m", "e", "p", "q", "r", "t", "active_pes")
    return [
        f"passes of {n} images, {e} rows, {p} x {t} of {m} kernels and {q} x {r} channels, on {pes} PEs"
        for n, m, e, p, q, r, t, pes in zip(*(getattr(passes, name).tolist() for name in names), strict=True)
    ]
