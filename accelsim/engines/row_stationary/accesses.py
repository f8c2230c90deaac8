"""What a row-stationary mapping moves at each level, and its energy in MACs.

Levels and prices are those of Chen et al. (ISCA 2016): one access of a PE's pads costs as much as a 16-bit
MAC, a word between PEs twice, the global buffer 6 times, DRAM 200 times as much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from accelsim.engines.row_stationary.machine import RowStationary
from accelsim.engines.row_stationary.traversal import Passes, fetches, shape_of
from accelsim.errors import InputError, Problem, shown
from accelsim.workload.ops import Op

__all__ = ["LEVELS", "Energies", "accesses", "energy", "energy_shares"]

Floats = npt.NDArray[np.float64]

LEVELS = ("mac", "pads", "array", "buffer", "dram")


@dataclass(frozen=True, slots=True, kw_only=True)
class Energies:
    """Energy of a MAC, and of a word at each level, in any one unit.

    Raises:
        InputError: A price is not a finite number of at least 0.
    """

    mac: float = 1.0
    pads: float = 1.0
    array: float = 2.0
    buffer: float = 6.0
    dram: float = 200.0

    def __post_init__(self) -> None:
        prices = {part.name: getattr(self, part.name) for part in fields(self)}
        problems = [
            Problem(field=f"energies.{name}", got=shown(price), allowed="a finite number of at least 0")
            for name, price in prices.items()
            if not (math.isfinite(price) and price >= 0)
        ]
        if problems:
            raise InputError(problems)


def accesses(op: Op, machine: RowStationary, passes: Passes) -> Mapping[str, Mapping[str, Floats]]:
    """Return the words read and written at each level, by operand (``W``, ``I``, ``O``), one entry a candidate.

    * ``dram``: weights and inputs read, results written.
    * ``buffer``: what comes from DRAM goes in and out (filters wait there for their pass); inputs go to the array once
      for every ``p t`` kernels; a sum goes out and, but for the first channels, comes back.
    * ``array``: a word on a bus once, to however many PEs; a sum once for each PE of its way up.
    * ``pads``: a MAC reads an input, a weight and a sum and writes the sum; PEs write what the bus brings.

    Raises:
        InputError: The array cannot run the op.
    """
    shape = shape_of(op, machine)
    inputs, weights = (words.astype(np.float64) for words in fetches(shape, passes.n, passes.m, passes.e))
    outputs = np.full(len(passes), float(op.output_elements))
    shares, last = shape.kernels // passes.m, shape.kernels % passes.m
    per_share = passes.p * passes.t
    turns = shares * -(-passes.m // per_share) + -(-last // per_share)
    sent = inputs / -(-shape.kernels // passes.m) * turns
    sums = outputs * -(-shape.channels // (passes.q * passes.r))
    macs = np.full(len(passes), float(op.macs))
    reach = np.minimum(shape.filter_rows, passes.e)
    return {
        "mac": {"O": macs},
        "pads": {"W": macs + weights * passes.e, "I": macs + sent * reach, "O": 2 * macs},
        "array": {"W": weights, "I": sent, "O": sums * shape.filter_rows * passes.r},
        "buffer": {"W": 2 * weights, "I": inputs + sent, "O": 2 * sums},
        "dram": {"W": weights, "I": inputs, "O": outputs},
    }


def energy(op: Op, machine: RowStationary, passes: Passes, prices: Energies | None = None) -> Floats:
    """Return the energy of each candidate, by default in MACs.

    Raises:
        InputError: The array cannot run the op.
    """
    return np.asarray(sum(_levels(op, machine, passes, prices).values()))


def energy_shares(
    op: Op, machine: RowStationary, passes: Passes, prices: Energies | None = None
) -> Mapping[str, Floats]:
    """Return the share of each level (``LEVELS``) in the energy of each candidate.

    Raises:
        InputError: The array cannot run the op, or every price is 0.
    """
    levels = _levels(op, machine, passes, prices)
    total = np.asarray(sum(levels.values()))
    if not total.all():
        raise InputError(Problem(field="energies", message="all are 0; there are no shares of nothing"))
    return {level: value / total for level, value in levels.items()}


def _levels(op: Op, machine: RowStationary, passes: Passes, prices: Energies | None) -> dict[str, Floats]:
    prices = prices or Energies()
    moved = accesses(op, machine, passes)
    return {level: getattr(prices, level) * np.asarray(sum(moved[level].values())) for level in LEVELS}
