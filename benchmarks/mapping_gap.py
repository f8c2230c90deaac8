"""How much the default mapper loses to the exact one: ``python -m benchmarks.mapping_gap [TEMPLATE DESIGNS]``.

Pairs of a layer and a random design, the same every time: each layer of each network on designs drawn from the
template's own space, with the whole tensors on chip that the schedule keeps there. The gap is the energy x delay of the
default mapper's choice, divided by that of the best mapping. Times are of the default mapper: of layers met for the
first time, and of a layer in a batch of many designs.

``python -m benchmarks.mapping_gap sweep [DESIGNS]`` instead takes designs from the million of ``benchmarks.sweep``,
and adds up the energy x delay of all layers of MobileNetV2.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import accelsim as acs
from accelsim.cost.energy import leakage_pj, op_bits
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.load import HardwareTemplate, hardware_template
from accelsim.mappers.exact import best_mapping
from accelsim.schedule.run import Run, run
from accelsim.schedule.steps import planned
from accelsim.workload.network import Network
from benchmarks import sweep

NETWORKS = ("mobilenet_v2", "mobilenet_v3_small", "resnet50", "efficientnet_b0", "deit_tiny")
TEMPLATES = ("systolic", "npu", str(Path(__file__).parent / "machines/three_level.yaml"))
DESIGNS, BATCH, SAMPLE = 4, 2_000, 1_000
_SEED = 5


@dataclass(frozen=True, slots=True)
class Pair:
    """A distinct layer on a design.

    Attributes:
        count: How often the network has it.
        ours: Energy x delay of the default mapper's choice.
        best: That of the best mapping.
    """

    count: int
    ours: float
    best: float


def pairs(found: Run, network: Network, accelerator: Accelerator) -> Iterator[Pair]:
    """Yield every distinct layer of a network on a design."""
    plan = planned(network, accelerator.abilities)
    seen: dict[tuple[object, ...], tuple[int, int]] = {}
    counts = Counter[tuple[object, ...]]()
    for row, place in enumerate(found.table.array_places.tolist()):
        op, kept = plan.steps[place].op, found.mapped(place, 0)[0].kept
        key = (op, kept, _free(found, accelerator, place).tobytes())
        seen.setdefault(key, (row, place))
        counts[key] += 1
    for key, (row, place) in seen.items():
        op, front = plan.steps[place].op, found.mapped(place, 0)[0]
        latency = float(found.mac.latency_cycles[row, 0])
        energy = float(found.mac.dynamic_pj[row, 0]) + float(leakage_pj(accelerator, op_bits(op))[0]) * latency
        best = best_mapping(op, accelerator, kept=front.kept, free_bytes=_free(found, accelerator, place))
        yield Pair(counts[key], latency * energy, best.score)


def _free(found: Run, accelerator: Accelerator, place: int) -> np.ndarray:
    """Return the room for tiles in each memory."""
    used = found.stays.used_bytes
    return np.array(
        [
            np.inf if memory.size_bytes is None else float(memory.size_bytes[0] - used[level][place, 0])
            for level, memory in enumerate(accelerator.memories)
        ]
    )


def gap(template: HardwareTemplate, designs: int) -> None:
    """Print the gaps of a template, and how long the default mapper takes."""
    random, gaps, seconds, layers = np.random.default_rng(_SEED), list[float](), 0.0, 0
    for _ in range(designs):
        accelerator = template.instantiate(_drawn(template, random))
        for network in map(acs.load_network, NETWORKS):
            plan = planned(network, accelerator.abilities)
            start = time.process_time()
            found = run([plan], accelerator)
            seconds, layers = seconds + time.process_time() - start, layers + len(set(found.which[:, 0].tolist()))
            if found.legal.all():
                gaps += [pair.ours / pair.best for pair in pairs(found, network, accelerator)]
    ratio = np.array(gaps)
    shares = f"{np.mean(ratio <= 1.01):11.1%} {np.mean(ratio > 1.1):12.1%} {np.median(ratio):8.3f} {ratio.max():10.3f}"
    print(f"{template.name:14s} {len(ratio):6d} {shares} {1e3 * seconds / layers:10.2f} {_batched(template):10.4f}")


def _drawn(template: HardwareTemplate, random: np.random.Generator) -> dict[str, object]:
    return {own.name: own.domain.at(random.random()) for own in template.space.parameters}


def _batched(template: HardwareTemplate) -> float:
    """Return the milliseconds that a layer takes in a batch of designs, everything that is new included."""
    network, random = acs.load_network("mobilenet_v2"), np.random.default_rng(_SEED + 1)
    points = [_drawn(template, random) for _ in range(BATCH)]
    start = time.process_time()
    acs.evaluate_points(network, template, points)
    return 1e3 * (time.process_time() - start) / BATCH / sum(node.op.rule.has_macs for node in network)


def sweep_gap(designs: int) -> None:
    """Print the gaps of designs of the sweep."""
    network, template = acs.load_network("mobilenet_v2"), acs.hardware_template("systolic")
    given = sweep.columns(template.space, sweep.DESIGNS)
    known: dict[tuple[object, ...], float] = {}
    ratios = []
    for at in np.random.default_rng(_SEED).choice(sweep.DESIGNS, designs, replace=False):
        point = {name: values[at].item() for name, values in given.items()}
        if (key := tuple(point.values())) not in known:
            accelerator = template.instantiate(point)
            found = list(pairs(run([planned(network, accelerator.abilities)], accelerator), network, accelerator))
            known[key] = sum(one.count * one.ours for one in found) / sum(one.count * one.best for one in found)
        ratios.append(known[key])
    gaps = np.array(ratios)
    print(
        f"{designs} of {sweep.DESIGNS:,} systolic designs, MobileNetV2: {np.mean(gaps <= 1.01):.1%} within 1 %,",
        end=" ",
    )
    print(f"median {np.median(gaps):.5f}, worst {gaps.max():.4f}")


def main() -> None:
    """Print what is asked for, by default the gaps of every template."""
    if sys.argv[1:2] == ["sweep"]:
        sweep_gap(int(sys.argv[2]) if len(sys.argv) > 2 else SAMPLE)
        return
    designs = int(sys.argv[2]) if len(sys.argv) > 2 else DESIGNS
    heads = f"{'pairs':>6s} {'within 1 %':>11s} {'beyond 10 %':>12s} {'median':>8s} {'worst':>10s}"
    print(f"{'':14s} {heads} {'ms, new':>10s} {'ms, batch':>10s}")
    for name in sys.argv[1:2] or TEMPLATES:
        gap(hardware_template(name), designs)


if __name__ == "__main__":
    main()
