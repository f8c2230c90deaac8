"""The ops met so far by number, with what planning needs to know of each, so that compiled loops can plan networks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.cost.columns import Columns
from accelsim.dims import Dim, Operand
from accelsim.hardware.accelerator import Abilities
from accelsim.mapping.nest import Ints
from accelsim.schedule.support import check_abilities, on_array, reason_of
from accelsim.schedule.windows import FIGURES, window_of
from accelsim.workload.ops import Op

__all__ = ["Catalog", "Records", "catalog_of"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
#: Ops after which a catalog is given up for a new one.
_MOST = 200_000


class Records(NamedTuple):
    """What planning needs to know of ops: arrays by the number of an op, a part, a read or a plain op; sizes in bytes.

    A plain op is one loop nest. An op consists of parts, each of them a plain op: of one part, if it is plain itself.

    Attributes:
        inputs: Of an op: how many tensors it reads.
        rides: Whether hardware applies it to a result on the way out.
        enters: Whether hardware applies it to what an op reads, on the way in.
        away: Whether it runs on the host.
        chained: Whether its parts read one another, so that the last one alone writes the result.
        lasting: Whether what it writes outlives the inference.
        runs_on: Number of the accelerator that runs it, if there are several on the chip.
        passing_work: Vector operations where it is applied in passing.
        passing_rate: Which rate of the vector unit they have.
        parameters: Learned values.
        all_macs: Multiply-accumulates of all its parts.
        first_part: Its first part.
        end_part: The one behind its last.
        plain: Of a part: its plain op.
        rate: Which rate of the vector unit it has.
        on_array: Whether the array runs it, if it does not run on the host.
        streamed: Whether its result goes on a piece at a time.
        first_read: Its first read.
        end_read: The one behind its last.
        source: Of a read: which input of the op; -1 for the result of the part before.
        fetched: What is fetched of it.
        second: Whether it takes the place of weights.
        written: Of a plain op: size of the result.
        row: Room for a row of the result for one query of one head.
        weights: Learned weights.
        looked_up: Learned values fetched if it has no MACs.
        work: Vector operations.
        macs: How many multiply-accumulates it is made of.
        window: Shape ``(plain ops, FIGURES)``; see ``window_of``.
        bits: Shape ``(plain ops, 4)``: widths of ``W I O`` and partial sums.
        rates: How many rates a vector unit has at most.
    """

    inputs: Ints
    rides: Flags
    enters: Flags
    away: Flags
    chained: Flags
    lasting: Flags
    runs_on: Ints
    passing_work: Floats
    passing_rate: Ints
    parameters: Floats
    all_macs: Floats
    first_part: Ints
    end_part: Ints
    plain: Ints
    rate: Ints
    on_array: Flags
    streamed: Flags
    first_read: Ints
    end_read: Ints
    source: Ints
    fetched: Floats
    second: Flags
    written: Floats
    row: Floats
    weights: Floats
    looked_up: Floats
    work: Floats
    macs: Floats
    window: Floats
    bits: Floats
    rates: int


class Catalog(dict[Op, int]):
    """Op -> its number; an op not met before gets the next one.

    On a chip of several accelerators it gets a number for each of them, one behind the other: the first is that of the
    op on the first accelerator.

    Args:
        abilities: What the hardware can do with ops, each accelerator of a chip.

    Attributes:
        abilities: The same.
        roles: What each part does, to be added to the name of the layer; ``None`` for an op of one part.
        reasons: Why a part runs on the host; ``None`` for one that does not.
        plain: The plain ops by number.
    """

    def __init__(self, *abilities: Abilities) -> None:
        super().__init__()
        self.abilities = abilities
        self._rates = [{kind: 1 + place for place, kind in enumerate(one.rated)} for one in abilities]
        self.roles: list[str | None] = []
        self.reasons: list[str | None] = []
        self.plain: list[Op] = []
        self._plain_numbers: dict[Op, int] = {}
        self._ops = Columns(
            inputs=np.int64,
            rides=np.bool_,
            enters=np.bool_,
            away=np.bool_,
            chained=np.bool_,
            lasting=np.bool_,
            runs_on=np.int64,
            passing_work=float,
            passing_rate=np.int64,
            parameters=float,
            all_macs=float,
            first_part=np.int64,
            end_part=np.int64,
        )
        self._parts = Columns(
            plain=np.int64,
            rate=np.int64,
            on_array=np.bool_,
            streamed=np.bool_,
            first_read=np.int64,
            end_read=np.int64,
        )
        self._reads = Columns(source=np.int64, fetched=float, second=np.bool_)
        self._plains = Columns(
            written=float,
            row=float,
            weights=float,
            looked_up=float,
            work=float,
            macs=float,
            window=(float, (FIGURES,)),
            bits=(float, (4,)),
        )
        self._records: Records | None = None

    def __missing__(self, op: Op) -> int:
        numbers = [self._add(op, place) for place in range(len(self.abilities))]
        self[op] = numbers[0]
        self._records = None
        return self[op]

    def _add(self, op: Op, place: int) -> int:
        """Add an op on the accelerator at a place of the chip, and return its number."""
        rule, first, abilities = op.rule, self._parts.count, self.abilities[place]
        parts = () if rule.lower is None else rule.lower(op)
        reason = reason_of(op, abilities)
        if rule.lower is None:
            self._add_part(place, None, op, range(len(op.elements_read)), streamed=False)
        for part in parts:
            self._add_part(place, part.role, part.op, part.reads, streamed=part.streamed)
        self.reasons += [reason] * (self._parts.count - first)
        return self._ops.extend(
            inputs=len(op.elements_read),
            rides=rule.activation and op.kind in abilities.fuses and reason is None,
            # Learned values would count once for each reader.
            enters=op.kind in abilities.fuses_inputs and reason is None and not op.parameters,
            away=reason is not None,
            chained=any(-1 in part.reads for part in parts),
            lasting=rule.lasting,
            runs_on=place,
            passing_work=op.vector_ops,
            passing_rate=self._rates[place].get(op.kind, 0),
            parameters=op.parameters,
            all_macs=op.macs,
            first_part=first,
            end_part=self._parts.count,
        )

    def _add_part(self, place: int, role: str | None, op: Op, reads: Sequence[int], *, streamed: bool) -> None:
        self.roles.append(role)
        first = self._reads.count
        for which, (source, elements) in enumerate(zip(reads, op.fetched, strict=True)):
            second = op.rule.dynamic and which == 1
            fetched = elements * (op.bits.W if second else op.bits.I) / 8
            self._reads.extend(source=source, fetched=fetched, second=second)
        self._parts.extend(
            plain=self._plain_number(op),
            rate=self._rates[place].get(op.kind, 0),
            on_array=on_array(op, self.abilities[place]),
            streamed=streamed,
            first_read=first,
            end_read=self._reads.count,
        )

    def _plain_number(self, op: Op) -> int:
        found = self._plain_numbers.get(op)
        if found is not None:
            return found
        bits = op.bits
        self.plain.append(op)
        number = self._plain_numbers[op] = self._plains.extend(
            written=op.bytes_of(Operand.O),
            row=op.size(Dim.K) * bits.O / 8,
            weights=op.bytes_of(Operand.W),
            looked_up=op.weights_fetched * bits.W / 8,
            work=op.vector_ops,
            macs=op.macs,
            window=window_of(op),
            bits=(bits.W, bits.I, bits.O, bits.partial),
        )
        return number

    def asked(self, part: int) -> list[int]:
        """Return which inputs of its op a part reads."""
        records = self.records
        reads = records.source[records.first_read[part] : records.end_read[part]]
        return [source for source in reads.tolist() if source >= 0]

    @property
    def records(self) -> Records:
        """What is known of the ops; arrays longer than there are ops."""
        if self._records is None:
            tables = (self._ops, self._parts, self._reads, self._plains)
            arrays = {name: array for table in tables for name, array in table.arrays.items()}
            self._records = Records(**arrays, rates=1 + max(map(len, self._rates)))
        return self._records

    @property
    def full(self) -> bool:
        """Whether it has grown so large that a new one should take its place."""
        return len(self) > _MOST


@lru_cache(maxsize=64)
def _catalogs(abilities: tuple[Abilities, ...]) -> list[Catalog]:
    for one in abilities:
        check_abilities(one)
    return [Catalog(*abilities)]


def catalog_of(*abilities: Abilities) -> Catalog:
    """Return the catalog for hardware that can do ``abilities`` with ops, each accelerator of a chip.

    Raises:
        InputError: It names a kind of op that there is not.
    """
    held = _catalogs(abilities)
    if held[0].full:
        held[0] = Catalog(*abilities)
    return held[0]
