"""Row stationary: every PE holds a filter row and slides it over a row of the input (Eyeriss)."""

from accelsim.engines.row_stationary.accesses import Energies, energy, energy_shares
from accelsim.engines.row_stationary.machine import EYERISS, RowStationary
from accelsim.engines.row_stationary.traversal import Passes, Shape, best, shape_of, traverse, unsupported

__all__ = [
    "EYERISS",
    "Energies",
    "Passes",
    "RowStationary",
    "Shape",
    "best",
    "energy",
    "energy_shares",
    "shape_of",
    "traverse",
    "unsupported",
]
