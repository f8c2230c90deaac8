"""Operations: loop sizes and projections. Convolution, depthwise, grouped and fully connected are all one object."""

from accelsim.workload.ops.kinds import OP_KINDS, OpKind, Sliding
from accelsim.workload.ops.make import convolution, elementwise, fully_connected, pool
from accelsim.workload.ops.op import Bits, Op, Shape

__all__ = [
    "OP_KINDS",
    "Bits",
    "Op",
    "OpKind",
    "Shape",
    "Sliding",
    "convolution",
    "elementwise",
    "fully_connected",
    "pool",
]
