"""What an engine says about a dataflow: spatial dims, the stream, what stays in the PEs, and the cost of a pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.dims import DIMS, Dim, Operand
from accelsim.registry import Registry

__all__ = ["ENGINES", "Dataflow", "Engine"]

#: Dims that share one axis as if they were a single loop (im2col does so with ``C FY FX``); all of them index the same
#: operands.
Group = tuple[Dim, ...]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataflow:
    """How loops are laid on the array.

    A *pass* loads what is held, then takes one step per point of the stream. Loops that are neither spatial nor
    streamed run over passes.

    Attributes:
        name: Name in the template, such as ``weight_stationary``.
        rows: Groups on the rows. The first fills the axis as far as it reaches, the next divides what is left.
        columns: Groups on the columns.
        stream: Dims whose loop runs inside a pass.
        held: Operands that stay in the array over every loop that does not index them.
        pass_overhead: Cycles that a pass costs beyond its steps, given rows and columns.
    """

    name: str
    rows: tuple[Group, ...]
    columns: tuple[Group, ...]
    stream: Group
    held: frozenset[Operand]
    pass_overhead: Callable[[_Floats, _Floats], _Floats]

    @property
    def sequential(self) -> Group:
        """Dims that are neither on an axis nor in the stream; each of their points is a pass of its own."""
        taken = {dim for group in (*self.rows, *self.columns, self.stream) for dim in group}
        return tuple(dim for dim in DIMS if dim not in taken)


#: An engine: its dataflows by name.
Engine = Mapping[str, Dataflow]

ENGINES: Registry[Engine] = Registry("compute engine", builtins="accelsim.hardware.engines.builtin")
