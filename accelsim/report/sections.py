"""The parts of the page that are words and tables."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Sequence

from accelsim.parameters import Value
from accelsim.report.choose import superlative
from accelsim.report.designs import DESIGNS_NAME
from accelsim.report.findings import Design, Findings
from accelsim.report.markup import Cell, Row, chip, code, folded, listed, note, plain, section, table
from accelsim.report.text import NOT_MODELLED, TIMES, amount, meaning, number, parameters, percent, short, title
from accelsim.schedule.result import METRICS, LayerResult
from accelsim.study.record import Record

__all__ = ["failures", "glossary", "header", "limits", "per_layer", "setup", "summary"]

_MOST_REASONS = 12
_MOST_VALUES = 12
_LONGEST_REASON = 240
#: The folders of an absolute path: a report is shown to others, whom the machine's folders do not concern.
_FOLDERS = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?[/\\](?:[^\s/\\:'\"]+[/\\])+")
_SUMMARY = (
    "latency_ms",
    "energy_pj",
    "edp_pj_ms",
    "utilization_spatial",
    "utilization_temporal",
    "utilization_overall",
    "dram_bytes",
    "area_mm2",
)


def header(findings: Findings) -> str:
    """Return the headline, the description, and the study in five numbers."""
    result = findings.result
    failed = len(result.failed)
    missed = sum(not record.feasible for record in findings.comparable)
    cards = [
        (f"{len(result.records):,}", "designs evaluated"),
        (str(len(result.networks)), "network" if len(result.networks) == 1 else "networks"),
        (str(len(findings.templates)), "template" if len(findings.templates) == 1 else "templates"),
        (f"{missed:,}", "miss a constraint"),
        (f"{failed:,}", "failed"),
    ]
    boxes = "".join(f'<div class="card"><b>{value}</b><span>{name}</span></div>' for value, name in cards)
    notes = [*result.notes, *findings.notes]
    if result.interrupted:
        planned = f"{len(result.records):,} of {result.total:,} planned evaluations"
        notes.insert(0, f"The study was stopped before its end: {planned} are in this report.")
    return "\n".join(
        [
            f"<h1>{html.escape(result.spec.report.title or result.name)}</h1>",
            f'<p class="lead">{html.escape(result.spec.description)}</p>' if result.spec.description else "",
            f'<div class="cards">{boxes}</div>',
            *(note(text) for text in notes),
        ]
    )


def summary(findings: Findings) -> str:
    """Return the table of the best designs, the best of each network marked."""
    if not findings.designs:
        return section("best", "Best designs", note("No design is feasible, so there is nothing to compare."))
    shown = [name for name in _SUMMARY if name != findings.best_by]
    shown.insert(0, findings.best_by)
    shown += [m for m in dict.fromkeys(o.metric for o in findings.result.objectives) if m not in shown]
    heads = [plain("network"), plain("template"), *(plain(short(metric), numeric=True) for metric in shown)]
    rows = []
    for network in findings.result.networks:
        for place, design in enumerate(findings.designs_of(network)):
            colour = findings.looks[design.record.hardware].colour
            role = f'<br><span class="small">{html.escape(design.role)}</span>' if design.role else ""
            kind = " ".join(["first"] * (place == 0) + ["best"] * design.champion)
            cells = [
                Cell(f'<span class="name">{html.escape(network)}</span>' if place == 0 else ""),
                Cell(f'<span class="name">{chip(colour)}{html.escape(design.record.hardware)}</span>{role}'),
                *(plain(amount(metric, _figure(design, metric)), numeric=True) for metric in shown),
                Cell(_words(_point(design.record))),
            ]
            rows.append(Row(cells, kind))
    spelt = f" ({title(findings.best_by)})" if short(findings.best_by) != title(findings.best_by) else ""
    wanted = superlative(findings.result, findings.best_by)
    said = (
        f"The best design of each network and template is the one with the {wanted}{spelt} among "
        "those that meet every constraint; the marked row is the best of its network across templates."
    )
    if any(design.role for design in findings.designs):
        said += (
            " Since the study also wants accuracy, and the cheapest network is never the most accurate, the balanced "
            "design (of the Pareto set, the one nearest to the best value of every objective at once) and the most "
            "accurate one stand beside it."
        )
    return section("best", "Best designs", f"<p>{html.escape(said)}</p>", table([*heads, plain("parameters")], rows))


def _figure(design: Design, metric: str) -> float | None:
    """Return the figure that the study stored, which accuracies are part of too."""
    return design.record.metrics.get(metric)


def _point(record: Record) -> dict[str, str]:
    return parameters(record.point, "network") | parameters(record.point, "hardware")


def _words(point: dict[str, str]) -> str:
    return " ".join(code(f"{name}={value}") for name, value in point.items()) or '<span class="missing">defaults</span>'


def setup(findings: Findings) -> str:
    """Return what was varied, what was wanted, and how the space was searched."""
    result = findings.result
    rows = [
        Row([Cell(f'<span class="name">{html.escape(owner)}</span>'), Cell("<br>".join(lines))])
        for owner, lines in _varied(result.records).items()
    ]
    heads = [plain("of"), plain("values tried")]
    wanted = [
        f"{html.escape(str(objective))}: {html.escape(meaning(objective.metric))}" for objective in result.objectives
    ]
    bounds = [html.escape(str(constraint).replace("mm^2", "mm²")) for constraint in result.criteria.constraints]
    search = result.spec.search
    arms = [
        f"<b>{html.escape(name)}</b>: {html.escape(arm.algorithm)}"
        + (f", varies the {arm.vary} alone" if arm.vary != "both" else "")
        + f", {sum(record.arm == name for record in result.records):,} evaluations"
        for name, arm in search.each_arm().items()
    ]
    seeds = ", ".join(str(seed) for seed in search.seed)
    parts = [
        table(heads, rows) if rows else "<p>No parameter was varied.</p>",
        "<h3>Objectives</h3>" + listed(wanted),
        "<h3>Constraints</h3>" + (listed(bounds) or "<p>None.</p>"),
        f"<h3>Search</h3>{listed(arms)}<p class='small'>Seeds: {seeds}.</p>",
    ]
    if result.trust:
        name = html.escape(result.spec.accuracy or "")
        parts.append(f"<h3>How far to trust the accuracy</h3><p>{code(name)}: {html.escape(result.trust)}</p>")
    return section("setup", "What was studied", *parts)


def _varied(records: Sequence[Record]) -> dict[str, list[str]]:
    """Return network or template -> a line of markup for each parameter: its name and the values tried."""
    found: dict[str, dict[str, dict[Value, None]]] = {}
    for record in records:
        for name, value in record.point.items():
            side, _, parameter = name.partition(".")
            owner = record.network if side == "network" else record.hardware
            found.setdefault(owner, {}).setdefault(parameter, {})[value] = None
    return {
        owner: [f"{code(name)}: {html.escape(_tried(_sorted(list(values))))}" for name, values in varied.items()]
        for owner, varied in found.items()
    }


def _sorted(values: list[Value]) -> list[Value]:
    numbers = [value for value in values if not isinstance(value, str)]
    return sorted(values, key=float) if len(numbers) == len(values) else values


def _tried(values: list[Value]) -> str:
    words = list(parameters({str(place): value for place, value in enumerate(values)}).values())
    if len(words) <= _MOST_VALUES:
        return ", ".join(words)
    return (
        f"{words[0]} to {words[-1]}, {len(words):,} values"
        if not isinstance(values[0], str)
        else ", ".join(words[:_MOST_VALUES]) + ", ..."
    )


def failures(findings: Findings) -> str:
    """Return how many designs failed or miss a constraint, and why; nothing is left out silently."""
    result = findings.result
    parts = []
    if result.failed:
        counts = Counter(
            (record.network, record.hardware, _shortened(record.error or "")) for record in result.failed
        ).most_common()
        rows = [
            Row([plain(network), plain(template), plain(f"{count:,}", numeric=True), plain(reason)])
            for (network, template, reason), count in counts[:_MOST_REASONS]
        ]
        heads = [plain("network"), plain("template"), plain("designs", numeric=True), plain("reason")]
        rest = sum(count for _, count in counts[_MOST_REASONS:])
        parts.append(f"<p>{len(result.failed):,} designs have no figures to compare, and stand in no figure below.</p>")
        parts.append(table(heads, rows))
        parts += [f"<p>{rest:,} more failed for other reasons; the CSV of the study lists each.</p>"] if rest else []
    missed = [
        f"{html.escape(str(constraint).replace('mm^2', 'mm²'))}: missed by {count:,} designs"
        for constraint in result.criteria.constraints
        if (count := sum(constraint.violation(record.metrics) > 0 for record in findings.comparable))
    ]
    if missed:
        parts.append(
            "<p>Designs that miss a constraint are drawn in grey where designs are dots, and never count as best.</p>"
        )
        parts.append(listed(missed))
    return section(
        "failures", "What failed", *(parts or ["<p>Every design was evaluated and meets every constraint.</p>"])
    )


def _shortened(reason: str) -> str:
    first = reason.strip().splitlines()[0] if reason.strip() else "no reason was recorded"
    first = _FOLDERS.sub("", first)
    return first if len(first) <= _LONGEST_REASON else f"{first[: _LONGEST_REASON - 3]}..."


def per_layer(findings: Findings) -> str:
    """Return a folded table of the layers of each best design."""
    tables = [folded(design.title, _fixed(design), _layer_table(design, findings)) for design in findings.designs]
    said = (
        "Each line opens the layers of one best design in the order they run; utilizations are of the layer alone. The "
        f"file {DESIGNS_NAME} beside this page has the energy and the area of each design by component."
    )
    return section("layers-table", "Layers of the best designs", f"<p>{said}</p>", *tables) if tables else ""


def _fixed(design: Design) -> str:
    values = parameters(design.evaluation.network_parameters) | parameters(design.evaluation.hardware_parameters)
    evaluation = design.evaluation
    clock = f"{number(evaluation.clock_hz / 1e6)} MHz, peak {number(evaluation.peak_macs_per_cycle)} MACs per cycle"
    areas = [f"{name} {_area(area)}" for name, area in evaluation.area_mm2.items()]
    area = f"area {_area(evaluation.totals.area_mm2)}: {html.escape(', '.join(areas))}"
    return f'<p class="small">{_words(values)}<br>{clock}<br>{area}</p>'


def _area(area: float | None) -> str:
    return amount("area_mm2", area)


def _layer_table(design: Design, findings: Findings) -> str:
    names = [plain("layer"), plain("op"), plain("shape")]
    heads = ["MACs", "cycles", "time", "share", "spatial", "temporal", "overall", "off-chip", "energy"]
    total = sum(layer.metrics.latency_cycles for layer in design.evaluation.layers)
    rows = [Row(_layer_cells(layer, total, findings)) for layer in design.evaluation.layers]
    return table([*names, *(plain(head, numeric=True) for head in heads), plain("waits for")], rows)


def _layer_cells(layer: LayerResult, total: float, findings: Findings) -> list[Cell]:
    metrics, split = layer.metrics, layer.metrics.utilization
    shares = [percent(value) if metrics.macs else "" for value in (split.spatial, split.temporal, split.overall)]
    numbers = [
        f"{metrics.macs:,}" if metrics.macs else "",
        f"{metrics.latency_cycles:,.0f}",
        amount("latency_ms", metrics.latency_ms),
        percent(metrics.latency_cycles / total if total else 0.0),
        *shares,
        amount("dram_bytes", metrics.dram_bytes),
        amount("energy_pj", metrics.energy_pj),
    ]
    words = html.escape(layer.waits_for)
    wait = f'<span class="name">{chip(findings.bottlenecks[layer.bottleneck])}{words}</span>'
    mapping = f' title="{html.escape(layer.mapping)}"' if layer.mapping else ""
    return [
        Cell(f'<span class="name"{mapping}>{html.escape(layer.name)}</span>'),
        plain(layer.op if layer.part is None else f"{layer.op} on {layer.part}"),
        plain(layer.shape.replace("x", TIMES)),
        *(plain(text, numeric=True) for text in numbers),
        Cell(wait),
    ]


def limits(findings: Findings) -> str:
    """Return what the figures do not contain."""
    missing: dict[str, list[str]] = {}
    for design in findings.designs:
        for line in design.evaluation.ledger:
            if line.pj_per_action is None:
                name = f"{line.component} {line.operand} {line.action}" if line.operand else line.component
                templates = missing.setdefault(name, [])
                if design.record.hardware not in templates:
                    templates.append(design.record.hardware)
    lines = [f"energy of {html.escape(name)}, on {html.escape(', '.join(on))}" for name, on in sorted(missing.items())]
    absent = sorted(
        {metric for record in findings.comparable for metric, value in record.metrics.items() if value is None}
    )
    lines += [f"{html.escape(title(metric))} of some designs" for metric in absent]
    said = (
        "The figures come from an analytical model, not from a cycle-accurate simulation or a chip. A part that reads "
        f"{NOT_MODELLED} is absent, not zero: real designs spend more."
    )
    body = listed(lines) or "<p>Every line of the energy ledger of the best designs is modelled.</p>"
    return section("limits", "What is not modelled", f"<p>{html.escape(said)}</p>", body)


def glossary(findings: Findings) -> str:
    """Return every metric with its meaning."""
    extra = {name for record in findings.comparable for name in record.metrics} - METRICS.keys()
    names = [*METRICS, *sorted(extra)]
    entries = "\n".join(f"<dt>{code(name)}</dt><dd>{html.escape(meaning(name))}</dd>" for name in names)
    return section("glossary", "Glossary", f"<dl>\n{entries}\n</dl>")
