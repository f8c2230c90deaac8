"""The numbers of a report are those of the study: tables add up, and what is drawn is what the CSV holds."""

from __future__ import annotations

import csv
import json
import math
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_fakes import record, result_of

from accelsim.config.source import Source
from accelsim.errors import InputError
from accelsim.report import html as report
from accelsim.report.html import write_report
from accelsim.study.export import CSV_NAME
from accelsim.study.plan import plan_study
from accelsim.study.result import StudyResult
from accelsim.study.runner import run_study

STUDY = """
schema_version: 1
networks:
  mobilenet_v3_small: {resolution: 96}
  mobilenet_v2: {width: 0.35, resolution: 96}
hardware:
  systolic: {rows: [8, 16, 32], columns: 16}
  npu: {atomic_c: [8, 16]}
constraints: {area_mm2: "<= 2 mm^2"}
"""
PREFIXES = {"n": 1e-9, "µ": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}
#: Unit -> how many of the metric's own unit it is, the prefix being 1.
UNITS = {"J": 1e12, "J·ms": 1e12, "s": 1e3, "B": 1.0, "mm²": 1.0, "%": 0.01, "": 1.0}


def read_back(text: str) -> float:
    """Return a number as a reader would: with its prefix and unit, in the unit of the metric."""
    if text == "< 0.1 %":
        return 0.0
    digits, _, unit = text.partition(" ")
    factor = 1.0
    if unit not in UNITS and unit[:1] in PREFIXES:
        factor, unit = PREFIXES[unit[0]], unit[1:]
    elif unit in ("ms",):
        factor, unit = 1e-3, "s"
    elif unit.startswith("p"):
        factor, unit = 1e-12, unit[1:]
    return float(digits.replace(",", "")) * factor * UNITS[unit]


class Tables(HTMLParser):
    """Collects every table as rows of cells' words, the class of each row, and the data of the plots."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[str]]] = []
        self.kinds: list[list[str]] = []
        self.plots: list[dict] = []
        self._json = self._open = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs) -> None:
        given = dict(attrs)
        self._json = tag == "script" and given.get("type") == "application/json"
        if tag == "table":
            self.tables.append([])
            self.kinds.append([])
        elif tag == "tr":
            self.tables[-1].append([])
            self.kinds[-1].append(given.get("class") or "")
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._open = True

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._json:
            self.plots.append(json.loads(data))
            self._json = False
        elif self._open:
            self.tables[-1][-1][-1] += data

    def headed(self, first: str) -> list[list[list[str]]]:
        """Return the tables whose head begins with a word."""
        return [table for table in self.tables if table and table[0][0] == first]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a study of ten designs, with its report."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("plotly.offline.get_plotlyjs", lambda: "/* plotly */")
        patch.setattr(report, "png", lambda *_: b"drawing")
        write_report(run_study(plan_study(Source.parse(STUDY, Path("numbers.yaml"))), folder, workers=1), folder)
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> Tables:
    return Tables((folder / report.PAGE).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def records(folder: Path) -> list[dict[str, str]]:
    with (folder / CSV_NAME).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def best(records: list[dict[str, str]], network: str, hardware: str | None = None) -> dict[str, str]:
    """Return the feasible record with the least energy-delay product."""
    among = [one for one in records if one["network"] == network and hardware in (None, one["hardware"])]
    return min((one for one in among if one["feasible"] == "true"), key=lambda one: float(one["edp_pj_ms"]))


COLUMNS = {
    "EDP": "edp_pj_ms",
    "latency": "latency_ms",
    "energy": "energy_pj",
    "overall utilization": "utilization_overall",
    "spatial utilization": "utilization_spatial",
    "temporal utilization": "utilization_temporal",
    "DRAM traffic": "dram_bytes",
    "area": "area_mm2",
}


def test_the_table_of_best_designs_is_that_of_the_csv(page: Tables, records: list[dict[str, str]]) -> None:
    (table,) = page.headed("network")
    heads = table[0]
    assert set(COLUMNS) <= set(heads)
    network, compared = "", 0
    for cells in table[1:]:
        network = cells[0] or network
        found = best(records, network, cells[1])
        for head, column in COLUMNS.items():
            said = cells[heads.index(head)]
            assert read_back(said) == pytest.approx(float(found[column]), rel=6e-3), (network, cells[1], head)
            compared += 1
        values = dict(word.split("=") for word in cells[-1].split())
        assert values
        for name, value in values.items():
            assert found[f"hardware.{name}"] == value
    assert compared == 4 * len(COLUMNS)


def test_the_marked_row_is_the_best_of_its_network(page: Tables, records: list[dict[str, str]]) -> None:
    place = page.tables.index(page.headed("network")[0])
    network, marked = "", {}
    for cells, kind in zip(page.tables[place][1:], page.kinds[place][1:], strict=True):
        network = cells[0] or network
        if "best" in kind.split():
            assert network not in marked, "one a network"
            marked[network] = cells[1]
    assert marked == {name: best(records, name)["hardware"] for name in ("mobilenet_v3_small", "mobilenet_v2")}


def test_the_layers_of_a_design_add_up_to_its_network(page: Tables, records: list[dict[str, str]]) -> None:
    tables = page.headed("layer")
    pairs = [(n, h) for n in ("mobilenet_v3_small", "mobilenet_v2") for h in ("systolic", "npu")]
    assert len(tables) == len(pairs)
    for table, (network, hardware) in zip(tables, pairs, strict=True):
        found, heads, layers = best(records, network, hardware), table[0], table[1:]
        cells = {head: [row[heads.index(head)] for row in layers] for head in heads}
        assert sum(int(text.replace(",", "")) for text in cells["MACs"] if text) == int(float(found["macs"]))
        # Each is rounded to a cycle.
        cycles = sum(int(text.replace(",", "")) for text in cells["cycles"])
        assert cycles == pytest.approx(float(found["latency_cycles"]), abs=0.5 * len(layers))
        # Three digits each; a share below a thousandth is not said.
        assert sum(map(read_back, cells["time"])) == pytest.approx(float(found["latency_ms"]), rel=6e-3)
        small = cells["share"].count("< 0.1 %")
        assert sum(map(read_back, cells["share"])) == pytest.approx(1, abs=1e-3 * small + 5e-4 * len(layers))
        assert sum(map(read_back, cells["off-chip"])) == pytest.approx(float(found["dram_bytes"]), rel=6e-3)


def test_overall_utilization_of_a_layer_is_its_macs_over_what_the_array_could_do(page: Tables) -> None:
    """``MACs / (peak x cycles)`` from the page's own columns."""
    for table in page.headed("layer"):
        heads = table[0]
        rows = [dict(zip(heads, row, strict=True)) for row in table[1:] if row[heads.index("MACs")]]
        peaks = [
            int(row["MACs"].replace(",", "")) / int(row["cycles"].replace(",", "")) / read_back(row["overall"])
            for row in rows
            if read_back(row["overall"]) > 0.1
        ]
        # One array serves all layers: every row gives the same peak, within the digits that are shown.
        assert len(peaks) > 3
        assert max(peaks) / min(peaks) < 1.02
        for row in rows:
            product = read_back(row["spatial"]) * read_back(row["temporal"])
            assert product == pytest.approx(read_back(row["overall"]), abs=2e-3)


def test_every_design_that_can_be_compared_is_a_dot_at_its_figures(page: Tables, records: list[dict[str, str]]) -> None:
    axes = [
        {name: plot["layout"][name].get("title", {}).get("text", "") for name in ("xaxis", "yaxis")}
        for plot in page.plots
    ]
    places = [at for at, one in enumerate(axes) if one["xaxis"].startswith("latency (") and "energy" in one["yaxis"]]
    assert len(places) == 2, "a panel a network"
    for at, network in zip(places, ("mobilenet_v3_small", "mobilenet_v2"), strict=True):
        units = [axes[at][axis].partition("(")[2].rstrip(")") for axis in ("xaxis", "yaxis")]
        traces = {trace["name"]: trace for trace in page.plots[at]["data"] if trace.get("mode") == "markers"}
        mine = [one for one in records if one["network"] == network]
        for name in ("systolic", "npu", "misses a constraint"):
            wanted = [
                one for one in mine if (one["hardware"] if one["feasible"] == "true" else "misses a constraint") == name
            ]
            assert wanted
            for letter, unit, column in zip("xy", units, ("latency_ms", "energy_pj"), strict=True):
                drawn = sorted(read_back(f"1 {unit}") * value for value in traces[name][letter])
                assert drawn == pytest.approx(sorted(float(one[column]) for one in wanted), rel=1e-3)


def test_the_bars_of_energy_add_up_to_the_energy_of_the_csv(page: Tables, records: list[dict[str, str]]) -> None:
    energies = sorted(
        float(best(records, network, hardware)["energy_pj"])
        for network in ("mobilenet_v3_small", "mobilenet_v2")
        for hardware in ("systolic", "npu")
    )
    sums = []
    for plot in page.plots:
        axis, _, unit = plot["layout"]["xaxis"]["title"]["text"].partition(" (")
        if axis == "energy":
            sums.append(read_back(f"1 {unit.rstrip(')')}") * sum(sum(trace["x"]) for trace in plot["data"]))
    assert sorted(sums) == pytest.approx(energies, rel=1e-3)


# ------------------------------------------------------------------------------------------- reports that fail
def kept(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder, by its path in it."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_report_that_cannot_be_drawn_leaves_an_earlier_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = kept(folder)

    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "glossary", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_report(_without_designs(), folder)
    assert kept(folder) == before


def test_a_report_whose_template_is_gone_leaves_an_earlier_one(folder: Path) -> None:
    before = kept(folder)
    with pytest.raises(InputError, match="machine"):
        write_report(result_of([record(0, network="mobilenet_v2")]), folder)
    assert kept(folder) == before


def test_what_a_killed_report_left_behind_goes_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plotly.offline.get_plotlyjs", lambda: "/* plotly */")
    part = tmp_path / "report.part"
    part.mkdir()
    (part / "pareto.png").write_bytes(b"half a drawing")
    assert write_report(_without_designs(), tmp_path) == tmp_path / "report.html"
    assert not part.exists() and not (tmp_path / "figures" / "pareto.png").exists()


def _without_designs() -> StudyResult:
    return result_of([record(0, error="does not fit")])


@pytest.mark.parametrize(
    ("text", "value"), [("1.5 mJ", 1.5e9), ("457 µs", 0.457), ("12 ms", 12), ("45.7 %", 0.457), ("3.5 kB", 3500)]
)
def test_numbers_are_read_back_as_they_are_written(text: str, value: float) -> None:
    assert math.isclose(read_back(text), value)
