"""``accelsim show mapping``: the nest that is printed is the mapping that was costed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

import pytest

from accelsim import evaluate, load_hardware, load_network
from accelsim.cli.show import written
from accelsim.dims import Operand
from accelsim.report.explain.nest import Axis, Copies, For, Held, Move, Stream
from accelsim.report.explain.view import MappingView, mapping_views

Run = Callable[..., Any]
TEMPLATES = ("systolic", "npu", "edge_tpu", "dpu", "pe_array")


def view(network: str, hardware: str, layer: str) -> MappingView:
    (found,) = mapping_views(load_network(network), load_hardware(hardware), layer)
    return found


def test_a_nest_line_by_line(accelsim: Run) -> None:
    said = accelsim("show", "mapping", "-n", "mobilenet_v2", "-w", "systolic", "-l", "2.depthwise")
    assert said.code == 0, said.err
    # A map of 3 x 3 weights at a time; its 112 x 112 outputs go out at 8 bits, are summed at 32.
    assert said.out.splitlines() == [
        "2.depthwise   depthwise + relu6   32x112x112 -> 3x3 32x112x112",
        "dram: W[G32 FY3 FX3] 288 B, I[G32 OY112 OX112 FY3 FX3] 392 KiB, O[G32 OY112 OX112] 392 KiB",
        "  for G in 32 x 1   [dram]",
        "    load W tile 9 B from dram to buffer",
        "    load I tile 12.25 KiB from dram to buffer",
        "    buffer: W[FY3 FX3] 18 B (0.00343 %), I[OY112 OX112 FY3 FX3] 24.5 KiB (4.79 %), "
        "O[OY112 OX112] 98 KiB (19.1 %); 122.5 KiB of 512 KiB",
        "      par-for FY3 FX3 on 9 of 32 PEs   [rows: C FZ FY FX]",
        "      par-for one point on 1 of 32 PEs   [columns: K]",
        "      stream OY112 OX112   [weight_stationary: B OZ OY OX; W held in the PEs]",
        "    store O tile 12.25 KiB from buffer to dram",
    ]


def test_what_stays_takes_room_and_no_load(accelsim: Run) -> None:
    out = accelsim("show", "mapping", "-n", "mobilenet_v2", "-w", "edge_tpu", "-l", "2.project").out
    assert "load" not in out
    assert "store" not in out
    assert "W stays whole" in out
    assert re.search(r"\+ [\d.]+ [KM]iB of whole tensors of .*; I and O stay whole", out)


def test_a_layer_without_macs_has_no_nest(accelsim: Run) -> None:
    out = accelsim("show", "mapping", "-n", "mobilenet_v2", "-w", "npu", "-l", "3.2.add").out
    assert "stream through the vector unit" in out
    assert json.loads(
        accelsim("show", "mapping", "-n", "mobilenet_v2", "-w", "npu", "-l", "3.2.add", "--json").out
    ) == [{"layer": "3.2.add", "op": "add", "shape": "24x56x56 -> 24x56x56", "nest": []}]


@pytest.mark.parametrize("hardware", TEMPLATES)
def test_every_layer_is_shown_and_its_tiles_fit(hardware: str) -> None:
    network, design = load_network("mobilenet_v3_small"), load_hardware(hardware)
    views, layers = mapping_views(network, design), evaluate(network, design).layers
    layers = layers[: len(views)]  # what an inference takes beside its layers has no nest
    assert [one.layer for one in views] == [row.name for row in layers]
    for one, row in zip(views, layers, strict=True):
        assert bool(one.lines) == bool(row.metrics.macs)
        text = list(written(one))
        assert len(text) == len(one.lines) + 1 + (not one.lines)
        for line in one.lines:
            if isinstance(line, Held) and line.size_bytes is not None:
                assert sum(tile["bytes"] for tile in line.tiles.values()) + line.kept_bytes <= line.size_bytes


@pytest.mark.parametrize("hardware", TEMPLATES)
def test_loops_copies_and_tiles_cover_every_dim(hardware: str) -> None:
    """Going inwards, each loop or copy divides what is left of its dim; what the array is given is what is left."""
    network, design = load_network("mobilenet_v3_small"), load_hardware(hardware)
    sizes = {node.name: {str(dim): node.op.size(dim) for dim in _dims()} for node in network}
    for one in mapping_views(network, design):
        left = dict(sizes[one.layer])
        for line in one.lines:
            if isinstance(line, For):
                assert (line.turns - 1) * line.step + line.last == left[line.dim]
                left[line.dim] = line.step
            elif isinstance(line, Copies):
                assert left[line.dim] <= line.copies * line.share
                left[line.dim] = min(line.share, left[line.dim])
            elif isinstance(line, Axis):
                assert math.prod(line.dims.values()) <= line.passes * line.used
                assert {dim: left.pop(dim) for dim in line.dims} == line.dims
            elif isinstance(line, Stream):
                assert {dim: left.pop(dim) for dim in line.dims} == line.dims
                assert set(left.values()) == {1}


def _dims() -> list[Any]:
    from accelsim.dims import DIMS

    return list(DIMS)


@pytest.mark.parametrize("hardware", TEMPLATES)
def test_a_load_stands_inside_the_innermost_loop_that_indexes_its_operand(hardware: str) -> None:
    indexed = {"W": "G K C FY FX FZ", "I": "B G C OY OX OZ FY FX FZ", "O": "B G K OY OX OZ"}
    for one in mapping_views(load_network("mobilenet_v3_small"), load_hardware(hardware)):
        around: list[For] = []
        for place, line in enumerate(one.lines):
            around = [loop for loop in around if loop.depth < line.depth]
            if isinstance(line, For) and line.memory != "array":
                around.append(line)
            if isinstance(line, Move) and line.kind == "load":
                assert not around or around[-1].dim in indexed[line.operand].split()
                inner = next(
                    at for at, other in enumerate(one.lines) if isinstance(other, Held) and other.memory == line.target
                )
                between = [other for other in one.lines[place:inner] if isinstance(other, For)]
                assert not any(loop.dim in indexed[line.operand].split() for loop in between)


def test_loads_and_turns_give_the_traffic() -> None:
    """Where all tiles are full and windows do not overlap, a tile times the turns around its load is what is read."""
    network, design = load_network("mobilenet_v2"), load_hardware("npu")
    checked = 0
    for one, row in zip(mapping_views(network, design), evaluate(network, design).layers, strict=True):
        loops = [line for line in one.lines if isinstance(line, For) and line.memory == "dram"]
        if row.op.partition(" ")[0] != "pointwise" or any(loop.last != loop.step for loop in loops):
            continue
        moved = 0.0
        around: list[For] = []
        for line in one.lines:
            around = [loop for loop in around if loop.depth < line.depth]
            if isinstance(line, For):
                around.append(line)
            if isinstance(line, Move):
                moved += line.bytes * math.prod(loop.turns for loop in around)
        outputs = math.prod(map(int, row.shape.split(" ")[-1].split("x")))
        assert moved + outputs == row.metrics.dram_bytes, "outputs bypass the buffer"
        checked += 1
    assert checked > 5


def test_copies_name_the_axis_that_carries_them(accelsim: Run) -> None:
    out = accelsim("show", "mapping", "-n", "mobilenet_v2", "-w", "pe_array", "-l", "3.1.expand").out
    assert re.search(r"par-for K in \d+ x \d+   \[copies of weights, along columns \(16\)\]", out)
    copies = [line for line in view("mobilenet_v2", "pe_array", "3.1.expand").lines if isinstance(line, Copies)]
    for line in copies:
        assert line.copies <= math.prod(line.axes.values())


def test_json_has_the_lines_with_kind_and_depth(accelsim: Run) -> None:
    said = accelsim("show", "mapping", "-n", "mobilenet_v2", "-w", "npu", "-l", "1.conv", "--json")
    (data,) = json.loads(said.out)
    assert (data["layer"], data["op"]) == ("1.conv", "conv2d + relu6")
    assert [line["kind"] for line in data["nest"]] == [
        line.kind for line in view("mobilenet_v2", "npu", "1.conv").lines
    ]
    held = next(line for line in data["nest"] if line["kind"] == "memory" and line["memory"] == "buffer")
    assert set(held["tiles"]) <= {str(operand) for operand in Operand}
    tile = held["tiles"]["W"]
    assert tile["share"] == pytest.approx(tile["bytes"] / held["size_bytes"])


def test_a_partly_reduced_output_comes_back(accelsim: Run) -> None:
    """On the grid of PEs the reduction over channels is cut outside: sums leave half-done and are loaded again."""
    nests = accelsim("show", "mapping", "-n", "resnet18", "-w", "pe_array").out.split("\n\n")
    back = 0
    for nest in nests:
        for memory in ("sums", "buffer"):
            loads, stores = (
                re.findall(rf"{way} O tile( of partial sums)? .* {word} {memory}", nest)
                for way, word in (("load", "to"), ("store", "from"))
            )
            assert len(loads) <= len(stores) == ("par-for" in nest)
            assert loads in ([], [" of partial sums"])
            back += len(loads)
    assert back


def test_a_load_in_front_of_copies_is_for_all_of_them() -> None:
    lines = view("resnet18", "pe_array", "4.2.conv2").lines
    inside: dict[str, int] = {}
    for line in lines:
        if isinstance(line, Held):
            inside[line.memory] = line.depth
    held = {line.memory: line for line in lines if isinstance(line, Held)}
    copies = {line.dim: line.copies for line in lines if isinstance(line, Copies)}
    assert copies == {"K": 16, "C": 16}
    loads = {
        line.operand: line
        for line in lines
        if isinstance(line, Move) and line.kind == "load" and line.source == "buffer"
    }
    tile = {name: next(iter(held[name].tiles.values()))["bytes"] for name in ("weights", "inputs")}
    assert loads["W"].depth < inside["weights"], "outside the copies: 16 x 16 of them take a tile each"
    assert loads["W"].bytes == 16 * 16 * tile["weights"] / 2, "half of the room is for the next tile"
    assert loads["I"].depth > inside["weights"], "inside the copies: one tile"
    assert loads["I"].bytes == tile["inputs"] / 2


def test_a_layer_on_the_host_has_no_nest(accelsim: Run) -> None:
    words = ("show", "mapping", "-n", "convnext_atto", "-w", "edge_tpu")
    out = accelsim(*words).out
    assert "it runs on the host (kind)" in out
    rows = {row["layer"]: row for row in json.loads(accelsim(*words, "--json").out)}
    there = [row for row in rows.values() if "host_reason" in row]
    assert there and all((row["op"], row["nest"], row["host_reason"]) == ("layer_norm", [], "kind") for row in there)


# -------------------------------------------------------------------------------------------------------- technology


def test_a_table_prints_every_entry_with_its_mark_law_and_distance(accelsim: Run) -> None:
    said = accelsim("show", "technology", "cmos_45nm")
    assert said.code == 0, said.err
    lines = {line.split()[0]: " ".join(line.split()) for line in reversed(said.out.splitlines()) if line.strip()}
    assert lines["logic.add_32bit_pj"].startswith(
        "logic.add_32bit_pj 0.1 pJ published Horowitz, ISSCC 2014, 45 nm integer add"
    )
    law = "0.385 x KiB^0.5 x (0.56 + 3.52 / B wide) pJ/B fitted least squares of the logarithms"
    assert lines["memories.sram.pj_per_byte"].startswith(f"memories.sram.pj_per_byte {law}")
    assert "memories.usb.pj_per_byte not modelled pJ/B assumed" in lines["memories.usb.pj_per_byte"]
    # 16 x 0.2 pJ at 32 x 32 bits, where 3.1 are published.
    assert re.search(r"logic.multiply_8bit_pj +32 bits +3.1 +3.2 +\+3 %", said.out)
    assert "memories.sram.pj_per_byte: 11 figures, off by 9 % (root mean square), 15 % at most" in said.out


def test_a_table_as_json_is_its_entries_and_points(accelsim: Run) -> None:
    from accelsim.config.library import available
    from accelsim.config.source import Source
    from accelsim.hardware.technology import read_table

    said = json.loads(accelsim("show", "technology", "cmos_7nm", "--json").out)
    table = read_table(Source.read(available("technology")["cmos_7nm"]))
    assert said["entries"].keys() == table.entries.keys()
    sram = said["entries"]["memories.sram.pj_per_byte"]
    assert (sram["unit"], sram["mark"]) == ("pJ/B", "fitted")
    assert sram["value"] == {"at_1_kib": 0.696, "exponent": 0.132, "per_access": 0.44}
    register = said["entries"]["logic.register_pj_per_bit"]
    assert register["value"] == pytest.approx(0.009 * 0.348)
    assert register["mark"] == "scaled"
    assert all(one["relative"] == pytest.approx(one["modelled"] / one["published"] - 1) for one in said["points"])
    assert len(said["points"]) == len(table.points)


def test_an_unknown_table_is_answered_with_the_nearest(accelsim: Run) -> None:
    said = accelsim("show", "technology", "cmos_48nm")
    assert said.code == 2
    assert "Did you mean 'cmos_" in said.err


def test_tables_are_listed(accelsim: Run) -> None:
    out = accelsim("list", "technologies").out
    assert "aladdin_40nm" in out
    assert "7 nm CMOS, scaled from 45 nm" in out
