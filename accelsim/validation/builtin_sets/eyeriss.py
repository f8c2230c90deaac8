"""The Eyeriss chip on AlexNet: five measured layers, quoted."""

from __future__ import annotations

import numpy as np

from accelsim.validation.sets import SETS, Comparison, Files, Kind, ReferenceSet, Scope, Series

__all__ = ["compare"]

_CLOCK_HZ = 200e6
#: Layer -> milliseconds of processing for a batch of 4, and PEs at work (Chen et al., JSSC 52(1), 2017).
_MEASURED = {
    "CONV1": (16.5, 154),
    "CONV2": (39.2, 135),
    "CONV3": (21.8, 156),
    "CONV4": (16.0, 156),
    "CONV5": (10.0, 156),
}


def compare(files: Files) -> Comparison:  # noqa: ARG001 - the figures stand above
    """Return processing latency and PEs at work of AlexNet's convolutions."""
    found = np.array([_figures(name) for name in _MEASURED])
    measured = np.array(list(_MEASURED.values()), dtype=float)
    series = [
        Series(
            what=what,
            unit=unit,
            scope=Scope.LAYER,
            names=tuple(_MEASURED),
            groups=("",) * len(_MEASURED),
            predicted=found[:, place],
            reference=measured[:, place],
        )
        for place, (what, unit) in enumerate((("processing latency", "ms"), ("PEs at work", "")))
    ]
    return Comparison(tuple(series))


def _figures(name: str) -> tuple[float, float]:
    from accelsim.engines.row_stationary import EYERISS, best, energy, traverse
    from accelsim.workload.ops import make

    op = {
        "CONV1": make.convolution((4, 3, 227, 227), 96, (11, 11), stride=(4, 4), padding=(0, 0)),
        "CONV2": make.convolution((4, 96, 27, 27), 256, (5, 5), groups=2),
        "CONV3": make.convolution((4, 256, 13, 13), 384, (3, 3)),
        "CONV4": make.convolution((4, 384, 13, 13), 384, (3, 3), groups=2),
        "CONV5": make.convolution((4, 384, 13, 13), 256, (3, 3), groups=2),
    }[name]
    passes = traverse(op, EYERISS)
    place = best(passes, energy(op, EYERISS, passes))
    return float(passes.cycles[place]) / _CLOCK_HZ * 1e3, float(passes.active_pes[place])


SETS.register("eyeriss")(
    ReferenceSet(
        title="The Eyeriss chip on AlexNet",
        kind=Kind.MEASURED,
        source="Chen, Krishna, Emer, Sze: Eyeriss, JSSC 52(1), 2017: batch 4, 200 MHz, 168 PEs, 16 bit",
        compared="Processing latency and PEs at work of the five convolutions, with the mapping that the model itself "
        "takes (the least energy, as its authors do). The chip's sizes are published ones; nothing is fitted.",
        not_modelled="DRAM time: the chip's processing latency excludes it. Skipping zero inputs saves energy there, "
        "not time, and is not modelled; nor is the compression of what goes to DRAM.",
        compare=compare,
    )
)
