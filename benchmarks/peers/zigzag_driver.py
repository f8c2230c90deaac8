"""Runs a job on ZigZag, in its environment: ``python -m benchmarks.peers.zigzag_driver JOB``.

The call is the tool's own front door with its own settings (``lpf_limit`` 6, uneven mappings, three spatial mappings at
most), for the least latency. Output channels lie along the columns and input channels down the rows.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers.contract import Reporter, drive
from benchmarks.peers.work import WARM_UP, Job, Layer, Machine

_LINKS = {"O": "O", "W": "I2", "I": "I1"}


def _port(number: int, kind: str, bits: int, *allocation: str) -> dict[str, Any]:
    prefix = {"read": "r", "write": "w", "read_write": "rw"}[kind]
    return {
        "name": f"{prefix}_port_{number}",
        "type": kind,
        "bandwidth_min": min(bits, 8),
        "bandwidth_max": bits,
        "allocation": list(allocation),
    }


def _memory(size: int, energy_pj: float, operands: str, dims: list[str], ports: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "size": size,
        "r_cost": energy_pj,
        "w_cost": energy_pj,
        "area": 0.0,
        "latency": 1,
        "operands": operands.split(),
        "ports": ports,
        "served_dimensions": dims,
    }


def hardware(machine: Machine) -> dict[str, Any]:
    """Return its description of ``machine``: a weight in each PE, a partial sum under each column, buffer and DRAM.

    Energies only have to rise from the PE outwards; the search is for the least latency.
    """
    both = ["D1", "D2"]
    edge, dram = 8 * (machine.rows + 9 * machine.columns), 8 * machine.dram_bytes_per_cycle
    weight = [_port(1, "read", 8, "I2, tl"), _port(1, "write", 8, "I2, fh")]
    partial = [_port(1, "read", 32, "O, tl"), _port(2, "read", 32, "O, th")]
    partial += [_port(1, "write", 32, "O, fh"), _port(2, "write", 32, "O, fl")]
    buffer = [
        _port(1, "read", edge, "I1, tl", "I2, tl", "O, tl", "O, th"),
        _port(1, "write", edge, "I1, fh", "I2, fh", "O, fh", "O, fl"),
    ]
    ends = ("I1, fh", "I1, tl", "I2, fh", "I2, tl", "O, fh", "O, tl", "O, fl", "O, th")
    return {
        "name": "peers",
        "memories": {
            "weight": _memory(8, 0.01, "I2", [], weight),
            "partial": _memory(32, 0.03, "O", ["D2"], partial),
            "buffer": _memory(machine.buffer_kib * 8192, 50.0, "I1 I2 O", both, buffer),
            "dram": _memory(10**10, 700.0, "I1 I2 O", both, [_port(1, "read_write", dram, *ends)]),
        },
        "operational_array": {
            "unit_energy": 0.04,
            "unit_area": 1.0,
            "dimensions": both,
            "sizes": [machine.columns, machine.rows],
            "systolic_dimensions": both,
        },
    }


def mapping(machine: Machine) -> list[dict[str, Any]]:
    """Return its description of the weight-stationary dataflow."""
    spatial = {"D1": [f"K, {machine.columns}"], "D2": [f"C, {machine.rows}"]}
    return [{"name": "default", "spatial_mapping": spatial, "memory_operand_links": _LINKS}]


def workload(layers: tuple[Layer, ...]) -> list[dict[str, Any]]:
    """Return its description of the layers, each on its own: what the tool does too unless told otherwise."""
    found = []
    for number, layer in enumerate(layers):
        size, pad = layer.output_size, layer.kernel // 2
        loops = {
            "B": 1,
            "K": layer.outputs // layer.groups,
            "G": layer.groups,
            "OX": size,
            "OY": size,
            "C": layer.inputs // layer.groups,
            "FX": layer.kernel,
            "FY": layer.kernel,
        }
        found.append(
            {
                "id": number,
                "name": layer.name,
                "operator_type": "Conv",
                "equation": "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]",
                "dimension_relations": [f"ix={layer.stride}*ox+1*fx", f"iy={layer.stride}*oy+1*fy"],
                "loop_dims": list(loops),
                "loop_sizes": list(loops.values()),
                "operand_precision": {"W": 8, "I": 8, "O": 32, "O_final": 8},
                "operand_source": {"W": number, "I": number},
                "pr_loop_dims": ["IX", "IY"],
                "pr_loop_sizes": [layer.size, layer.size],
                "padding": [[pad, pad], [pad, pad]],
            }
        )
    return found


def search(layers: tuple[Layer, ...], machine: Machine, report: Reporter | None, folder: Path) -> None:
    """Run the layers in one run of the tool; ``report`` hears of every layer and of the mappings costed for it."""
    from zigzag import api  # type: ignore[import-not-found]
    from zigzag.stages.evaluation.cost_model_evaluation import CostModelStage  # type: ignore[import-not-found]
    from zigzag.stages.workload_iterator import WorkloadStage  # type: ignore[import-not-found]

    class Counting(CostModelStage):  # type: ignore[misc]
        """The tool's own evaluation of a mapping, counted."""

        total = 0

        def run(self) -> Iterator[Any]:
            """Evaluate the mapping."""
            Counting.total += 1
            yield from super().run()

    class Reporting(WorkloadStage):  # type: ignore[misc]
        """The tool's own walk over the layers, and a word after each."""

        def run(self) -> Iterator[Any]:
            """Yield the best mapping of each layer."""
            for layer, (best, extra) in zip(layers, super().run(), strict=True):
                if report is not None:
                    report.layer(layer.name, best.latency_total2, Counting.total)
                Counting.total = 0
                yield best, extra

    for name, content in (("hardware", hardware(machine)), ("mapping", mapping(machine))):
        (folder / f"{name}.yaml").write_text(json.dumps(content))  # JSON is YAML.
    shipped = api.CostModelStage, api.WorkloadStage
    api.CostModelStage, api.WorkloadStage = Counting, Reporting
    try:
        api.get_hardware_performance_zigzag(
            workload(layers),
            str(folder / "hardware.yaml"),
            str(folder / "mapping.yaml"),
            opt="latency",
            dump_folder=str(folder / "out"),
            loma_show_progress_bar=False,
        )
    finally:
        api.CostModelStage, api.WorkloadStage = shipped


def work(job: Job, report: Reporter) -> None:
    """Run ``job``."""
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        search((WARM_UP,), job.machine, None, Path(folder))
        report.ready()
        search(job.layers, job.machine, report, Path(folder))


if __name__ == "__main__":
    drive("ZigZag", version("zigzag-dse"), work)
