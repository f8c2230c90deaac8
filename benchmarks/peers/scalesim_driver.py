"""Runs a job on SCALE-Sim, in its environment: ``python -m benchmarks.peers.scalesim_driver JOB MODE``.

``MODE`` is the tool's own word: ``USER`` simulates the memory with the machine's DRAM bandwidth, ``CALC`` supposes that
it never waits and says what bandwidth that takes. Traces are not written to disk. The tool knows no groups: a depthwise
layer is simulated for one of its channels, and the cycles are multiplied.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers.contract import Reporter, drive
from benchmarks.peers.work import WARM_UP, Job, Layer, Machine

#: Parts of the on-chip memory that its three buffers get: inputs, weights, outputs.
_SHARES = (3 / 8, 3 / 8, 1 / 4)


def config(machine: Machine, mode: str) -> str:
    """Return the text of its configuration file for ``machine``."""
    inputs, weights, outputs = (int(machine.buffer_kib * share) for share in _SHARES)
    bandwidth = machine.dram_bytes_per_cycle
    sections: dict[str, dict[str, Any]] = {
        "general": {"run_name": "peers"},
        "architecture_presets": {
            "ArrayHeight": machine.rows,
            "ArrayWidth": machine.columns,
            "IfmapSramSzkB": inputs,
            "FilterSramSzkB": weights,
            "OfmapSramSzkB": outputs,
            "IfmapOffset": 0,
            "FilterOffset": 10_000_000,
            "OfmapOffset": 20_000_000,
            "Bandwidth": bandwidth,
            "Dataflow": "ws",
            "MemoryBanks": 1,
            "ReadRequestBuffer": 32,
            "WriteRequestBuffer": 32,
        },
        "layout": {
            f"{operand}{key}": value
            for operand in ("Ifmap", "Filter")
            for key, value in {
                "CustomLayout": False,
                "SRAMBankBandwidth": bandwidth,
                "SRAMBankNum": bandwidth,
                "SRAMBankPort": 2,
            }.items()
        },
        "sparsity": {"SparsitySupport": False},
        "run_presets": {"InterfaceBandwidth": mode, "UseRamulatorTrace": False},
    }
    lines = []
    for section, entries in sections.items():
        lines += [f"[{section}]", *(f"{key} : {value}" for key, value in entries.items()), ""]
    return "\n".join(lines)


def topology(layers: tuple[Layer, ...]) -> str:
    """Return the text of its file of layers: input with the padding that is read, kernel, channels, filters, stride."""
    lines = ["layer, ifmap h, ifmap w, filter h, filter w, channels, filters, stride,"]
    for number, layer in enumerate(layers):
        padded = (layer.output_size - 1) * layer.stride + layer.kernel
        channels, filters = layer.inputs // layer.groups, layer.outputs // layer.groups
        # A number for a name: names that hold certain letters have a meaning to the tool.
        row = (number, padded, padded, layer.kernel, layer.kernel, channels, filters, layer.stride)
        lines.append(", ".join(map(str, row)) + ",")
    return "\n".join(lines) + "\n"


def simulate(job: Job, mode: str, report: Reporter | None, folder: Path) -> None:
    """Run the layers of ``job`` in one run of the tool, as its own command does; ``report`` hears of every layer."""
    import scalesim.simulator as simulator  # type: ignore[import-not-found]
    from scalesim.scale_sim import scalesim  # type: ignore[import-not-found]

    shipped = simulator.layer_sim
    left = iter(job.layers)

    class Reporting(shipped):  # type: ignore[misc, valid-type]
        """The tool's own simulation of a layer, and a word when it is done."""

        def run(self) -> None:
            """Simulate the layer."""
            super().run()
            layer = next(left)
            if report is not None:
                report.layer(layer.name, self.get_compute_report_items()[1] * layer.groups, 1)

    simulator.layer_sim = Reporting
    try:
        (folder / "config.cfg").write_text(config(job.machine, mode))
        (folder / "topology.csv").write_text(topology(job.layers))
        (folder / "layout.csv").write_text("unused,\n")
        run = scalesim(
            save_disk_space=True,
            verbose=False,
            config=str(folder / "config.cfg"),
            topology=str(folder / "topology.csv"),
            layout=str(folder / "layout.csv"),
        )
        run.run_scale(top_path=str(folder / "out"))
    finally:
        simulator.layer_sim = shipped


def work(job: Job, report: Reporter) -> None:
    """Run ``job``."""
    with tempfile.TemporaryDirectory() as folder:
        simulate(replace(job, layers=(WARM_UP,)), sys.argv[2], None, Path(folder))
        report.ready()
        simulate(job, sys.argv[2], report, Path(folder))


if __name__ == "__main__":
    drive("SCALE-Sim", version("scalesim"), work)
