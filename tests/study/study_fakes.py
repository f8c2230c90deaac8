"""Evaluators with made-up figures, importable by worker processes, and studies small enough to run in a moment."""

from __future__ import annotations

import os
import time
from pathlib import Path

from accelsim.config.source import Source
from accelsim.schedule.result import METRICS, Outcome
from accelsim.study.plan import plan_study

SWEEP = """
schema_version: 1
networks: [mobilenet_v1, resnet50]
hardware:
  systolic: {rows: [8, 16, 32], columns: [8, 16, 32, 64], dataflow: all}
search: {algorithm: grid}
"""

COSEARCH = """
schema_version: 1
networks: {mobilenet_v2: {width: all, resolution: all}}
hardware: {systolic: {rows: all, columns: all, dataflow: all, buffer_kib: all}}
accuracy: mobilenet_v2_grid
objectives: [top1, latency_ms, energy_pj]
constraints: {area_mm2: "<= 5 mm^2"}
search:
  budget: 48
  seed: [1, 2]
  arms:
    evolved: {algorithm: nsga2, population: 12}
    random: {algorithm: random}
    network only: {algorithm: nsga2, population: 12, vary: network}
    hardware only: {algorithm: nsga2, population: 12, vary: hardware}
"""


def plan_of(text, path="study.yaml"):
    return plan_study(Source.parse(text, Path(path)))


def made_up(network, template, points):
    """Return figures by formulas that pull against each other; a 32 x 64 array has no mapping."""
    return [_made_up(network, point) for point in points]


def _made_up(network, point):
    rows, columns, buffer_kib = point.get("rows", 32), point.get("columns", 32), point.get("buffer_kib", 512)
    if (rows, columns) == (32, 64):
        return Outcome(None, "no mapping fits")
    penalty = {"weight_stationary": 1.0, "output_stationary": 1.25, "input_stationary": 1.5}[
        point.get("dataflow", "weight_stationary")
    ]
    cycles = network.macs / (rows * columns) * penalty + network.macs / (64 * buffer_kib)
    energy = network.macs * (1.0 + (rows + columns) / 64) + 1e5 * buffer_kib
    values = dict.fromkeys(METRICS, 1.0) | {
        "params": network.params,
        "macs": network.macs,
        "latency_cycles": cycles,
        "latency_ms": cycles / 1e6,
        "energy_pj": energy,
        "edp_pj_ms": energy * cycles / 1e6,
        "area_mm2": rows * columns / 1000 + buffer_kib / 500,
        "peak_memory_bytes": None,
    }
    return Outcome(values)


def slow(network, template, points):
    """Like ``made_up``, but taking its time: 20 ms a design, so that whoever watches it is not too late."""
    time.sleep(0.02 * len(points))
    return made_up(network, template, points)


def counted(network, template, points):
    """Like ``made_up``, and note each design that is evaluated in the file that EVALUATIONS names."""
    with Path(os.environ["EVALUATIONS"]).open("a", encoding="utf-8") as file:
        file.writelines(f"{network.name} {sorted(network.parameters.items())} {sorted(p.items())}\n" for p in points)
    return made_up(network, template, points)


def brittle(network, template, points):
    """Raise for a batch that holds an 8 x 8 array, as a mistake in a model would."""
    if any(point["rows"] == point["columns"] == 8 for point in points):
        raise ZeroDivisionError("division by zero in the model")
    return made_up(network, template, points)


def short(network, template, points):
    """Return an outcome too few."""
    return made_up(network, template, points)[1:]


def not_finite(network, template, points):
    """Return a latency that is not a number."""
    return [Outcome({**outcome.metrics, "latency_ms": float("nan")}) for outcome in made_up(network, template, points)]


def deadly(network, template, points):
    """End the process that evaluates, as the system does when memory runs out."""
    os._exit(1)
