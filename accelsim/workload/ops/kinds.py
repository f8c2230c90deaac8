"""The registered kinds of op: which dims index each operand, and how much work one loop point is.

A new kind is one entry here. Whatever is derived (MACs, traffic, footprints, mappings) follows from its projections.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelsim.dims import DIMS, Dim
from accelsim.registry import Registry

if TYPE_CHECKING:
    from accelsim.workload.ops.lower import Part
    from accelsim.workload.ops.op import Op

__all__ = ["OP_KINDS", "Lookup", "OpKind", "Projection", "Sliding"]


@dataclass(frozen=True, slots=True)
class Sliding:
    """An axis indexed by an output and a filter dim: ``out * stride + filter * dilation - padding``."""

    out: Dim
    filter: Dim


@dataclass(frozen=True, slots=True)
class Lookup:
    """An axis addressed by data, as the rows of an embedding table are; no loop walks it.

    Attributes:
        axis: Which entry of the op's ``extent`` is its length.
    """

    axis: int = 0


#: How an operand is indexed: one entry an axis.
Projection = tuple[Dim | Sliding | Lookup, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpKind:
    """A kind of op.

    Attributes:
        name: The registered name.
        inputs: Projection of each activation input; operand ``I`` is the first. ``None`` where loops do not say what
            is read (a concatenation, a slice): the op's ``reads`` does.
        weights: Projection of operand ``W``, or ``None`` for an op without weights.
        output: Projection of operand ``O``.
        dynamic: Whether ``W`` is no learned tensor but the op's second input, as in a product of two activations.
        vector_work: Elementary vector operations per loop point; 0 for an op made of MACs.
        activation: Whether it maps each element alone, so that hardware may apply it to a result on its way out.
        lasting: Whether what it writes outlives the inference, so that nothing else needs to read it.
        whole: Whether a value may depend on all of the first input, whatever the projections say: a mean over a map, an
            order of its values.
        gathered: Elements of the first input (of a table: ``W``) fetched for each element written, where it is not
            simply read once: 1 for a slice, 4 for samples between four neighbours.
        lower: For an op that is more than one loop nest, what it consists of.
        idle: Places in ``DIMS`` of the loops it does not have: they index nothing, and their size is 1.
    """

    name: str
    inputs: tuple[Projection, ...] | None
    output: Projection
    weights: Projection | None = None
    dynamic: bool = False
    vector_work: float = 0.0
    activation: bool = False
    lasting: bool = False
    whole: bool = False
    gathered: int = 0
    lower: Callable[[Op], tuple[Part, ...]] | None = None
    idle: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        axes = [axis for projection in (*(self.inputs or ()), self.weights or (), self.output) for axis in projection]
        pairs = [(axis.out, axis.filter) for axis in axes if isinstance(axis, Sliding)]
        used = {axis for axis in axes if isinstance(axis, Dim)} | {dim for pair in pairs for dim in pair}
        object.__setattr__(self, "idle", tuple(place for place, dim in enumerate(DIMS) if dim not in used))

    @property
    def has_macs(self) -> bool:
        """Whether the work is multiply-accumulates on the array."""
        return self.vector_work == 0.0


OP_KINDS: Registry[OpKind] = Registry("op kind", builtins="accelsim.workload.ops.builtin")
