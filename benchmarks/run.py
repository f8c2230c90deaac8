"""Prints how fast accelsim is on this machine, one line a figure: the median of several runs, one process, one core."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

import accelsim as acs
from accelsim.config.library import available
from accelsim.cost.front import candidates
from accelsim.cost.rows import Kept, OpRows, features, machine_of, op_rows
from accelsim.dims import DIMS
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.load import load_hardware
from accelsim.mapping.nest import Cuts, Ints, Mappings
from accelsim.workload.ops import Op

DESIGNS = 10_000
MEMBERS = 1_000
WARM = 20
SCORED_ON = ("systolic", "edge_tpu")
BATCH, WARM_MEMBERS = 16_384, 8_192
THREE_LEVELS = Path(__file__).parent / "machines" / "three_level.yaml"
NOTHING_STAYS = Kept((False, False, False), (-1, -1, -1))
#: Random nests of a layer: how many, cuts of a dim, orders of loops.
NESTS, CUTS, ORDERS = 4_096, 12, 200


def median_seconds(work: Callable[[], object], runs: int) -> float:
    """Return the median wall time of ``runs`` calls after one that does not count."""
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the processor time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def per_second(count: int, seconds: float) -> str:
    """Return so many a second in words."""
    return f"{count / seconds:,.0f}/s"


def line(what: str, figure: str, aim: str) -> None:
    """Print one figure beside what it should be."""
    print(f"{what:66s} {figure:>16s}   aim: {aim}")


def start_up() -> None:
    """Measure ``import accelsim`` in a fresh interpreter, beyond what the interpreter itself takes."""
    empty = median_seconds(lambda: subprocess.run([sys.executable, "-c", ""], check=True), 5)
    full = median_seconds(lambda: subprocess.run([sys.executable, "-c", "import accelsim"], check=True), 5)
    line("import accelsim", f"{(full - empty) * 1e3:.0f} ms", "under 300 ms")


def members() -> None:
    """Measure how long a random member of each search space takes to build, after the first few."""
    for name in sorted(available("network")):
        template = acs.network_template(name)
        if template.spec.space is None:
            continue
        rng = np.random.default_rng(0)
        points = [template.members.sample(rng) for _ in range(WARM + MEMBERS)]
        for point in points[:WARM]:
            template.build(point)
        start = time.perf_counter()
        ops = sum(len(template.build(point)) for point in points[WARM:])
        each = (time.perf_counter() - start) / MEMBERS
        line(f"a member of {name}, {ops / MEMBERS:.0f} ops", f"{each * 1e3:.2f} ms", "under 2 ms")


def one_design() -> None:
    """Measure MobileNetV2 on one design of each template, first call and warm."""
    network = acs.load_network("mobilenet_v2")
    for name in ("systolic", "npu", "edge_tpu"):
        accelerator = acs.load_hardware(name)
        start = time.perf_counter()
        acs.evaluate(network, accelerator)
        first = time.perf_counter() - start
        warm = median_seconds(lambda a=accelerator: acs.evaluate(network, a), 15)
        line(f"MobileNetV2 on one {name} design, warm", f"{warm * 1e3:.1f} ms", "under 20 ms")
        line(f"MobileNetV2 on one {name} design, first call", f"{first * 1e3:.0f} ms", "-")


def scorer_first() -> None:
    """Measure the first call of a fresh scorer in a fresh process: every layer still has to be mapped."""
    for hardware in SCORED_ON:
        code = (
            "import time, accelsim as acs; network = acs.load_network('mobilenet_v2'); "
            f"score = acs.Scorer('{hardware}'); start = time.process_time(); score(network); "
            "print(time.process_time() - start)"
        )
        runs = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True) for _ in range(6)]
        first = statistics.median(float(run.stdout) for run in runs[1:])
        line(f"Scorer on {hardware}, first call, MobileNetV2", f"{first * 1e3:.0f} ms", "under 50 ms")


def scorer_one_by_one() -> None:
    """Measure a warm scorer on network objects that are new, but hardly any of their layers are; then on seen ones."""
    for hardware in SCORED_ON:
        for name in ("ofa_mobilenet_v3", "mnasnet_space"):
            space, score, rng = acs.network_template(name), acs.Scorer(hardware), np.random.default_rng(0)
            objects = [space.build(space.members.sample(rng)) for _ in range(3 * MEMBERS)]
            for network in objects[MEMBERS:]:
                score(network)
            networks = objects[:MEMBERS]
            cpu = cpu_seconds(lambda s=score, n=networks: [s(network) for network in n])
            line(f"Scorer on {hardware}, objects of {name}, new", per_second(len(networks), cpu), "2,000/s")
            again = cpu_seconds(lambda s=score, n=networks: [s(network) for network in n])
            line(f"Scorer on {hardware}, objects of {name}, seen", per_second(len(networks), again), "-")


def scorer_members() -> None:
    """Measure a scorer on members of search spaces in a batch; the members are new, most of their layers are not."""
    for hardware in SCORED_ON:
        for name in ("ofa_mobilenet_v3", "proxylessnas_space", "mnasnet_space", "fbnet_space"):
            space, score, rng = acs.network_template(name), acs.Scorer(hardware), np.random.default_rng(0)
            points = [space.members.sample(rng) for _ in range(BATCH + WARM_MEMBERS)]
            score.members(space, points[BATCH:])
            cpu = cpu_seconds(lambda s=score, t=space, p=points[:BATCH]: s.members(t, p))
            line(f"Scorer on {hardware}, a batch of {name}", per_second(BATCH, cpu), "20,000/s")


def random_nests(op: Op, levels: int, rng: np.random.Generator) -> Mappings:
    """Return nests with any tiles, each at most the one outside it, and any orders of loops."""

    def cuts_of(size: int) -> Cuts:
        tiles = np.full((CUTS if size > 1 else 1, levels + 1), size)
        for level in range(levels):
            tiles[:, level + 1] = rng.integers(1, tiles[:, level] + 1)
        return Cuts.of(tiles[:, 1:])

    def order() -> Ints:
        return np.stack([rng.permutation(len(DIMS)) for _ in range(levels)])

    cuts = tuple(map(cuts_of, op.sizes))
    cut = np.stack([rng.integers(0, len(one), NESTS) for one in cuts], axis=1)
    return Mappings(cuts, cut, np.stack([order() for _ in range(ORDERS)]), rng.integers(0, ORDERS, NESTS))


def copied(rows: OpRows) -> OpRows:
    """Return the same mappings with cuts of which nothing is known yet."""
    mappings = rows.mappings
    cuts = tuple(Cuts(one.tiles, one.copies) for one in mappings.cuts)
    return op_rows(rows.op, Mappings(cuts, mappings.cut, mappings.nests, mappings.nest), rows.machine)


def costed(every: Sequence[OpRows], *, anew: bool = False) -> str:
    """Return how many mappings a second are costed; ``anew``, with all that is known of their cuts worked out again."""

    def once(batch: Sequence[OpRows]) -> None:
        for rows in batch:
            features(rows, NOTHING_STAYS)

    once(every)
    # The fastest run: what else goes on at the machine slows a loop that lives in the caches by half.
    batches = [list(map(copied, every)) if anew else every for _ in range(15)]
    return per_second(sum(map(len, every)), min(cpu_seconds(partial(once, batch)) for batch in batches))


def mapping_evaluations() -> None:
    """Measure how many mappings are costed a second: the bytes, cycles and room that each asks for.

    The layers are those of two networks, each once. Its candidates are those of the default mapper; the other nests
    are random ones.
    """
    networks = [acs.load_network(name) for name in ("mobilenet_v2", "resnet50")]
    ops = list(dict.fromkeys(node.op for network in networks for node in network if node.op.rule.has_macs))
    rng = np.random.default_rng(0)

    def measure(name: str, accelerator: Accelerator, aim: str) -> None:
        machine = machine_of(accelerator)
        if not machine.loops:  # copies make thousands of candidates a layer
            own = [candidates(op, machine) for op in ops]
            line(f"mappings a second on {name}, candidates", costed(own), aim)
            line("  with all that is known of their cuts worked out anew", costed(own, anew=True), "-")
        nests = [op_rows(op, random_nests(op, machine.structure.levels, rng), machine) for op in ops]
        line(f"mappings a second on {name}, random nests", costed(nests), aim)

    measure("three levels", load_hardware(THREE_LEVELS), "5,000,000/s")
    for name in ("systolic", "edge_tpu", "pe_array"):
        measure(name, acs.load_hardware(name), "-")


def sweep() -> None:
    """Measure ten thousand random designs of the systolic template, each with its best mapping."""
    network, template = acs.load_network("mobilenet_v2"), acs.hardware_template("systolic")
    rng = np.random.default_rng(0)
    points = [template.space.sample(rng) for _ in range(DESIGNS)]
    start = time.perf_counter()
    outcomes = acs.evaluate_points(network, template, points)
    seconds = time.perf_counter() - start
    good = sum(outcome.metrics is not None for outcome in outcomes)
    line(f"{DESIGNS:,} systolic designs x MobileNetV2 ({good:,} legal)", f"{seconds:.1f} s", "under 60 s")
    line("  designs per second", f"{DESIGNS / seconds:,.0f}", "-")


def main() -> None:
    """Run every benchmark."""
    start_up()
    members()
    one_design()
    mapping_evaluations()
    scorer_first()
    scorer_one_by_one()
    scorer_members()
    sweep()
    line("peak memory", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB", "-")


if __name__ == "__main__":
    main()
