"""``accelsim list``: tables that fit, signatures, files."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from accelsim.config.library import available
from accelsim.workload.load import load_network
from accelsim.workload.signature import signature


def test_networks_have_a_line_each_with_the_size_of_their_space(accelsim: Callable[..., object]) -> None:
    lines = accelsim("list", "networks").out.splitlines()
    assert lines[0].split() == ["name", "params", "macs", "space", "description"]
    assert len(lines) == 1 + len(available("network"))
    rows = {line.split()[0]: line for line in lines[1:]}
    assert " 15,625  NAS-Bench-201" in rows["nasbench201"]
    assert " 2.2e19  Once-for-all" in rows["ofa_mobilenet_v3"]
    assert rows["mobilenet_v2"].split()[1:5] == ["3.5", "M", "301", "M"]


def test_spaces_are_counted_exactly_in_json(accelsim: Callable[..., object]) -> None:
    rows = {row["name"]: row for row in json.loads(accelsim("list", "networks", "--json").out)}
    assert rows["nasbench201"]["space"] == 15_625
    assert rows["fbnet_space"]["space"] == 9**22
    assert rows["mobilenet_v2"]["space"] is None


def test_only_what_is_named_is_listed(accelsim: Callable[..., object]) -> None:
    assert [row["name"] for row in json.loads(accelsim("list", "networks", "resnet8", "darts", "--json").out)] == [
        "resnet8",
        "darts",
    ]
    assert [row["name"] for row in json.loads(accelsim("list", "hardware", "npu", "--json").out)] == ["npu"]
    assert [row["name"] for row in json.loads(accelsim("list", "studies", "quickstart", "--json").out)] == [
        "quickstart"
    ]


@pytest.mark.parametrize("what", ["networks", "hardware", "studies"])
def test_a_name_that_there_is_not(what: str, accelsim: Callable[..., object]) -> None:
    said = accelsim("list", what, "nothing_like_it")
    assert said.code == 2
    assert "no such" in said.err


# ----------------------------------------------------------------------------------------------------------- signatures


def test_signatures_as_a_table(accelsim: Callable[..., object]) -> None:
    head, *lines = accelsim("list", "networks", "resnet8", "--signature").out.splitlines()
    assert " ".join(head.split()) == "network layer op macs weight bytes input bytes output bytes bytes intensity"
    assert " ".join(lines[0].split()) == "resnet8 1.conv conv2d 442 k 432 3.07 k 16.4 k 19.9 k 22.2"
    assert len(lines) == len(load_network("resnet8"))


def test_signatures_in_json_and_csv_files_are_the_same(tmp_path: Path, accelsim: Callable[..., object]) -> None:
    for name in ("trace.json", "trace.csv"):
        said = accelsim("list", "networks", "resnet8", "ds_cnn", "--signature", "-o", name)
        assert (said.code, said.out) == (0, "")
    told = json.loads((tmp_path / "trace.json").read_text())
    with (tmp_path / "trace.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [[str(value) for value in row.values()] for row in told] == [list(row.values()) for row in rows]
    assert list(rows[0]) == list(told[0])
    layers = [layer for name in ("resnet8", "ds_cnn") for layer in signature(load_network(name))]
    assert [(row["layer"], row["macs"], row["bytes"], row["intensity"]) for row in told] == [
        (layer.layer, layer.macs, layer.bytes, layer.intensity) for layer in layers
    ]


def test_any_list_can_be_written_to_a_file(tmp_path: Path, accelsim: Callable[..., object]) -> None:
    accelsim("list", "networks", "nasbench201", "--output", "nets.csv")
    head, row = (tmp_path / "nets.csv").read_text().splitlines()
    assert head == "name,params,macs,space,description"
    assert row.startswith('nasbench201,1531546,220119680,15625,"NAS-Bench-201')


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("hardware", "--signature"), "hardware have no layers; use accelsim list networks --signature"),
        (("networks", "-o", "list.txt"), "got 'list.txt'; use a name that ends in .csv or .json"),
        (("networks", "resnet8", "-o", "nowhere/list.csv"), "cannot write the file: No such file or directory"),
    ],
)
def test_mistakes(words: tuple[str, ...], message: str, accelsim: Callable[..., object]) -> None:
    said = accelsim("list", *words)
    assert said.code == 2
    assert message in said.err
