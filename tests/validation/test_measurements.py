"""Measurements from CSV files, and every mistake in them."""

from __future__ import annotations

import pytest

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
