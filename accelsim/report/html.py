"""The report: one HTML file that opens offline; the figures as PNG files and the designs as a table beside it."""

from __future__ import annotations

import base64
import html
import itertools
import shutil
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from accelsim.errors import AccelsimError
from accelsim.report.choose import findings_of
from accelsim.report.designs import DESIGNS_NAME, write_designs
from accelsim.report.figure import FIGURES, Chart, FigureKind, png
from accelsim.report.findings import Findings
from accelsim.report.markup import chip, data_script, folded, note, section
from accelsim.report.plotly import Plot
from accelsim.report.sections import failures, glossary, header, limits, per_layer, setup, summary
from accelsim.report.text import slug
from accelsim.study.result import StudyResult

__all__ = ["page", "write_report"]

#: Name of the page and of the folder of figures inside the folder of the results.
PAGE, FIGURE_FOLDER = "report.html", "figures"
#: Where a report is drawn before it takes its place.
_PART_FOLDER = "report.part"
_SHARED_LEGEND = 3


def write_report(result: StudyResult, folder: str | Path) -> Path:
    """Write the report of ``result`` into ``folder`` and return the path of the page.

    The folder is made if it is missing; the page, the figures and the table of the shown designs in it are replaced,
    once all of it is drawn: a report that cannot be written leaves an earlier one as it was. The same result gives the
    same bytes.

    Args:
        result: Of a study, complete or not.
        folder: Usually the folder of the study's results.

    Raises:
        InputError: A network or template file of the study is no longer there, or has changed.
        NoMappingError: A design that once fitted does not fit any more, because a file has changed.
    """
    folder = Path(folder)
    findings = findings_of(result)
    drawn = folder / _PART_FOLDER
    shutil.rmtree(drawn, ignore_errors=True)
    drawn.mkdir(parents=True)
    try:
        (drawn / PAGE).write_text(page(findings, drawn), encoding="utf-8")
        write_designs(findings.designs, folder / DESIGNS_NAME)
        _replace_figures(folder / FIGURE_FOLDER, drawn)
        return (drawn / PAGE).replace(folder / PAGE)
    finally:
        shutil.rmtree(drawn, ignore_errors=True)


def _replace_figures(figures: Path, drawn: Path) -> None:
    """Put the figures that were drawn in the place of those of an earlier report, which may have had other designs."""
    figures.mkdir(exist_ok=True)
    for name in FIGURES:
        for old in (*figures.glob(f"{name}.png"), *figures.glob(f"{name}-*.png")):
            old.unlink()
    for new in drawn.glob("*.png"):
        new.replace(figures / new.name)


def page(findings: Findings, figures: Path) -> str:
    """Return the page as text, and write its figures as PNG files.

    Args:
        findings: What to show.
        figures: An existing folder for the PNG files.
    """
    from plotly.offline import get_plotlyjs

    kinds = sorted(((name, FIGURES[name]) for name in FIGURES), key=lambda entry: (entry[1].place, entry[0]))
    sections = {name: text for name, kind in kinds if (text := _figure_section(name, kind, findings, figures))}
    contents = {"best": "Best designs", "setup": "What was studied", "failures": "What failed"}
    contents |= {name: kind.title for name, kind in kinds if name in sections}
    contents |= {"layers-table": "Layers"} if findings.designs else {}
    contents |= {"limits": "Not modelled", "glossary": "Glossary"}
    links = "\n".join(f'<a href="#{html.escape(name)}">{html.escape(text)}</a>' for name, text in contents.items())
    body = [
        header(findings),
        f"<nav>\n{links}\n</nav>",
        f'<div class="whole">{summary(findings)}</div>',
        setup(findings),
        failures(findings),
        *sections.values(),
        per_layer(findings),
        limits(findings),
        glossary(findings),
    ]
    return Template(_resource("page.html")).substitute(
        title=html.escape(findings.result.spec.report.title or findings.result.name),
        style=_resource("style.css"),
        body="\n".join(part for part in body if part),
        plotly=get_plotlyjs(),
        script=_resource("script.js"),
    )


def _resource(name: str) -> str:
    return files("accelsim.report").joinpath("page", name).read_text(encoding="utf-8")


def _figure_section(name: str, kind: FigureKind[Any], findings: Findings, figures: Path) -> str:
    try:
        charts = kind.charts(findings)
    except AccelsimError as error:
        # One figure that needs an absent package must not cost the others.
        return section(name, kind.title, note(f"This figure is not drawn. {error}"))
    if not charts:
        return ""
    reading = f"<p>{html.escape(kind.reading)}</p>"
    return section(name, kind.title, reading, *(_chart(name, kind, chart, figures) for chart in charts))


def _chart(name: str, kind: FigureKind[Any], chart: Chart[Any], figures: Path) -> str:
    drawn = b"" if chart.folded and kind.interactive else png(kind, chart)
    if not chart.folded:
        _free_path(figures, slug(f"{name} {chart.title}")).write_bytes(drawn)
    if kind.interactive is None:
        encoded = base64.b64encode(drawn).decode("ascii")
        words = html.escape(chart.title or kind.title)
        shown = f'<figure><img alt="{words}" src="data:image/png;base64,{encoded}"></figure>'
    else:
        shown = _plots(kind.interactive(chart.data), kind.columns)
    if chart.folded:
        return folded(chart.title, shown)
    return f"<h3>{html.escape(chart.title)}</h3>\n{shown}" if chart.title else shown


def _free_path(folder: Path, stem: str) -> Path:
    """Return the path of a new PNG file; two titles may differ only in letters that file names do not have."""
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    return next(path for path in (folder / f"{name}.png" for name in names) if not path.exists())


def _plots(plots: Sequence[Plot], columns: int) -> str:
    legend: dict[str, str] = {}
    if columns >= _SHARED_LEGEND:
        for plot in plots:
            legend |= plot.legend()
        plots = [plot.without_legend() for plot in plots]
    entries = "".join(f'<span class="name">{chip(colour)}{name}</span>' for name, colour in legend.items())
    inner = "\n".join(map(_plot, plots))
    above = f'<div class="legend">{entries}</div>\n' if entries else ""
    return f'{above}<div class="charts" style="--columns:{min(columns, len(plots))}">\n{inner}\n</div>'


def _plot(plot: Plot) -> str:
    # Its height is reserved, so that nothing moves when the chart is drawn.
    title = f"<h4>{html.escape(plot.title)}</h4>" if plot.title else ""
    height = int(plot.layout.get("height", 400))
    return f'<div>{title}<div class="chart" style="min-height:{height}px">{data_script(plot.as_dict())}</div></div>'
