"""What works beside the array: the vector unit, the host, and what the accelerator can run at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.hardware.engines import Configured

__all__ = ["Abilities", "Host", "Vector"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vector:
    """The unit for ops without MACs.

    Attributes:
        lanes: Elementary operations per cycle.
        fuses: Activations it applies to a result on its way out.
        fuses_inputs: Activations it applies to what an op reads.
        rated: Kinds of op with a rate of their own.
        rates: That rate of each of them.
        bandwidth_bytes_per_cycle: What it reads from and writes to the outermost memory at most; ``None`` if it is no
            slower than that memory.
    """

    lanes: Floats
    fuses: tuple[str, ...]
    fuses_inputs: tuple[str, ...] = ()
    rated: tuple[str, ...] = ()
    rates: tuple[Floats, ...] = ()
    bandwidth_bytes_per_cycle: Floats | None = None

    @property
    def paces(self) -> Floats:
        """Elementary operations per cycle, shape ``(1 + rated kinds, designs)``: of the lanes, then of each kind."""
        return np.stack([self.lanes, *self.rates])

    def pace(self, kind: str) -> Floats:
        """Return the elementary operations per cycle of a kind of op."""
        return self.rates[self.rated.index(kind)] if kind in self.rated else self.lanes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Host:
    """The processor that runs what the accelerator cannot; cycles are the accelerator's.

    Attributes:
        lanes: Elementary operations per cycle.
        macs_per_cycle: Multiply-accumulates per cycle.
        transfer_cycles: Cycles to hand the work over to the host, or back.
        pj_per_operation: Energy of an elementary operation; ``None`` if it is not modelled.
        pj_per_mac: Energy of a multiply-accumulate; ``None`` if it is not modelled.
    """

    lanes: Floats
    macs_per_cycle: Floats
    transfer_cycles: Floats
    pj_per_operation: Floats | None = None
    pj_per_mac: Floats | None = None


@dataclass(frozen=True, slots=True)
class Abilities:
    """What hardware can do with ops, apart from numbers: the same for all designs of a batch, and hashable.

    Attributes:
        fuses: Activations it applies to a result on its way out.
        fuses_inputs: Activations it applies to what an op reads.
        rated: Kinds of op for which the vector unit has a rate of their own.
        bits: Widths that it computes with; ``None`` for any.
        without: Kinds of op that it cannot run.
        host: Whether a host runs what it cannot.
        engine: The engine that cuts ops into blocks, with those options that are no numbers. It may take ops without
            MACs from the vector unit, and refuse others, which then go to the host, if there is one.
    """

    fuses: tuple[str, ...] = ()
    fuses_inputs: tuple[str, ...] = ()
    rated: tuple[str, ...] = ()
    bits: tuple[int, ...] | None = None
    without: tuple[str, ...] = ()
    host: bool = False
    engine: Configured | None = None
