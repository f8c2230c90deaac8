"""How much the default mapper loses to the exact one: ``python -m benchmarks.mapping_gap [TEMPLATE DESIGNS]``.

Pairs of a layer and a random design, the same every time: each layer of each network on designs drawn from the
template's own space, with the whole tensors on chip that the schedule keeps there. The gap is the energy x delay of the
default mapper's choice, divided by that of the best mapping.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import accelsim as acs
from accelsim.cost.energy import leakage_pj, op_bits
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.load import hardware_template
from accelsim.mappers.exact import best_mapping
from accelsim.schedule.run import Run, run
from accelsim.schedule.sweep import planned
from accelsim.workload.network import Network

NETWORKS = ("mobilenet_v2", "mobilenet_v3_small", "resnet50", "efficientnet_b0", "deit_tiny")
TEMPLATES = ("systolic", "npu", str(Path(__file__).parent / "machines/three_level.yaml"))
DESIGNS = 4
_SEED = 5


def gaps(network: Network, accelerator: Accelerator) -> Iterator[float]:
    """Yield the gap of every distinct layer of ``network`` on a design; none if a layer does not fit."""
    plan = planned(network, accelerator.abilities)
    found = run([plan], accelerator)
    if not found.legal.all():
        return
    seen = set()
    for row, place in enumerate(found.table.mac_places.tolist()):
        op, front = plan.steps[place].op, found.mapped(place, 0)[0]
        free = _free(found, accelerator, place)
        if (key := (op, front.kept, free.tobytes())) in seen:
            continue
        seen.add(key)
        latency = float(found.mac.latency_cycles[row, 0])
        energy = float(found.mac.dynamic_pj[row, 0]) + float(leakage_pj(accelerator, op_bits(op))[0]) * latency
        yield latency * energy / best_mapping(op, accelerator, kept=front.kept, free_bytes=free).score


def _free(found: Run, accelerator: Accelerator, place: int) -> np.ndarray:
    """Return the room for tiles in each memory."""
    used = found.stays.used_bytes
    return np.array(
        [
            np.inf if memory.size_bytes is None else float(memory.size_bytes[0] - used[level][place, 0])
            for level, memory in enumerate(accelerator.memories)
        ]
    )


def main() -> None:
    """Print the gaps of every template."""
    templates = sys.argv[1:2] or TEMPLATES
    designs = int(sys.argv[2]) if len(sys.argv) > 2 else DESIGNS
    print(f"{'':14s} {'pairs':>6s} {'within 1 %':>11s} {'beyond 10 %':>12s} {'median':>8s} {'worst':>10s}")
    for name in templates:
        template, random = hardware_template(name), np.random.default_rng(_SEED)
        found: list[float] = []
        for _ in range(designs):
            point = {own.name: own.domain.at(random.random()) for own in template.space.parameters}
            for network in NETWORKS:
                found += gaps(acs.load_network(network), template.instantiate(point))
        gap = np.array(found)
        shares = f"{100 * np.mean(gap <= 1.01):10.1f}% {100 * np.mean(gap > 1.1):11.1f}%"
        print(f"{template.name:14s} {len(gap):6d} {shares} {np.median(gap):8.3f} {gap.max():10.3f}", flush=True)


if __name__ == "__main__":
    main()
