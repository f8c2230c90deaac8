"""Arm Ethos-U: blocks of outputs, the order they are worked in, cycles and traffic, and the size of coded weights.

``estimate`` gives one layer with the block that the vendor's compiler takes, ``chain`` a network of layers,
``traverse`` all blocks of a layer at once; ``layer_of`` says what the NPU sees of an op.
"""

from accelsim.engines.ethos_u.estimate import Estimate, Role, chain, estimate
from accelsim.engines.ethos_u.layer import Activation, Kind, Layer, Work, layer_of
from accelsim.engines.ethos_u.machine import CONFIGURATIONS, SYSTEMS, Memory, Npu, System, npu, system
from accelsim.engines.ethos_u.traversal import Place, Traversal, traverse
from accelsim.engines.ethos_u.weights import Spread

__all__ = [
    "CONFIGURATIONS",
    "SYSTEMS",
    "Activation",
    "Estimate",
    "Kind",
    "Layer",
    "Memory",
    "Npu",
    "Place",
    "Role",
    "Spread",
    "System",
    "Traversal",
    "Work",
    "chain",
    "estimate",
    "layer_of",
    "npu",
    "system",
    "traverse",
]
