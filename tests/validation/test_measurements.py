"""Measurements from CSV files, and every mistake in them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.validation.measurements import read_measurements
from accelsim.workload.load import load_network
from tests.conftest import ProblemsOf, Write

GOOD = """network,resolution,latency_ms,note
mobilenet_v2,160,1.25,the small one
mobilenet_v2,,2.5,
resnet18,,4,
"""


def test_rows_become_networks_with_their_measurements(write: Write) -> None:
    found = read_measurements(write(GOOD, "chip.csv"))
    assert found.quantity == "latency_ms"
    assert found.values.tolist() == [1.25, 2.5, 4]
    macs = [load_network("mobilenet_v2", resolution=160).macs, load_network("mobilenet_v2").macs]
    assert [network.macs for network in found.networks] == [*macs, load_network("resnet18").macs]


def test_a_file_about_one_network_needs_no_column_for_it(write: Write) -> None:
    path = write("resolution,energy_pj\n96,1e9\n224,5e9\n", "chip.csv")
    found = read_measurements(path, "mobilenet_v2")
    assert found.quantity == "energy_pj" and found.names == ("mobilenet_v2", "mobilenet_v2")


def test_words_and_switches_are_parameters_too(write: Write) -> None:
    text = "network,edges_1,latency_ms\nnasbench201,skip_connect,1\n"
    assert read_measurements(write(text, "chip.csv")).networks[0].macs < load_network("nasbench201").macs


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "said"),
    [
        ("1.25", "-1.25", 2, "latency_ms", "above 0"),
        ("1.25", "0", 2, "latency_ms", "above 0"),
        ("1.25", "nan", 2, "latency_ms", "above 0"),
        ("1.25", "inf", 2, "latency_ms", "above 0"),
        ("1.25", "fast", 2, "latency_ms", "'fast'"),
        ("1.25", "", 2, "latency_ms", "above 0"),
        ("resnet18", "resnet_18", 4, "network", "'resnet18'"),
        ("160", "161", 2, "mobilenet_v2.resolution", "outside the domain"),
        ("resolution", "resolutoin", 2, "resolutoin", "'resolution'"),
        (",latency_ms", ",latency", 1, "(columns)", "latency_ms, energy_pj"),
        ("note", "energy_pj", 1, "(columns)", "several columns"),
        ("network,", "net,", 1, "network", "a column network"),
        ("note", "latency_ms", 1, "latency_ms", "two columns"),
        ("note", " resolution ", 1, "resolution", "two columns"),
        ("note", "", 1, "(columns)", "column 4 has no name"),
        ("mobilenet_v2,,2.5,", "mobilenet_v2,2.5", 3, "(row)", "as many cells"),
        ("mobilenet_v2,,2.5,", "mobilenet_v2,,2.5,,,", 3, "(row)", "as many cells"),
    ],
)
def test_a_mistake_is_named_with_its_line(
    write: Write, problems_of: ProblemsOf, old: str, new: str, line: int, field: str, said: str
) -> None:
    path = write(GOOD.replace(old, new, 1), "chip.csv")
    problem = problems_of(read_measurements, path)[0]
    assert (problem.file, problem.line, problem.field) == (path, line, field)
    assert said in str(problem)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), st.permutations(["network", "resolution", "latency_ms"]))
@settings(max_examples=15)
def test_neither_the_order_of_rows_nor_that_of_columns_changes_a_measurement(
    order: list[int], columns: list[str]
) -> None:
    sizes, values = (96, 128, 144, 160, 192, 224), (0.7, 1.3, 1.9, 2.5, 3.1, 4.7)
    cells = {"network": "mobilenet_v2", "resolution": "", "latency_ms": ""}
    rows = [cells | {"resolution": str(sizes[at]), "latency_ms": str(values[at])} for at in order]
    lines = [",".join(columns), *(",".join(row[name] for name in columns) for row in rows)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chip.csv"
        path.write_text("\n".join(lines), encoding="utf-8")
        found = read_measurements(path)
    assert found.values.tolist() == [values[at] for at in order]
    assert [network.parameters["resolution"] for network in found.networks] == [sizes[at] for at in order]


def test_a_spreadsheets_file_is_read_as_any_other(write: Write) -> None:
    # A byte-order mark, lines that end as on Windows, a row without a cell, and whole numbers with a point.
    text = "\ufeffnetwork,resolution,latency_ms\r\nmobilenet_v2,160.0,1.5\r\n\r\nmobilenet_v2,,2\r\n"
    found = read_measurements(write(text, "chip.csv"))
    assert found.values.tolist() == [1.5, 2]
    assert found.networks[0].macs == load_network("mobilenet_v2", resolution=160).macs


def test_some_of_the_points_keep_their_networks_and_values(write: Write) -> None:
    found = read_measurements(write(GOOD, "chip.csv"))
    some = found.take(np.array([2, 0]))
    assert some.names == ("resnet18", "mobilenet_v2") and some.values.tolist() == [4, 1.25] and len(some) == 2
    assert [network.macs for network in some.networks] == [found.networks[2].macs, found.networks[0].macs]


ARCH = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_3x3~2|"


def test_a_member_of_nas_bench_201_is_named_as_its_tables_do(write: Write) -> None:
    found = read_measurements(write(f"arch_idx,arch_str,latency_ms\n7,{ARCH},1\n", "chip.csv"))
    edges = [found.networks[0].parameters[f"edges_{place}"] for place in range(1, 7)]
    assert edges == ["nor_conv_3x3", "none", "skip_connect", "nor_conv_1x1", "avg_pool_3x3", "nor_conv_3x3"]


@pytest.mark.parametrize(
    ("row", "field", "said"),
    [
        (f"mobilenet_v2,{ARCH},1", "arch_str", "the network is mobilenet_v2"),
        (f"nasbench201,{ARCH.replace('skip', 'skop')},1", "arch_string.edges_3", "skop_connect"),
        (f"nasbench201,{ARCH[:-1]},1", "arch_string", "three nodes"),
    ],
)
def test_a_member_that_cannot_be_is_told_once(
    write: Write, problems_of: ProblemsOf, row: str, field: str, said: str
) -> None:
    path = write(f"network,arch_str,latency_ms\n{row}\n", "chip.csv")
    (problem,) = problems_of(read_measurements, path)
    assert (problem.field, problem.line) == (field, 2) and said in str(problem)


def test_every_mistake_is_named_and_a_wrong_column_once(write: Write, problems_of: ProblemsOf) -> None:
    text = "network,resolutoin,latency_ms\nmobilenet_v2,96,-1\nmobilenet_v2,128,1\nmobilenet_v2,160,0\n"
    problems = problems_of(read_measurements, write(text, "chip.csv"))
    assert [(problem.field, problem.line) for problem in problems] == [
        ("latency_ms", 2),
        ("resolutoin", 3),
        ("latency_ms", 4),
    ]


def test_files_without_rows_and_files_that_are_not_there(write: Write, problems_of: ProblemsOf) -> None:
    empty = write("network,latency_ms\n", "chip.csv")
    assert "no rows" in str(problems_of(read_measurements, empty)[0])
    assert "cannot read" in str(problems_of(read_measurements, empty.with_name("other.csv"))[0])
    empty.write_bytes(b"\xff\xfe\x00")
    assert "cannot read" in str(problems_of(read_measurements, empty)[0])
