"""Ops without MACs on NVDLA: additions and activations in the SDP, pooling in the PDP.

Throughputs are those of the configuration files (nvdla/hw, ``spec/defs``); what has none runs elsewhere.
"""

from __future__ import annotations

from accelsim.engines.nvdla.machine import Nvdla
from accelsim.workload.ops import Op

__all__ = ["post_cycles"]

_POOLED = ("max_pool", "average_pool")
#: Operations of the SDP's element-wise unit (nvdla/doc: sum, product, maximum and minimum of two tensors).
_ELEMENTWISE = ("add", "multiply", "maximum", "minimum")


def post_cycles(op: Op, machine: Nvdla) -> tuple[str, float] | None:
    """Return the unit that runs an op (``SDP``, ``PDP``) and its cycles there; ``None`` if no unit does.

    Pooling takes its inputs at the rate of the PDP, or makes its outputs, whichever are more. An activation passes at
    the rate of results; on results of the MAC array it costs nothing more.
    """
    if op.kind in _POOLED and machine.pooled_per_cycle:
        return "PDP", max(op.input_elements, op.output_elements) / machine.pooled_per_cycle
    if op.kind in _ELEMENTWISE and machine.elementwise_per_cycle:
        return "SDP", op.output_elements / machine.elementwise_per_cycle
    if op.rule.activation:
        return "SDP", op.output_elements / machine.results_per_cycle
    return None
