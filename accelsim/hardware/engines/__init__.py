"""Compute engines: how a tile runs on the array. Most are dataflows, which are data; some cut ops into blocks."""

from accelsim.hardware.engines.blocks import (
    BLOCK_ENGINES,
    SWITCH,
    BlockEngine,
    Configured,
    Option,
    Peak,
    Setting,
    Settings,
)
from accelsim.hardware.engines.dataflow import ENGINES, Dataflow, Engine

__all__ = [
    "BLOCK_ENGINES",
    "ENGINES",
    "SWITCH",
    "BlockEngine",
    "Configured",
    "Dataflow",
    "Engine",
    "Option",
    "Peak",
    "Setting",
    "Settings",
]
