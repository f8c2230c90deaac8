"""Runs a job on accelsim, through its front door: ``python -m benchmarks.peers.accelsim_driver JOB``.

How many mappings are costed for a layer is asked of the mapper; for a layer that was met before, none are.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import accelsim as acs
from accelsim.cost.front import candidates
from accelsim.cost.rows import machine_of
from benchmarks.peers.contract import Reporter, drive
from benchmarks.peers.work import WARM_UP, Job, Layer, Machine


def hardware(machine: Machine) -> Any:
    """Return the bundled systolic array with the sizes of ``machine``."""
    return acs.load_hardware(
        "systolic",
        rows=machine.rows,
        columns=machine.columns,
        dataflow="weight_stationary",
        buffer_kib=machine.buffer_kib,
        dram_gbps=machine.dram_bytes_per_cycle,
        clock_mhz=1000,  # At 1 GHz a GB/s is a byte a cycle.
    )


def network_text(layer: Layer) -> str:
    """Return a network file (JSON is YAML) that is ``layer`` alone."""
    block: dict[str, Any] = {"block": "conv", "out": layer.outputs, "groups": layer.groups}
    block |= {"kernel": layer.kernel, "stride": layer.stride}
    size = [layer.inputs, layer.size, layer.size]
    return json.dumps({"schema_version": 1, "description": layer.name, "input": size, "layers": [block]})


def networks(job: Job, folder: Path) -> Iterator[Any]:
    """Yield the network of ``job``, or each of its layers as one.

    Raises:
        ValueError: Its multiply-accumulates are not those of the job's layers.
    """
    if job.network:
        wanted = [(job.network, sum(layer.macs for layer in job.layers))]
    else:
        wanted = []
        for number, layer in enumerate(job.layers):
            path = folder / f"{number}.yaml"
            path.write_text(network_text(layer), encoding="utf-8")
            wanted.append((str(path), layer.macs))
    for name, macs in wanted:
        network = acs.load_network(name)
        if network.macs != macs:
            raise ValueError(f"{name} has {network.macs} MACs, the job has {macs}")
        yield network


def evaluate(job: Job, report: Reporter | None, folder: Path) -> None:
    """Evaluate ``job``, files read and all; ``report`` hears of every layer that has MACs."""
    machine, met = hardware(job.machine), set[Any]()
    for network in networks(job, folder):
        ops = {node.name: node.op for node in network}
        for layer in acs.evaluate(network, machine).layers:
            if report is not None and layer.metrics.macs:
                op = ops[layer.name]
                costed = 0 if op in met else len(candidates(op, machine_of(machine)))
                met.add(op)
                report.layer(layer.name, layer.metrics.latency_cycles, costed)


def work(job: Job, report: Reporter) -> None:
    """Run ``job``."""
    with tempfile.TemporaryDirectory() as folder:
        evaluate(Job("warm up", job.machine, (WARM_UP,)), None, Path(folder))
        report.ready()
        evaluate(job, report, Path(folder))


if __name__ == "__main__":
    drive("accelsim", version("accelsim"), work)
