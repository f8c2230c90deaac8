"""The page: complete, self-contained, the same each time, and safe with any name."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from report_fakes import TOTAL_PJ, design, findings_by_hand, record, result_of, two_by_two

import accelsim
from accelsim.config.source import Source
from accelsim.errors import MissingExtraError
from accelsim.report import html as report
from accelsim.report.figure import FIGURES, Chart, FigureKind
from accelsim.report.findings import Findings
from accelsim.report.html import page, write_report
from accelsim.report.text import TIMES
from accelsim.schedule.result import METRICS
from accelsim.study.plan import plan_study
from accelsim.study.result import load_result
from accelsim.study.runner import run_study

VOID = {"meta", "br", "img", "link", "input", "hr"}


class Reader(HTMLParser):
    """Collects what a browser would see; a tag that is closed wrongly fails the test."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.scripts: list[tuple[str, str]] = []
        self.tags: Counter[str] = Counter()
        self._type = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._type = dict(attrs).get("type", "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append((self._type, data))
        elif self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def plots(self) -> list[dict]:
        return [json.loads(data) for kind, data in self.scripts if kind == "application/json"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Leave out the five megabytes of plotly.js and the drawings, which have tests of their own."""
    if "real" not in request.fixturenames:
        monkeypatch.setattr("plotly.offline.get_plotlyjs", lambda: "/* plotly */")
        monkeypatch.setattr(report, "png", lambda *_: b"drawing")


def read(findings: Findings, tmp_path: Path) -> Reader:
    return Reader(page(findings, tmp_path))


STUDY = """
schema_version: 1
description: A small sweep
networks:
  mobilenet_v2: {width: 0.35, resolution: 96}
  mobilenet_v3_small: {}
hardware:
  systolic: {rows: [8, 32], columns: 16}
  npu: {atomic_c: [8, 16]}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    run_study(plan_study(Source.parse(STUDY, Path("small_sweep.yaml"))), folder, workers=1)
    return folder


@pytest.fixture(scope="module")
def real(study: Path) -> Path:
    return write_report(load_result(study), study)


def test_a_study_of_real_designs_gives_a_page_and_figures(real: Path, study: Path) -> None:
    reader = Reader(real.read_text(encoding="utf-8"))
    assert real == study / "report.html"
    assert "small_sweep" in reader.text
    assert "A small sweep" in reader.text
    for name in ("mobilenet_v2", "mobilenet_v3_small", "systolic", "npu"):
        assert name in reader.text
    assert re.search(r"rows=(8|32)\b", reader.text)
    assert re.search(r"atomic_c=(8|16)\b", reader.text)
    assert "8 designs evaluated" in reader.text
    assert {path.name for path in (study / "figures").iterdir()} >= {
        "pareto.png",
        "utilization_energy.png",
        "time.png",
        "energy-mobilenet_v2.png",
        "roofline-mobilenet_v3_small.png",
        "effects-systolic.png",
    }
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (study / "figures").iterdir())


def test_the_page_needs_nothing_from_outside(real: Path) -> None:
    text = real.read_text(encoding="utf-8")
    assert len(text.encode()) < 12e6
    reader = Reader(text)
    fetched = [(tag, value) for tag, name, value in reader.attributes if name in ("src", "href", "srcset", "data")]
    assert fetched
    assert all(value.startswith(("#", "data:")) for _, value in fetched)
    assert reader.tags["link"] == reader.tags["iframe"] == 0
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    own = text[text.rindex("<script>") :]
    assert not re.search(r"https?:|fetch\(|XMLHttpRequest|import\(", own)


def test_the_same_result_gives_the_same_bytes(real: Path, study: Path, tmp_path: Path) -> None:
    again = write_report(load_result(study), tmp_path / "again")
    assert again.read_bytes() == real.read_bytes()
    first, second = (
        {path.name: path.read_bytes() for path in (folder / "figures").iterdir()} for folder in (study, again.parent)
    )
    assert first == second


def test_no_folder_of_this_machine_is_on_the_page(real: Path, study: Path) -> None:
    text = real.read_text(encoding="utf-8")
    for folder in (study, Path.cwd(), Path.home(), Path(accelsim.__file__).parent):
        if len(folder.parts) > 2:
            assert str(folder) not in text


def test_links_lead_somewhere_and_ids_are_unique(tmp_path: Path) -> None:
    reader = read(findings_by_hand(), tmp_path)
    ids = [value for _, name, value in reader.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = {value[1:] for tag, name, value in reader.attributes if tag == "a" and name == "href"}
    assert links == set(ids)


def test_the_summary_shows_every_best_design_and_marks_the_best_of_a_network(tmp_path: Path) -> None:
    text = page(findings_by_hand(), tmp_path)
    summary = text[text.index('id="best"') : text.index('id="setup"')]
    assert summary.count("<tr") == 5
    marked = [row for row in summary.split("<tr")[1:] if row.startswith(' class="best"')]
    assert len(marked) == 2
    assert all("fast" in row for row in marked)
    assert "least EDP (energy-delay product)" in summary
    row = next(row for row in summary.split("<tr")[1:] if "alpha" in row)
    # Record 0: 1 ms, 0.8 mJ, EDP 0.8 mJ ms, rows 8, utilization 1/8.
    for figure in ("1 ms", "800 µJ", "800 µJ·ms", "12.5 %", "80 %", "50 %", "3.5 kB", "2 mm²", "rows=8", "kind=odd"):
        assert f">{figure}<" in row


def test_what_was_varied_is_listed(tmp_path: Path) -> None:
    text = read(findings_by_hand(), tmp_path).text
    assert "slow rows : 8, 16, 32" in text
    assert "kind : odd, even" in text
    assert "grid : grid, 13 evaluations" in text
    assert "latency_ms (min)" in text


def test_long_lists_of_values_are_shortened(tmp_path: Path) -> None:
    records = [record(i, point={"hardware.n": i, "hardware.word": f"w{i:02}"}) for i in range(20)]
    text = read(Findings(result_of(records), ()), tmp_path).text
    assert "n : 0 to 19, 20 values" in text
    assert "w00, w01, w02" in text
    assert "w11, ..." in text


def test_failures_and_their_reasons_are_never_hidden(tmp_path: Path) -> None:
    text = read(findings_by_hand(), tmp_path).text
    assert "1 failed" in text
    assert "beta slow 1 beta does not fit slow: layer conv: buffer" in text


def test_many_reasons_are_counted(tmp_path: Path) -> None:
    records = [record(i, error=f"reason {i % 15}\nwith a second line") for i in range(31)]
    text = read(Findings(result_of(records), ()), tmp_path).text
    assert "31 designs have no figures" in text
    assert "net machine 3 reason 0" in text
    assert "6 more failed for other reasons" in text
    assert "second line" not in text


def test_a_reason_does_not_tell_the_folders_of_the_machine(tmp_path: Path) -> None:
    records = [
        record(0),
        record(1, error="/home/someone/deep down/nets/a.yaml:3  width\n  wrong"),
        record(2, error="a/b"),
    ]
    text = read(Findings(result_of(records), ()), tmp_path).text
    assert "/home/someone" not in text
    assert "a.yaml:3" in text


def test_missed_constraints_are_counted(tmp_path: Path) -> None:
    records = [record(0), record(1, feasible=False, area_mm2=3.0), record(2, feasible=False, area_mm2=9.0)]
    text = read(Findings(result_of(records, constraints={"area_mm2": "<= 2 mm^2"}), ()), tmp_path).text
    assert "2 miss a constraint" in text
    assert "area_mm2 <= 2 mm²: missed by 2 designs" in text


def test_where_nothing_failed_that_is_said(tmp_path: Path) -> None:
    text = read(Findings(result_of([record(0)]), ()), tmp_path).text
    assert "Every design was evaluated and meets every constraint." in text


def test_a_study_in_which_every_design_failed_still_has_its_report(tmp_path: Path) -> None:
    result = result_of([record(i, error="does not fit") for i in range(3)])
    path = write_report(result, tmp_path / "out")
    reader = Reader(path.read_text(encoding="utf-8"))
    assert "No design is feasible" in reader.text
    assert "3 designs have no figures" in reader.text
    assert reader.plots == []
    assert list((tmp_path / "out" / "figures").iterdir()) == []


def test_a_study_without_a_single_record_has_a_report(tmp_path: Path) -> None:
    text = Reader(write_report(result_of([], complete=False), tmp_path).read_text(encoding="utf-8")).text
    assert "0 designs evaluated" in text
    assert "stopped before its end: 0 of 7" in text


def test_one_design_is_enough(tmp_path: Path) -> None:
    chosen = record(0)
    reader = read(Findings(result_of([chosen]), (design(chosen),)), tmp_path)
    assert "1 network" in reader.text
    assert "1 template" in reader.text
    assert len(reader.plots) >= 5


def test_an_interrupted_study_says_so(tmp_path: Path) -> None:
    findings = findings_by_hand()
    cut = replace(findings, result=replace(findings.result, complete=False, total=99))
    assert "13 of 99 planned evaluations" in read(cut, tmp_path).text


def test_notes_stand_at_the_top(tmp_path: Path) -> None:
    findings = findings_by_hand()
    noted = Findings(replace(findings.result, notes=("the grid was thinned",)), findings.designs, ("figures changed",))
    text = page(noted, tmp_path)
    assert text.index("the grid was thinned") < text.index("figures changed") < text.index('id="best"')


def test_what_is_not_modelled_is_said_and_never_zero(tmp_path: Path) -> None:
    chosen = record(0, area_mm2=None)
    reader = read(Findings(result_of([chosen]), (design(chosen),)), tmp_path)
    limits = reader.text[reader.text.index("What is not modelled") :]
    for words in ("energy of buffer O write", "energy of interconnect", "energy of registers", "area of some designs"):
        assert words in limits
    assert "0 mm²" not in reader.text
    row = page(Findings(result_of([chosen]), (design(chosen),)), tmp_path)
    assert '<span class="missing">not modelled</span>' in row


def test_area_of_each_design_is_shown_by_component(tmp_path: Path) -> None:
    assert "area 2 mm²: array 0.5 mm², buffer 1.5 mm²" in page(findings_by_hand(), tmp_path)


def test_layers_of_each_design_can_be_opened(tmp_path: Path) -> None:
    text = page(findings_by_hand(), tmp_path)
    tables = text[text.index('id="layers-table"') : text.index('id="limits"')]
    assert tables.count("<details>") == 4
    assert tables.count("<tr>") == 4 * (1 + 5)
    conv = next(row for row in tables.split("<tr>") if ">conv<" in row)
    for figure in (
        "8,000",
        "1,000",
        "1 µs",
        "33.3 %",
        "80.0 %",
        "62.5 %",
        "50.0 %",
        "1 kB",
        f"8{TIMES}4{TIMES}4 -&gt; 8{TIMES}4{TIMES}4",
    ):
        assert f">{figure}<" in conv
    assert 'title="buffer[K8] dram[C8]"' in conv
    add = next(row for row in tables.split("<tr>") if ">add<" in row)
    assert '<td class="n"></td>' in add  # no MACs, no utilization


def test_every_metric_is_in_the_glossary(tmp_path: Path) -> None:
    chosen = record(0, my_metric=3.0)
    text = page(Findings(result_of([chosen]), ()), tmp_path)
    glossary = text[text.index('id="glossary"') :]
    assert all(f"<code>{name}</code>" in glossary for name in (*METRICS, "my_metric"))


def test_the_accuracy_estimator_speaks_for_itself(tmp_path: Path) -> None:
    records = [record(i, 1.0 + i, top1=50.0 + i) for i in range(3)]
    keys = {"accuracy": "mobilenet_v2_grid", "objectives": ["top1", "latency_ms"]}
    result = result_of(records, trust="mean error 0.46 points", **keys)
    reader = read(Findings(result, (design(records[0], role="least EDP"),)), tmp_path)
    assert "How far to trust the accuracy mobilenet_v2_grid : mean error 0.46 points" in reader.text
    assert "the balanced design" in reader.text
    assert "top1 (max): top-1 accuracy" in reader.text


HOSTILE = '</script><script>alert("x")</script> & <b>$x$</b>'


def test_hostile_names_are_shown_and_never_obeyed(tmp_path: Path) -> None:
    chosen = record(0, network=HOSTILE, hardware="'\"><img src=x>", point={"hardware.<i>": "</script>"})
    failed = record(1, network=HOSTILE, hardware="h", error="<script>bad()</script>")
    result = replace(result_of([chosen, failed], description="<em>hi</em>"), name=HOSTILE)
    hostile_layers = tuple(
        replace(layer, name=f"<u>{layer.name}", mapping='"><u>') for layer in design(chosen).evaluation.layers
    )
    reader = read(Findings(result, (design(chosen, layers=hostile_layers),)), tmp_path)
    assert reader.tags["img"] == reader.tags["em"] == reader.tags["i"] == reader.tags["u"] == 0
    assert sum(kind == "" for kind, _ in reader.scripts) == 2  # plotly's and ours
    assert not any("alert" in data for kind, data in reader.scripts if kind == "")
    assert reader.plots
    assert 'alert("x")' in reader.text
    assert "<em>hi</em>" in reader.text
    assert "<script>bad()</script>" in reader.text


def test_the_data_of_a_plot_is_what_was_drawn(tmp_path: Path) -> None:
    findings = findings_by_hand()
    reader = read(findings, tmp_path)
    energy = FIGURES["energy"]
    expected = [
        plot.without_legend().as_dict() for chart in energy.charts(findings) for plot in energy.interactive(chart.data)
    ]
    plots = reader.plots
    assert all(json.loads(json.dumps(plot)) in plots for plot in expected)
    total = sum(sum(trace["x"]) for trace in expected[0]["data"])
    assert total == pytest.approx(TOTAL_PJ / 1e3)


def test_figures_of_an_older_report_do_not_stay(tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    folder.mkdir()
    (folder / "layers-old-design.png").write_bytes(b"old")
    (folder / "my own.png").write_bytes(b"mine")
    write_report(result_of([record(0, error="no")]), tmp_path)
    assert [path.name for path in folder.iterdir()] == ["my own.png"]


def test_titles_that_differ_only_in_strange_letters_get_files_of_their_own(tmp_path: Path) -> None:
    records = [record(i, network=name) for i, name in enumerate(["a b", "a?b"])]
    page(Findings(result_of(records), tuple(design(r) for r in records)), tmp_path)
    assert {"energy-a-b.png", "energy-a-b-2.png"} <= {path.name for path in tmp_path.iterdir()}


def registered(monkeypatch: pytest.MonkeyPatch, kind: FigureKind) -> None:
    len(FIGURES)  # the built-in ones are there before another comes
    monkeypatch.setitem(FIGURES._members, "others", kind)


def test_a_figure_of_another_package_joins_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(figure: Figure, data: int) -> None:
        figure.subplots().plot([0, data])

    kind = FigureKind(
        title="Somebody's figure",
        reading="Look at it. It is a line.",
        place=35,
        charts=lambda findings: [Chart("", len(findings.comparable))],
        draw=draw,
        size=lambda _: (2.0, 1.0),
    )
    registered(monkeypatch, kind)
    text = page(findings_by_hand(), tmp_path)
    assert text.index('id="effects"') < text.index('id="others"') < text.index('id="time"')
    assert 'src="data:image/png;base64,' in text
    assert "Look at it." in text
    assert (tmp_path / "others.png").is_file()


def test_a_figure_that_lacks_a_package_says_so_and_the_others_stay(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    def charts(_: Findings) -> list:
        raise MissingExtraError("the other figure", "moocore", "search")

    registered(monkeypatch, replace(FIGURES["pareto"], charts=charts, place=11))
    reader = read(findings_by_hand(), tmp_path)
    assert "This figure is not drawn. the other figure needs moocore" in reader.text
    assert "Roofline" in reader.text


def test_thousands_of_designs_stay_a_small_page(tmp_path: Path) -> None:
    records = [
        record(
            i,
            1.0 + i % 97,
            1e9 + i * 1e6,
            network=f"network{i % 4}",
            hardware=f"template{i % 3}",
            point={"hardware.rows": i % 5, "hardware.columns": i % 7, "hardware.dataflow": "weight_stationary"},
        )
        for i in range(3600)
    ]
    assert len(page(Findings(result_of(records), ()), tmp_path).encode()) < 5e6


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_a_browser_draws_every_open_chart(real: Path, tmp_path: Path) -> None:
    text = real.read_text(encoding="utf-8")
    trap = "<script>window.onerror = (message) => { document.title = ['broken', message].join(': '); };</script></head>"
    watched = tmp_path / "watched.html"
    watched.write_text(text.replace("</head>", trap, 1), encoding="utf-8")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=30000"]
    done = subprocess.run(
        [*command, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", watched.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "broken: " not in done.stdout
    opened = text.count('<div class="chart"') - sum(
        part.split("</details>")[0].count('<div class="chart"') for part in text.split("<details>")[1:]
    )
    assert opened >= 10
    assert len(re.findall(r'class="plot[ "]', done.stdout)) == opened


def test_all_records_are_counted_once(tmp_path: Path) -> None:
    text = read(findings_by_hand(), tmp_path).text
    assert f"{len(two_by_two())} designs evaluated" in text
