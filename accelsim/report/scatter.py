"""Designs as dots, a panel a network: what the figures that plot one metric against another have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.report.findings import Findings
from accelsim.report.palette import Look
from accelsim.report.scales import AxisScale, axis_scale
from accelsim.report.text import Scale, scale_of
from accelsim.search.pareto import non_dominated
from accelsim.study.record import Record

__all__ = ["Cloud", "Panel", "Scatter", "front_of", "scatter"]

#: Dots of one template in one panel; more are thinned out evenly.
_MOST_DOTS = 1500


@dataclass(frozen=True, slots=True)
class Cloud:
    """Dots that look the same.

    Attributes:
        name: The template, or what else they have in common.
        x: Values along the x axis, in the axis' unit.
        y: Values along the y axis, in the axis' unit.
        records: The record of each dot.
        left_out: How many more there are that are not drawn.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    records: tuple[Record, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Panel:
    """The designs of one network.

    Attributes:
        network: Its name.
        x: The x axis.
        y: The y axis.
        clouds: Feasible designs, one cloud a template.
        rejected: Designs that miss a constraint.
        best: The best design of each template, one dot a cloud.
        edges: The designs of each template that no other of it beats on both axes, from left to right; none if the
            figure shows no fronts.
        front: The designs that no other of any template beats; empty if the figure shows no fronts.
    """

    network: str
    x: AxisScale
    y: AxisScale
    clouds: tuple[Cloud, ...]
    rejected: Cloud
    best: tuple[Cloud, ...]
    edges: tuple[Cloud, ...]
    front: Cloud


@dataclass(frozen=True, slots=True)
class Scatter:
    """Panels with the looks of their clouds by template."""

    panels: tuple[Panel, ...]
    looks: dict[str, Look]


def scatter(findings: Findings, x: str, y: str, *, with_front: bool) -> Scatter:
    """Return the panels that show metric ``y`` against metric ``x``, without networks that have no such design."""
    usable = [r for r in findings.comparable if r.metrics.get(x) is not None and r.metrics.get(y) is not None]
    scales = {metric: scale_of(metric, [_value(record, metric) for record in usable]) for metric in (x, y)}
    panels = []
    for network in findings.result.networks:
        records = [record for record in usable if record.network == network]
        if not records:
            continue
        axes = {m: axis_scale(m, [_value(record, m) for record in records], scales[m]) for m in (x, y)}
        feasible = [record for record in records if record.feasible]
        of_template = {
            template: [record for record in feasible if record.hardware == template] for template in findings.templates
        }
        edges = {name: front_of(some, x, y) for name, some in of_template.items() if some and with_front}
        panels.append(
            Panel(
                network,
                axes[x],
                axes[y],
                tuple(_cloud(name, some, x, y, scales) for name, some in of_template.items() if some),
                _cloud("misses a constraint", [record for record in records if not record.feasible], x, y, scales),
                tuple(_cloud(design.label, [design.record], x, y, scales) for design in findings.designs_of(network)),
                tuple(_cloud(name, some, x, y, scales) for name, some in edges.items()),
                _cloud("Pareto front", front_of(feasible, x, y) if with_front else [], x, y, scales),
            )
        )
    return Scatter(tuple(panels), findings.looks)


def front_of(records: Sequence[Record], x: str, y: str) -> list[Record]:
    """Return the records that no other beats in both metrics, both to be small, in ascending order of ``x``."""
    if not records:
        return []
    values = np.array([[_value(record, x), _value(record, y)] for record in records])
    return [records[place] for place in sorted(non_dominated(values), key=lambda place: tuple(values[place]))]


def _value(record: Record, metric: str) -> float:
    value = record.metrics[metric]
    return float("nan") if value is None else value


def _cloud(name: str, records: Sequence[Record], x: str, y: str, scales: dict[str, Scale]) -> Cloud:
    drawn = list(records)
    if len(drawn) > _MOST_DOTS:
        # In the order of the values, so that the shape of the cloud stays and its ends are kept.
        drawn.sort(key=lambda record: (_value(record, x), _value(record, y), record.number))
        drawn = [drawn[place] for place in np.linspace(0, len(drawn) - 1, _MOST_DOTS).round().astype(int)]
    return Cloud(
        name,
        tuple(scales[x].of(_value(record, x)) for record in drawn),
        tuple(scales[y].of(_value(record, y)) for record in drawn),
        tuple(drawn),
        len(records) - len(drawn),
    )
