"""Ops without MACs on NVDLA: additions and activations in the SDP, pooling in the PDP.

Throughputs are those of the configuration files (nvdla/hw, ``spec/defs``); what has none runs elsewhere.
"""

from __future__ import annotations

import math

import numpy as np

from accelsim.dims import Dim, Operand
from accelsim.engines.engine import Around, Ways, no_traffic
from accelsim.engines.nvdla.machine import Nvdla
from accelsim.errors import NoMappingError
from accelsim.workload.ops import Op

__all__ = ["post_cycles", "post_ways", "takes"]

_POOLED = ("max_pool", "average_pool")
#: Operations of the SDP's element-wise unit (nvdla/doc: sum, product, maximum and minimum of two tensors).
_ELEMENTWISE = ("add", "multiply", "maximum", "minimum")
_INPUTS, _OUTPUTS = 1, 2


def takes(op: Op, *, sixteen_bit: bool) -> bool:
    """Return whether the SDP or the PDP of a core, with or without 16-bit modes, runs an op; volumes they do not."""
    flat = op.size(Dim.OZ) == op.size(Dim.FZ) == 1
    narrow = max(op.bits.I, op.bits.O) <= (16 if sixteen_bit else 8)
    return flat and narrow and (op.kind in (*_POOLED, *_ELEMENTWISE) or op.rule.activation)


def post_cycles(op: Op, machine: Nvdla) -> tuple[str, float] | None:
    """Return the unit that runs an op (``SDP``, ``PDP``) and its cycles there; ``None`` if no unit does.

    Pooling takes its inputs at the rate of the PDP, or makes its outputs, whichever are more. An activation passes at
    the rate of results; on results of the MAC array it costs nothing more.
    """
    if op.kind in _POOLED and machine.pooled_per_cycle:
        return "PDP", _streamed(op) / machine.pooled_per_cycle
    if op.kind in _ELEMENTWISE and machine.elementwise_per_cycle:
        return "SDP", _streamed(op) / machine.elementwise_per_cycle
    if op.rule.activation:
        return "SDP", _streamed(op) / machine.results_per_cycle
    return None


def post_ways(op: Op, machine: Nvdla, around: Around) -> Ways:
    """Return the one way to run an op without MACs: its tensors stream from memory to memory, past the buffer.

    Features are read in whole atoms of memory.

    Raises:
        NoMappingError: The core has no unit for it.
    """
    found = post_cycles(op, machine)
    if found is None:
        raise NoMappingError(f"{op.label}: the core has no unit for it")
    unit, cycles = found
    words = f"{unit}: {_streamed(op):,} values, {_streamed(op) / cycles:g} a cycle"
    moved, room = no_traffic(1, around.memories)
    images, channels, *pixels = op.input_shape
    width, atom = -(-op.bits.I // 8), machine.memory_atom_bytes
    line = -(-channels * width // atom) * atom
    moved[0, around.home(Operand.I), _INPUTS, 0] += len(op.elements_read) * images * line * math.prod(pixels)
    moved[0, around.home(Operand.O), _OUTPUTS, 1] += op.bytes_of(Operand.O)
    return Ways(cycles=np.array([cycles]), steps=np.zeros(1), moved=moved, room=room, words=(words,))


def _streamed(op: Op) -> int:
    """Return the values that a pool takes or makes, whichever are more; of any other op, its results."""
    return max(op.input_elements, op.output_elements) if op.kind in _POOLED else op.output_elements
