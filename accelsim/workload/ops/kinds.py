"""The registered kinds of op: which dims index each operand, and how much work one loop point is.

A new kind is one entry here. Whatever is derived (MACs, traffic, footprints, mappings) follows from its projections.
"""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.dims import Dim
from accelsim.registry import Registry

__all__ = ["OP_KINDS", "OpKind", "Projection", "Sliding"]

B, G, K, C, OY, OX, FY, FX = Dim


@dataclass(frozen=True, slots=True)
class Sliding:
    """An input axis indexed by an output and a filter dim: ``out * stride + filter * dilation - padding``."""

    out: Dim
    filter: Dim


#: How an operand is indexed: one entry an axis, a dim or a sliding window.
Projection = tuple[Dim | Sliding, ...]

_IMAGE: Projection = (B, G, C, Sliding(OY, FY), Sliding(OX, FX))
_MAP: Projection = (B, G, K, OY, OX)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpKind:
    """A kind of op.

    Attributes:
        name: The registered name.
        inputs: Projection of each activation input; operand ``I`` is the first.
        weights: Projection of operand ``W``, or ``None`` for an op without weights.
        output: Projection of operand ``O``.
        vector_work: Elementary vector operations per loop point; 0 for an op made of MACs.
        activation: Whether it maps each element alone, so that hardware may apply it to a result on its way out.
    """

    name: str
    inputs: tuple[Projection, ...]
    weights: Projection | None = None
    output: Projection = _MAP
    vector_work: float = 0.0
    activation: bool = False

    @property
    def has_macs(self) -> bool:
        """Whether the work is multiply-accumulates on the array."""
        return self.vector_work == 0.0


OP_KINDS: Registry[OpKind] = Registry("op kind", builtins="accelsim.workload.ops.kinds")


def _add(kind: OpKind) -> None:
    OP_KINDS.register(kind.name)(kind)


_add(OpKind(name="conv2d", inputs=(_IMAGE,), weights=(G, K, C, FY, FX)))
_add(OpKind(name="fully_connected", inputs=((B, C),), weights=(K, C), output=(B, K)))
_add(OpKind(name="max_pool", inputs=(_IMAGE,), vector_work=1.0))
_add(OpKind(name="average_pool", inputs=(_IMAGE,), vector_work=1.0))
_add(OpKind(name="add", inputs=(_MAP, _MAP), vector_work=1.0))
#: A feature map scaled by one value per channel, as squeeze-excite does.
_add(OpKind(name="scale", inputs=(_MAP, (B, G, K)), vector_work=1.0))
# Work of an activation: compare, add and multiply steps of its usual fixed-point form; a table look-up counts 1.
for _name, _work in {
    "relu": 1.0,  # max
    "relu6": 2.0,  # max, min
    "hard_sigmoid": 3.0,  # add, clip to [0, 6] (2); the division by 6 goes into the output scale
    "hard_swish": 4.0,  # hard_sigmoid, multiply
    "sigmoid": 1.0,  # table
    "swish": 2.0,  # table, multiply
}.items():
    _add(OpKind(name=_name, inputs=(_MAP,), vector_work=_work, activation=True))
