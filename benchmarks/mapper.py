"""How long the exact mapper takes for every layer of two networks on some machines, one core.

Run as ``python -m benchmarks.mapper [MACHINE DATAFLOW NETWORK OBJECTIVE]``. Every line is of a process of its own that
takes the distinct layers in the order of the network, once each; compiled code is loaded before the clock starts.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import accelsim as acs
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.load import load_hardware
from accelsim.mappers.exact import best_mapping
from accelsim.mappers.objective import EDP, ENERGY, LATENCY
from accelsim.workload.ops import Op, loops

MACHINES = Path(__file__).parent / "machines"
NETWORKS = ("mobilenet_v2", "resnet50")
FLOWS = ("weight_stationary", "output_stationary", "input_stationary")
OBJECTIVES = {"edp": EDP, "latency": LATENCY, "energy": ENERGY}
MEDIAN_MS, LONGEST_S = 50, 2
_WARM = (
    Op("convolution", loops(K=6, C=5, OY=4, OX=4, FY=3, FX=3), padding=(0, 1, 1), extent=(1, 4, 4)),
    Op("convolution", loops(K=150, C=140, OY=1, OX=1)),
)


class Case(NamedTuple):
    """What is measured: a machine, its dataflow if not its own, a network, an objective."""

    machine: str
    flow: str
    network: str
    objective: str


def cases() -> list[Case]:
    """Return what is measured: the first machine in all ways, the others in their own."""
    found = [
        Case("three_level", flow, network, objective)
        for flow in FLOWS
        for objective in OBJECTIVES
        for network in NETWORKS
    ]
    others = sorted(path.stem for path in MACHINES.glob("*.yaml") if path.stem != "three_level")
    return found + [Case(machine, "-", network, "edp") for machine in others for network in NETWORKS]


def machine_of(case: Case) -> Accelerator:
    """Return the design of a case."""
    chosen = {} if case.flow == "-" else {"dataflow": case.flow}
    return load_hardware(MACHINES / f"{case.machine}.yaml", **chosen)


def measure(case: Case) -> str:
    """Return a line of figures of a case."""
    accelerator, objective = machine_of(case), OBJECTIVES[case.objective]
    network = acs.load_network(case.network)
    ops = dict.fromkeys(layer.op for layer in network if layer.op.macs and layer.op.rule.lower is None)
    for op in _WARM:
        best_mapping(op, accelerator, objective=objective)
    seconds, boxes, proven, whole = [], 0, 0, 0
    for op in ops:
        start = time.process_time()
        found = best_mapping(op, accelerator, objective=objective)
        seconds.append(time.process_time() - start)
        boxes += found.certificate.boxes
        proven += found.certificate.proven
        whole += found.certificate.whole
    return (
        f"{statistics.median(seconds) * 1e3:8.1f} {max(seconds) * 1e3:8.0f} {boxes / len(ops):9.0f}"
        f" {proven / len(ops):7.0%} {whole / len(ops):6.0%}"
    )


def main() -> None:
    """Measure the cases asked for, or all."""
    if len(sys.argv) == len(Case._fields) + 1:
        print(measure(Case(*sys.argv[1:])))
        return
    print(f"exact mapper: aims are a median under {MEDIAN_MS} ms and no layer over {LONGEST_S} s on three_level, edp")
    print(f"{'':66s} median ms   max ms     boxes  proven  whole")
    for case in cases():
        command = [sys.executable, "-m", "benchmarks.mapper", *case]
        figures = subprocess.run(command, check=True, capture_output=True, text=True).stdout.rstrip()
        print(f"{case.machine:16s} {case.flow:18s} {case.network:14s} {case.objective:16s} {figures}", flush=True)


if __name__ == "__main__":
    main()
