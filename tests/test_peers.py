"""The comparison with other tools, as far as it can be right or wrong: work, drivers, environments, the table."""

from __future__ import annotations

import configparser
import csv
import json
import sys
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import pytest

from accelsim import load_network
from benchmarks.peers import accelsim_driver, scalesim_driver, zigzag_driver
from benchmarks.peers.contract import Measured, one_line, peak_bytes, read_lines
from benchmarks.peers.run import measure, rows_of, run_driver
from benchmarks.peers.table import HEADER, Row, lines, middle, row, share_done
from benchmarks.peers.tools import TOOLS, InstallError, Tool, install, pip_reason
from benchmarks.peers.work import MACHINE, WARM_UP, Job, Layer, Machine, jobs, mobilenet_v2, resnet18

ROOT = Path(__file__).parents[1]
SINGLE, MOBILE, RESIDUAL = jobs()
ALL_LAYERS = (*mobilenet_v2(), *resnet18())


# The work


@pytest.mark.parametrize("job", [MOBILE, RESIDUAL], ids=lambda job: job.name)
def test_a_network_of_the_comparison_is_the_bundled_one_layer_by_layer(job: Job) -> None:
    bundled = [node.op.macs for node in load_network(job.network)]
    assert sorted(layer.macs for layer in job.layers) == sorted(macs for macs in bundled if macs)


def test_the_networks_have_the_published_macs() -> None:
    # Sandler et al., table 4: 300 M. He et al., table 1: 1.8 x 10^9.
    assert round(sum(layer.macs for layer in mobilenet_v2()), -7) == 300_000_000
    assert round(sum(layer.macs for layer in resnet18()), -8) == 1_800_000_000


def test_the_single_layers_are_a_dozen_of_both_networks_and_of_every_kind() -> None:
    assert len(set(SINGLE.layers)) == 12
    assert set(SINGLE.layers) <= set(ALL_LAYERS)
    assert {layer.kernel for layer in SINGLE.layers} == {1, 3}
    assert {layer.stride for layer in SINGLE.layers} == {1, 2}
    assert sum(layer.groups > 1 for layer in SINGLE.layers) == 2
    assert WARM_UP not in ALL_LAYERS


@pytest.mark.parametrize(
    ("layer", "size", "macs"),
    [
        (Layer("same", 4, 8, 6, 3), 6, 36 * 8 * 9 * 4),
        (Layer("strided", 4, 8, 6, 3, 2), 3, 9 * 8 * 9 * 4),
        (Layer("odd map", 4, 8, 7, 3, 2), 4, 16 * 8 * 9 * 4),
        (Layer("depthwise", 8, 8, 6, 5, groups=8), 6, 36 * 8 * 25),
        (Layer("classifier", 16, 10, 1, 1), 1, 160),
    ],
    ids=lambda value: value.name if isinstance(value, Layer) else "",
)
def test_sizes_and_macs_of_a_layer(layer: Layer, size: int, macs: int) -> None:
    assert (layer.output_size, layer.macs) == (size, macs)


def _scalesim_cycles() -> dict[tuple[int, ...], int]:
    with (ROOT / "tests" / "reference" / "scale_sim_compute_only.csv").open() as file:
        rows = [
            row for row in csv.DictReader(file) if (row["dataflow"], row["rows"], row["cols"]) == ("ws", "32", "32")
        ]
    keys = ("ih", "iw", "fh", "fw", "c", "k", "stride")
    return {tuple(int(row[key]) for key in keys): int(row["demand_lines"]) for row in rows}


@pytest.mark.parametrize("layer", ALL_LAYERS, ids=lambda layer: layer.name)
def test_scale_sim_gets_the_layer_and_the_sum_of_its_cycles_is_its_own(layer: Layer) -> None:
    written = scalesim_driver.topology((layer,)).splitlines()[1]
    _, *numbers, end = written.split(",")
    assert not end.strip(), "its lines end in a comma"
    known = _scalesim_cycles()
    assert known[tuple(map(int, (*numbers,)))] == layer.array_cycles(MACHINE)


def test_a_job_is_read_as_it_was_written(tmp_path: Path) -> None:
    for job in jobs():
        job.write(tmp_path / "job.json")
        assert Job.read(tmp_path / "job.json") == job


# What each tool is given


@pytest.mark.parametrize("layer", SINGLE.layers, ids=lambda layer: layer.name)
def test_a_single_layer_has_the_same_macs_in_every_tool(layer: Layer, tmp_path: Path) -> None:
    (network,) = accelsim_driver.networks(replace(SINGLE, layers=(layer,)), tmp_path)
    assert network.macs == layer.macs
    (described,) = zigzag_driver.workload((layer,))
    assert prod(described["loop_sizes"]) == layer.macs


def test_a_network_that_is_not_the_jobs_is_refused(tmp_path: Path) -> None:
    wrong = replace(MOBILE, layers=MOBILE.layers[1:])
    with pytest.raises(ValueError, match=r"300774272 MACs, the job has \d+"):
        list(accelsim_driver.networks(wrong, tmp_path))


@pytest.mark.parametrize("machine", [MACHINE, Machine(16, 64, 128, 8)], ids=["default", "other"])
def test_scale_sim_gets_the_machine(machine: Machine) -> None:
    parser = configparser.ConfigParser()
    parser.read_string(scalesim_driver.config(machine, "USER"))
    array = parser["architecture_presets"]
    assert (array.getint("ArrayHeight"), array.getint("ArrayWidth")) == (machine.rows, machine.columns)
    assert sum(int(array[f"{name}SramSzkB"]) for name in ("Ifmap", "Filter", "Ofmap")) == machine.buffer_kib
    bandwidths = [parser["layout"].getint(f"{name}SRAMBankBandwidth") for name in ("Ifmap", "Filter")]
    assert {array.getint("Bandwidth"), *bandwidths} == {machine.dram_bytes_per_cycle}
    assert parser["run_presets"]["InterfaceBandwidth"] == "USER"


@pytest.mark.parametrize("machine", [MACHINE, Machine(16, 64, 128, 8)], ids=["default", "other"])
def test_zigzag_gets_the_machine_and_its_dataflow(machine: Machine) -> None:
    described = zigzag_driver.hardware(machine)
    assert dict(zip(*(described["operational_array"][key] for key in ("dimensions", "sizes")), strict=True)) == {
        "D1": machine.columns,
        "D2": machine.rows,
    }
    memories = described["memories"]
    assert memories["buffer"]["size"] == machine.buffer_kib * 1024 * 8
    assert [port["bandwidth_max"] for port in memories["dram"]["ports"]] == [8 * machine.dram_bytes_per_cycle]
    (mapping,) = zigzag_driver.mapping(machine)
    assert mapping["spatial_mapping"] == {"D1": [f"K, {machine.columns}"], "D2": [f"C, {machine.rows}"]}


# What drivers say

_READY = {"event": "ready", "tool": "T", "version": "1", "seconds": 0.5}


def _times(cpu: float, peak: int) -> dict[str, float]:
    return {"wall_seconds": cpu + 0.25, "cpu_seconds": cpu, "peak_bytes": peak}


def _layer(name: str, cpu: float, evaluations: int | None = 3, peak: int = 100) -> dict[str, Any]:
    return {"event": "layer", "name": name, "cycles": 10.0, "evaluations": evaluations, **_times(cpu, peak)}


def _said(*events: dict[str, Any]) -> list[str]:
    return [json.dumps(event) + "\n" for event in events]


def test_the_lines_of_a_complete_run() -> None:
    end = {"event": "done", **_times(2.5, 150)}
    assert read_lines(_said(_READY, _layer("a", 1.0, peak=200), _layer("b", 2.0, 4), end)) == Measured(
        tool="T 1",
        start_seconds=0.5,
        wall_seconds=2.75,
        cpu_seconds=2.5,
        peak_bytes=200,
        layers=("a", "b"),
        cycles=20.0,
        evaluations=7,
        done=True,
        failure="",
    )


def test_a_run_cut_short_has_the_layers_it_finished() -> None:
    said = _said(_READY, _layer("a", 1.0), _layer("b", 2.0))
    said[-1] = said[-1][:20]
    measured = read_lines(said)
    assert (measured.layers, measured.cpu_seconds, measured.done, measured.failure) == (("a",), 1.0, False, "")


def test_a_run_that_says_nothing_is_not_done() -> None:
    measured = read_lines([])
    assert (measured.tool, measured.layers, measured.evaluations, measured.done) == ("", (), None, False)


def test_evaluations_are_unknown_if_one_layer_does_not_say() -> None:
    assert read_lines(_said(_READY, _layer("a", 1.0), _layer("b", 2.0, None))).evaluations is None


_DRIVER = """
import sys
from benchmarks.peers.contract import drive

def work(job, report):
    print("noise before")
    report.ready()
    {body}
    print("noise after")

sys.argv = ["driver", {job!r}]
drive("T", "1", work)
"""


def _driven(body: str, folder: Path) -> Measured:
    SINGLE.write(folder / "job.json")
    text = _DRIVER.format(body=body, job=str(folder / "job.json"))
    return run_driver([sys.executable, "-c", text], limit=60)


def test_what_a_tool_prints_is_kept_out_of_what_the_driver_says(tmp_path: Path) -> None:
    measured = _driven("[report.layer(layer.name, 5, 2) for layer in job.layers]", tmp_path)
    assert measured.tool == "T 1"
    assert measured.done
    assert measured.layers == tuple(layer.name for layer in SINGLE.layers)
    assert (measured.cycles, measured.evaluations) == (60.0, 24)
    assert measured.peak_bytes > 1_000_000


def test_memory_is_the_drivers_own_and_not_that_of_the_program_that_started_it(tmp_path: Path) -> None:
    held = bytearray(b"x" * (400 << 20))
    assert peak_bytes() > len(held)
    small = _driven("report.layer('a', 1, 1)", tmp_path)
    large = _driven("kept = b'x' * (200 << 20); report.layer('a', 1, 1)", tmp_path)
    assert small.peak_bytes < 200 << 20 < large.peak_bytes


def test_an_error_of_a_tool_is_one_line(tmp_path: Path) -> None:
    measured = _driven(r"report.layer('a', 1, 1); raise RuntimeError('first\nno room for the tile')", tmp_path)
    assert measured.failure == "RuntimeError: no room for the tile"
    assert not measured.done


def test_a_driver_that_is_killed_says_by_what(tmp_path: Path) -> None:
    measured = _driven("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", tmp_path)
    assert measured.failure.startswith("killed by signal 9")


def test_a_driver_that_does_not_start_is_a_failure_of_one_line() -> None:
    measured = run_driver([sys.executable, "-c", "import there_is_no_such_module"], limit=60)
    assert measured.failure == "ended with code 1: ModuleNotFoundError: No module named 'there_is_no_such_module'"


def test_a_driver_is_stopped_at_its_limit() -> None:
    measured = run_driver([sys.executable, "-c", "import time; time.sleep(600)"], limit=0.5)
    assert (measured.done, measured.failure, measured.layers) == (False, "", ())


def test_every_tool_has_a_driver_and_accelsim_comes_first() -> None:
    assert TOOLS[0].name == "accelsim"
    for tool in TOOLS:
        assert (ROOT / "benchmarks" / "peers" / f"{tool.driver}.py").is_file()
        assert bool(tool.environment) == bool(tool.requirements)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("a\nb\n\n", "b"), ("", "no message"), ("x" * 200, "x" * 157 + "..."), ("  spaced  ", "spaced")],
)
def test_one_line_of_a_text(text: str, wanted: str) -> None:
    assert one_line(text) == wanted


# Environments


def _tool(**changes: Any) -> Tool:
    return replace(Tool("peer", "no_such_driver", "peer", ("there-is-no-such-package==1",)), **changes)


def test_an_environment_that_cannot_be_made_is_one_line_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(_: Tool) -> Path:
        raise InstallError("no matching distribution")

    monkeypatch.setattr("benchmarks.peers.run.install", no_network)
    rows = rows_of(_tool(), jobs(), limit=1)
    assert [(row.work, row.note) for row in rows] == [
        (job.name, "not installed: no matching distribution") for job in jobs()
    ]


def test_a_package_that_cannot_be_had_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(InstallError, match="No matching distribution found for there-is-no-such-package==1"):
        install(_tool(), tmp_path)
    assert not (tmp_path / "peer" / "installed.txt").exists()


def test_an_environment_that_stands_is_used_until_its_requirements_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "peer").mkdir()
    (tmp_path / "peer" / "installed.txt").write_text("there-is-no-such-package==1")
    assert install(_tool(), tmp_path) == tmp_path / "peer" / "bin" / "python"
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no_python"))
    with pytest.raises(InstallError, match="no_python"):
        install(_tool(requirements=("another==2",)), tmp_path)


def test_accelsim_runs_in_this_environment() -> None:
    assert install(TOOLS[0]) == Path(sys.executable)


def test_the_reason_of_pip_is_its_last_error() -> None:
    output = "WARNING: retrying\nERROR: no version\nERROR: No matching distribution found for x\nhint: see the manual\n"
    assert pip_reason(output) == "No matching distribution found for x"
    assert pip_reason("Segmentation fault\n") == "Segmentation fault"


def test_a_driver_that_is_not_there_becomes_a_note_in_the_table() -> None:
    found = measure(_tool(), Path(sys.executable), SINGLE, limit=60)
    assert found.cpu_seconds is None
    assert found.note.startswith("not measured: ended with code 1: ")
    assert "no_such_driver" in found.note


# The table

_TOOL = Tool("peer", "driver")
_JOB = Job("work", MACHINE, (Layer("a", 32, 32, 10, 1), Layer("b", 64, 32, 10, 1), Layer("c", 32, 32, 10, 1)))


def _measured(**changes: Any) -> Measured:
    whole = Measured("T 1", 0.5, 8.0, 4.0, 3 << 20, ("a", "b", "c"), 30.0, 200, True, "")
    return replace(whole, **changes)


def test_the_row_of_a_complete_run() -> None:
    assert row(_TOOL, _JOB, _measured(), 60) == Row("peer", "work", 4.0, 8.0, 0.75, 50.0, 3 << 20, 0.5)
    assert row(_TOOL, _JOB, _measured(evaluations=None), 60).evaluations_per_second is None


def test_a_run_cut_short_is_extrapolated_and_says_so() -> None:
    cut = _measured(layers=("a",), done=False, evaluations=10)
    found = row(_TOOL, _JOB, cut, 60)
    assert (found.cpu_seconds, found.wall_seconds) == (12.0, 24.0)
    assert (found.layers_per_second, found.evaluations_per_second) == (0.25, 2.5)
    assert found.note == "stopped after 60 s with 1 of 3 layers done; extrapolated by layers"
    assert found.estimated


def test_time_that_grows_with_cycles_is_extrapolated_by_cycles() -> None:
    # b has twice the input channels, so two folds where a and c have one: 1 of 4 after a, 3 of 4 after b.
    tool = replace(_TOOL, grows_with="cycles")
    assert [share_done(tool, _JOB, done) for done in range(4)] == [0.0, 0.25, 0.75, 1.0]
    assert row(tool, _JOB, _measured(layers=("a",), done=False), 60).cpu_seconds == 16.0


@pytest.mark.parametrize(
    ("measured", "note"),
    [
        (_measured(failure="MemoryError: no message", done=False), "not measured: MemoryError: no message"),
        (_measured(layers=(), cpu_seconds=0.0, done=False), "not measured: no layer done within 60 s"),
    ],
)
def test_without_a_finished_layer_there_is_a_note_and_no_figure(measured: Measured, note: str) -> None:
    assert row(_TOOL, _JOB, measured, 60) == Row("peer", "work", note=note)


def test_the_middle_run_is_the_median_and_a_failure_outweighs_it() -> None:
    runs = [_measured(cpu_seconds=seconds) for seconds in (3.0, 1.0, 2.0)]
    assert middle(runs).cpu_seconds == 2.0
    failed = _measured(failure="broken")
    assert middle([*runs, failed]) is failed


def _split(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_table_puts_the_tools_of_one_work_together_with_their_ratios() -> None:
    rows = [
        Row("ours", "one", 0.5, 0.5, 24.0, None, 50 << 20, 0.25),
        Row("ours", "two", 2.0, 2.0, 24.0, None, 50 << 20, 0.25),
        Row("peer", "one", 100.0, 101.0, 0.12, 240.0, 200 << 20, 4.0),
        Row("peer", "two", 5000.0, 5050.0, 0.1, 240.0, 200 << 20, 4.0, "stopped"),
    ]
    table = lines(rows, "ours")
    assert _split(table[0]) == list(HEADER)
    assert [_split(line) for line in table[2:6]] == [
        ["ours", "one", "0.500", "0.500", "24.0", "-", "50 MiB", "0.250", "1.00"],
        ["peer", "one", "100", "101", "0.120", "240", "200 MiB", "4.00", "200"],
        ["ours", "two", "2.00", "2.00", "24.0", "-", "50 MiB", "0.250", "1.00"],
        ["peer", "two", "~5,000", "~5,050", "0.100", "240", ">200 MiB", "4.00", "~2,500"],
    ]
    assert table[6:] == ["peer (two): stopped"]
    assert len({len(line) for line in table[:6]}) == 1


def test_a_tool_without_figures_is_one_line_below_the_table() -> None:
    missing = [Row("peer", work, note="not installed: no network") for work in ("one", "two")]
    table = lines([Row("ours", "one", 0.5, 0.5, 24.0), *missing, Row("other", "one", note="broken")], "ours")
    assert [_split(line)[0] for line in table[2:3]] == ["ours"]
    assert table[3:] == ["peer (one, two): not installed: no network", "other (one): broken"]


def test_there_is_no_ratio_if_accelsim_was_not_measured() -> None:
    table = lines([Row("ours", "one", note="not measured: broken"), Row("peer", "one", 3.0, 3.0, 4.0)], "ours")
    assert _split(table[2])[:2] == ["peer", "one"]
    assert _split(table[2])[-1] == "-"
