"""NVDLA: an array of Atomic-C x Atomic-K multipliers behind a convolution buffer of banks."""

from accelsim.engines.nvdla.machine import PRESETS, Nvdla, Ports
from accelsim.engines.nvdla.post import post_cycles
from accelsim.engines.nvdla.steps import MODES, Shape, mac_cycles, modes_of, shape_of, unsupported
from accelsim.engines.nvdla.traversal import Blocks, binding, resources, traverse

__all__ = [
    "MODES",
    "PRESETS",
    "Blocks",
    "Nvdla",
    "Ports",
    "Shape",
    "binding",
    "mac_cycles",
    "modes_of",
    "post_cycles",
    "resources",
    "shape_of",
    "traverse",
    "unsupported",
]
