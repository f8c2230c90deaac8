"""An FPGA NPU, the DPU on a ZCU102 board, measured on networks of Accel-NASBench's space; most were not fitted to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.errors import InputError, Problem
from accelsim.validation.sets import SETS, Comparison, Files, Kind, ReferenceFile, ReferenceSet

if TYPE_CHECKING:
    from accelsim.validation.builtin_sets.table import Row
    from accelsim.validation.measurements import Measurements

__all__ = ["FITTED", "compare", "read_networks"]

_STAGES = 7
#: A column of the file -> the parameter of ``workloads/accel_nasbench.yaml``; stages count from 0 and from 1.
_PARAMETERS = {"e": "expand", "k": "kernel", "l": "layers", "se": "se"}
_SQUEEZED = 0.25
#: Rows that ``hw_templates/dpu_zcu102.yaml`` was fitted to, by their id: every tenth of the file, a hundred of them.
FITTED = frozenset((
    4, 56, 157, 192, 229, 291, 348, 413, 478, 517, 550, 594, 651, 684, 729, 772, 823, 857, 911, 971, 1037, 1092,
    1148, 1193, 1227, 1283, 1340, 1383, 1425, 1458, 1500, 1562, 1604, 1647, 1713, 1769, 1833, 1886, 1953, 1997,
    2043, 2092, 2125, 2180, 2239, 2313, 2357, 2418, 2456, 2491, 2545, 2587, 2629, 2657, 2728, 2772, 2835, 2887,
    2935, 2976, 3005, 3033, 3074, 3115, 3181, 3212, 3237, 3276, 3325, 3380, 3441, 3481, 3513, 3573, 3620, 3677,
    3720, 3766, 3829, 3859, 3900, 3950, 3991, 4026, 4069, 4119, 4169, 4209, 4255, 4310, 4369, 4414, 4460, 4494,
    4552, 4596, 4635, 4688, 4727, 4772,
))  # fmt: skip


def read_networks(path: Path) -> tuple[tuple[int, ...], Measurements]:
    """Return the ids of the rows of the file, and its networks with their latency in ms.

    Raises:
        InputError: A column is missing, or a cell is no network of the space or no positive latency.
    """
    from accelsim.validation.builtin_sets.table import read_table
    from accelsim.validation.measurements import Measurements
    from accelsim.workload.load import network_template

    blocks = [f"block{stage}_{column}" for stage in range(_STAGES) for column in _PARAMETERS]
    table = read_table(path, ("id", *blocks, "latency_zcu102_ms"))
    latency = table.numbers("latency_zcu102_ms")
    for row in (row for row, value in zip(table.rows, latency, strict=True) if not value):
        raise row.mistake("latency_zcu102_ms", "a number above 0")
    template, networks = network_template("accel_nasbench"), []
    for row in table.rows:
        try:
            networks.append(template.build(_parameters(row)))
        except InputError as error:
            raise InputError([problem.at(row.file, row.line) for problem in error.problems]) from error
    ids = tuple(row.whole("id") for row in table.rows)
    return ids, Measurements(path, "latency_ms", tuple(f"row {one}" for one in ids), tuple(networks), latency)


def _parameters(row: Row) -> dict[str, float]:
    found: dict[str, float] = {}
    for stage in range(_STAGES):
        for column, name in _PARAMETERS.items():
            value = row.whole(f"block{stage}_{column}")
            found[f"{name}_{stage + 1}"] = _SQUEEZED * value if name == "se" else value
    return found


def compare(files: Files) -> Comparison:
    """Return latencies of the rows that the preset was not fitted to, and of those it was, if there are any."""
    import numpy as np

    from accelsim.hardware.load import accelerator_template
    from accelsim.validation.builtin_sets.measured import compare_networks

    ids, measured = read_networks(files["networks"])
    fitted = np.array([one in FITTED for one in ids])
    if fitted.all():
        problem = Problem(field="id", message="the preset was fitted to every row: none is left", file=measured.path)
        raise InputError(problem)
    series = []
    for places, what in ((~fitted, "latency, rows not fitted to"), (fitted, "latency, rows fitted to")):
        if places.any():
            part = measured.take(np.flatnonzero(places))
            (found,) = compare_networks(accelerator_template("dpu_zcu102"), part, {}).series
            series.append(replace(found, what=what, names=part.names))
    return Comparison(tuple(series))


SETS.register("fpga")(
    ReferenceSet(
        title="An FPGA NPU on networks of Accel-NASBench's space",
        kind=Kind.MEASURED,
        source="Accel-NASBench (arXiv 2404.08005, Apache-2.0): batch 1 on a DPU (DPUCZDX8G, B4096) of a ZCU102 board",
        compared="Networks of the MnasNet space on EfficientNet-B0's seven stages: expansion, filter, layers and "
        "squeeze-excite of each. Parallelism, clock and ports of `dpu_zcu102` are published, how its memory is divided "
        "is assumed, and four parameters were fitted to a hundred of the networks with `accelsim calibrate`: the DRAM "
        "bandwidth of pooling and element-wise work, pooled inputs and gates a cycle, and the cycles of a call.",
        not_modelled="Pooling and scaling slow down with the size of a map, because slices of fewer channels fit; the "
        "model has one bandwidth for all maps that do not stay on the chip. Weights seem to load over one of the two "
        "ports, here over both: layers with small maps and many weights are too fast.",
        compare=compare,
        plotted=False,
        files=(
            ReferenceFile(
                "networks",
                ("accel_nasbench/mnasnet_space_20pct.csv.gz", "accel_nasbench/mnasnet_space.csv.gz"),
            ),
        ),
    )
)
