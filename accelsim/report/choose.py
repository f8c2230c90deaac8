"""Which designs of a study are shown layer by layer, and their evaluation in full."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.report.findings import Design, Findings
from accelsim.report.text import amount, short, title
from accelsim.schedule.result import METRICS
from accelsim.search.objectives import implied_goal
from accelsim.study.record import Record
from accelsim.study.result import StudyResult

__all__ = ["Choice", "balanced", "choose", "findings_of", "superlative"]

_SAME = 1e-6


@dataclass(frozen=True, slots=True)
class Choice:
    """A record to show; the attributes are those of ``accelsim.report.findings.Design``."""

    record: Record
    champion: bool
    role: str = ""


def superlative(result: StudyResult, metric: str) -> str:
    """Return what the best design by ``metric`` has, such as ``least EDP``; a study may say which way is better."""
    stated = {objective.metric: objective.goal for objective in result.objectives}
    goal = stated.get(metric, implied_goal(metric))
    return f"{'least' if goal == 'min' else 'highest'} {short(metric)}"


def choose(result: StudyResult) -> list[Choice]:
    """Return the designs to show: for each network and template the best by ``report.best_by``, if any is feasible.

    In a study that also wants accuracy the design of the least cost is a tiny network. Each pair then also has its
    balanced design, and the most accurate one.
    """
    templates = dict.fromkeys(record.hardware for record in result.records)
    wanted = [objective.metric for objective in result.objectives if objective.metric not in METRICS]
    choices: list[Choice] = []
    for network in result.networks:
        champion = result.best(result.select(network=network))
        for template in templates:
            records = result.select(network=network, hardware=template, feasible=True)
            first = result.best(records)
            if first is None:
                continue
            role = superlative(result, result.spec.report.best_by) if wanted else ""
            choices.append(Choice(first, champion is first, role))
            if wanted:
                middle = balanced(result, records)
                choices += [] if middle is None else [Choice(middle, champion=False, role="balanced")]
            found = [(metric, result.best(records, metric)) for metric in wanted]
            choices += [
                Choice(record, champion=False, role=superlative(result, metric)) for metric, record in found if record
            ]
    return choices


def balanced(result: StudyResult, records: Sequence[Record]) -> Record | None:
    """Return the record of the Pareto set of ``records`` nearest to the ideal point, or ``None`` if the set is empty.

    The ideal point has the best value of each objective on the set, and the extent of the set along an objective is
    the unit of distance along it.
    """
    front = result.front(records)
    if not front:
        return None
    values = result.values(front)
    extent = np.ptp(values, axis=0)
    distance = np.linalg.norm((values - values.min(axis=0)) / np.where(extent > 0, extent, 1.0), axis=1)
    return front[int(distance.argmin())]


def findings_of(result: StudyResult) -> Findings:
    """Return what the report shows of ``result``; the chosen designs are evaluated again to see their layers.

    Raises:
        InputError: A network or template file of the study is no longer there, or has changed.
        NoMappingError: A design that once fitted does not fit any more, because a file has changed.
    """
    from accelsim.hardware.load import load_hardware
    from accelsim.schedule.evaluate import evaluate
    from accelsim.workload.load import load_network

    designs, notes = [], []
    for choice in choose(result):
        again = result.design(choice.record)
        network = load_network(again.network, **again.network_parameters)
        accelerator = load_hardware(again.hardware, **again.hardware_parameters)
        evaluation = evaluate(network, accelerator)
        design = Design(record=choice.record, evaluation=evaluation, champion=choice.champion, role=choice.role)
        designs.append(design)
        notes += _changes(design)
    return Findings(result, tuple(designs), tuple(notes))


def _changes(design: Design) -> list[str]:
    now = design.evaluation.totals.flat()
    return [
        f"{design.title}: the study stored {amount(metric, before)} of {title(metric)}, and evaluating the design "
        f"again gives {amount(metric, now[metric])}. The model or a file has changed since; run the study again."
        for metric in ("latency_ms", "energy_pj")
        if (before := design.record.metrics.get(metric)) is not None
        and not math.isclose(before, now[metric] or 0.0, rel_tol=_SAME)
    ]
