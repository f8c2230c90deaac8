"""The built-in reference sets on the files of the checkout, and ``docs/validation.md``, whose numbers are today's."""

from __future__ import annotations

import csv
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.validation.page import section
from accelsim.validation.sets import SETS, Comparison, Outcome, Series, found_files, run_set, search_folders

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "reference"
HERE = search_folders([])
FOLDERS = search_folders([SHARED]) if SHARED.is_dir() else HERE


@cache
def outcome(name: str) -> Outcome:
    """Return what comes of a set with the files of the checkout; with others only if it needs them."""
    found = run_set(name, HERE)
    return run_set(name, FOLDERS) if found.comparison is None else found


def compared(name: str) -> Comparison:
    """Return the comparison of a set."""
    found = outcome(name).comparison
    assert found is not None
    return found


def test_sets_whose_files_come_along_can_be_run() -> None:
    run = {name for name in SETS if not found_files(SETS[name], HERE)[1]}
    assert {"scale_sim", "timeloop", "ethos_u", "ethos_u_template", "eyeriss"} <= run


def test_every_row_of_the_tables_is_compared() -> None:
    rows = {"scale_sim": (923,), "timeloop": (122,), "eyeriss": (5,), "ethos_u": (303, 480, 12)}
    rows["ethos_u_template"] = rows["ethos_u"]
    for name, counts in rows.items():
        assert {len(series.names) for series in compared(name).series} == set(counts), name


@pytest.mark.parametrize("name", ["scale_sim", "timeloop"])
def test_other_tools_figures_are_equal_but_for_the_one_that_is_meant_to_differ(name: str) -> None:
    off = [series.what for series in compared(name).series if series.worst is not None]
    assert off == (["SRAM writes of outputs"] if name == "scale_sim" else [])
    assert all(series.zeros[1] == 0 for series in compared(name).series)


def test_the_figure_that_differs_does_so_in_one_dataflow_and_downwards() -> None:
    (writes,) = [series for series in compared("scale_sim").series if series.worst is not None]
    parts = writes.by_group()
    assert parts["ws"].worst is None and parts["is"].worst is None
    assert np.all(parts["os"].predicted < parts["os"].reference)


def test_the_compilers_estimates_are_met_as_far_as_asked() -> None:
    series = {one.what: one for one in compared("ethos_u").series}
    for machine, one in series["layers: NPU cycles"].by_group().items():
        assert one.errors is not None and one.errors.median <= 0.03 and one.errors.p90 <= 0.1, machine
    assert np.all(np.abs(series["networks: cycles"].relative) <= 0.02)
    for what in ("networks: SRAM bytes", "networks: flash and DRAM bytes"):
        # The weights of the trained network are not known layer by layer.
        known = np.array([name.startswith("gen_") for name in series[what].names])
        assert np.all(np.abs(series[what].relative[known]) <= 0.05) and known.sum() == 9


def test_templates_say_what_the_compiler_estimates_as_far_as_asked() -> None:
    series = {one.what: one for one in compared("ethos_u_template").series}
    for what in ("layers: NPU cycles", "layers: cycles", "ops of networks: NPU cycles", "ops of networks: cycles"):
        for machine, one in series[what].by_group().items():
            assert one.errors is not None and one.errors.median <= 0.03 and one.errors.p90 <= 0.1, (what, machine)
    for what in ("networks: NPU cycles", "networks: cycles"):
        assert np.all(np.abs(series[what].relative) <= 0.02) and len(series[what].names) == 12


def test_a_chain_without_shortcuts_is_through_a_template_what_the_engine_says_of_it() -> None:
    """The order of the compiler is that of the bundled network, so that every op is the engine's to the cycle."""
    engine, template = ({one.what: one for one in compared(name).series} for name in ("ethos_u", "ethos_u_template"))
    by_op = dict(
        zip(_keys(engine["ops of networks: NPU cycles"]), engine["ops of networks: NPU cycles"].predicted, strict=True)
    )
    seen = 0
    for key, cycles in zip(
        _keys(template["ops of networks: NPU cycles"]), template["ops of networks: NPU cycles"].predicted, strict=True
    ):
        if "mobilenet" in key[0]:
            assert cycles == by_op[key], key
            seen += 1
    assert seen == 3 * (29 + 28)


def _keys(series: Series) -> list[tuple[str, str]]:
    return list(zip(series.names, series.groups, strict=True))


def test_the_chips_latency_is_met_and_its_pes_are_exact() -> None:
    latency, pes = compared("eyeriss").series
    assert latency.errors is not None and latency.errors.mape <= 0.04
    assert pes.worst is None


@pytest.mark.skipif(not SHARED.is_dir(), reason="NVIDIA's sheets may not be copied, and are not here")
def test_nvidias_sheets_are_met_as_far_as_asked() -> None:
    found = compared("nvdla")
    series = {one.what: one for one in found.series}
    assert series["MAC cycles"].worst is None
    assert len(series["MAC cycles"].names) == 2 * (11 + 54)
    (poles,) = found.agreements
    assert poles.share >= 0.95
    assert np.all(np.abs(series["frames per second, sheets"].relative) <= 0.03)
    hardware = series["MAC cycles of convolutions, nv_full traversal"]
    assert np.all(hardware.predicted >= hardware.reference), "atoms left empty only cost time"


# ------------------------------------------------------------------------------------------------ damaged tables
def changed(tmp_path: Path, name: str, row: int, column: str, cell: str) -> Path:
    """Return a folder with a table of the checkout in which one cell is another; row 0 is the head."""
    source = next(path for path in (HERE[0] / name,) if path.is_file())
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    rows[row][rows[0].index(column)] = cell
    target = tmp_path / name
    target.parent.mkdir(exist_ok=True)
    with target.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path


TABLES = [
    ("timeloop", "timeloop_fixed_mapping.csv", "cycles", "cycles", "conv1"),
    ("ethos_u", "ethos_u/single_layers.csv", "npu_cycles", "layers: NPU cycles", "conv1"),
    ("ethos_u", "ethos_u/networks_summary.csv", "cycles_total", "networks: cycles", "gen_mobilenet_v1"),
]


@pytest.mark.parametrize(("name", "file", "column", "what", "point"), TABLES)
def test_a_figure_that_was_changed_in_a_users_file_is_the_worst(
    tmp_path: Path, name: str, file: str, column: str, what: str, point: str
) -> None:
    folder = changed(tmp_path, file, 1, column, "123456789")
    found = run_set(name, search_folders([folder])).comparison
    assert found is not None
    (series,) = [one for one in found.series if one.what == what]
    assert series.worst is not None
    assert point in series.worst[0] and series.worst[1] < -0.9


@pytest.mark.parametrize(
    ("name", "file", "row", "column", "cell", "said"),
    [
        ("timeloop", "timeloop_fixed_mapping.csv", 0, "cycles", "cycle", r"cycles\n  no such column"),
        ("timeloop", "timeloop_fixed_mapping.csv", 2, "cycles", "many", r"csv:3  cycles\n  got 'many'"),
        ("timeloop", "timeloop_fixed_mapping.csv", 2, "c", "1.5", "a whole number"),
        ("timeloop", "timeloop_fixed_mapping.csv", 2, "cycles", "-1", "a number from 0 on"),
        ("timeloop", "timeloop_fixed_mapping.csv", 2, "array", "32", "32x32"),
        ("scale_sim", "scale_sim_compute_only.csv", 1, "dataflow", "ww", "use os, ws, is"),
        ("scale_sim", "scale_sim_compute_only.csv", 1, "demand_lines", "nan", "a number from 0 on"),
        ("ethos_u", "ethos_u/single_layers.csv", 1, "kind", "pool", "use dw, conv, fc"),
        ("ethos_u", "ethos_u/single_layers.csv", 1, "accelerator", "ethos-u55-12", "ethos-u55-128"),
        ("ethos_u", "ethos_u/networks_per_op.csv", 2, "npu_op", "Softmax", "Conv2D"),
        ("ethos_u", "ethos_u/networks_summary.csv", 1, "model", "vgg", "a network that the file of ops has"),
        ("ethos_u_template", "ethos_u/single_layers.csv", 1, "kind", "pool", "use dw, conv, fc"),
        ("ethos_u_template", "ethos_u/networks_summary.csv", 1, "model", "vgg", "use gen_mobilenet_v1"),
        ("ethos_u_template", "ethos_u/networks_per_op.csv", 2, "model", "gen_resnet18", "a network of 29 ops"),
    ],
)
def test_mistakes_in_a_table_are_told_with_file_and_line(
    tmp_path: Path, name: str, file: str, row: int, column: str, cell: str, said: str
) -> None:
    folder = changed(tmp_path, file, row, column, cell)
    with pytest.raises(InputError, match=said):
        run_set(name, search_folders([folder]))


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no such column"), ("network\n", "no such column"), ("a,b\n1\n", "not as many cells"), ("\xff", "utf-8")],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "timeloop_fixed_mapping.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=said):
        run_set("timeloop", [tmp_path])


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    head = (HERE[0] / "timeloop_fixed_mapping.csv").read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / "timeloop_fixed_mapping.csv").write_text(head + "\n\n", encoding="utf-8")
    with pytest.raises(InputError, match="it has no rows"):
        run_set("timeloop", [tmp_path])


def test_a_set_does_without_its_optional_file(tmp_path: Path) -> None:
    shutil.copy(HERE[0] / "scale_sim_compute_only.csv", tmp_path)
    found = run_set("scale_sim", [tmp_path]).comparison
    assert found is not None
    assert len(found.series[0].names) == 797


# ------------------------------------------------------------------------------------------------ the page
@pytest.mark.parametrize("name", SETS)
def test_the_numbers_of_the_page_are_todays(name: str) -> None:
    text = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    if outcome(name).comparison is None:
        pytest.skip(f"{name} is {outcome(name).reason}")
    image = f"images/validation_{name}.png" if SETS[name].plotted else ""
    assert section(outcome(name), image) in text, "run `make validation`"
    drawn = ROOT / "docs" / "images" / f"validation_{name}.png"
    assert drawn.is_file() == SETS[name].plotted, "points that are not ours to pass on are not drawn"
