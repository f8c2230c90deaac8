"""Fixed mappings: the best of those that obey is found, what is fixed in full costs what the closed form says."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.every_mapping import Costs, chains, every_mapping
from oracle.machine_nest import Machine as Walked
from oracle.machine_nest import Mapping as WalkedMapping
from oracle.machine_walk import walk_machine
from oracle.mapper_cases import NOTHING_STAYS, MapperCase, costs, examples, mapper_cases

from accelsim.cost.rows import Kept, demand, machine_of, op_rows
from accelsim.dims import DIMS, Dim, Operand
from accelsim.errors import InputError, NoMappingError
from accelsim.hardware.load import load_hardware
from accelsim.mappers.exact import best_mapping
from accelsim.mappers.fixed import Fixed
from accelsim.mappers.found import Found
from accelsim.mappers.obeying import chains_that_obey
from accelsim.mapping.nest import Mappings
from accelsim.workload.ops import Op, loops

Write = Callable[..., Path]
ProblemsOf = Callable[..., tuple[Any, ...]]
EQUAL = 1e-9


def ask(case: MapperCase, fixed: Fixed | None) -> Found:
    return best_mapping(
        case.op,
        case.accelerator,
        objective=case.objective,
        kept=case.kept,
        free_bytes=case.free_bytes,
        fixed=fixed,
    )


def scores(case: MapperCase, every: Costs) -> np.ndarray:
    return every.score((case.objective.latency, case.objective.energy))


def obey(case: MapperCase, every: Mappings, fixed: Fixed) -> np.ndarray:
    """Return which mappings obey, looking at each as it is written."""
    names = [memory.name for memory in case.accelerator.memories[1:]]
    flags = np.ones(len(every), dtype=bool)
    tiles, copies, orders = every.tiles, every.copies, every.orders
    for level, name in enumerate(names):
        for dim, tile in fixed.tiles.get(name, {}).items():
            flags &= tiles[:, level, dim.position] == tile
        for dim, count in fixed.copies.get(name, {}).items():
            flags &= copies[:, level, dim.position] == count
        places = [np.argmax(orders[:, level] == dim.position, axis=1) for dim in fixed.orders.get(name, ())]
        for outer, inner in itertools.pairwise(places):
            flags &= outer < inner
    for dim, count in fixed.array.items():
        flags &= copies[:, -1, dim.position] == count
    return flags


def some(draw: Callable[..., Any], items: Any) -> list[Any]:
    """Draw a part of a list, in its order."""
    return [item for item in items if draw(st.integers(0, 2)) == 0]


def drawn(draw: Callable[..., Any], case: MapperCase, every: Mappings) -> Fixed:
    """Draw some parts of any mapping."""
    row = draw(st.integers(0, len(every) - 1))
    one = every[np.array([row])]
    names = [memory.name for memory in case.accelerator.memories[1:]]
    turning = [dim for dim in DIMS if case.op.size(dim) > 1]
    spread = [fan is not None for fan in case.accelerator.fan_outs[1:]]
    tiles, copies, orders = one.tiles[0], one.copies[0], one.orders[0]
    parts = draw(st.sampled_from(["tiles", "copies", "orders", "all", "all"]))
    return Fixed(
        tiles={
            name: {dim: int(tiles[level, dim.position]) for dim in some(draw, turning)}
            for level, name in enumerate(names)
            if parts in ("tiles", "all")
        },
        copies={
            name: {dim: int(copies[level, dim.position]) for dim in some(draw, turning)}
            for level, name in enumerate(names)
            if spread[level] and parts in ("copies", "all")
        },
        orders={
            name: tuple(DIMS[d] for d in (orders[level] if draw(st.booleans()) else some(draw, orders[level])))
            for level, name in enumerate(names)
            if parts in ("orders", "all")
        },
        array={dim: int(copies[-1, dim.position]) for dim in some(draw, turning)}
        if spread[-1] and parts in ("copies", "all")
        else {},
    )


def named(op: Op, fixed: Fixed) -> Fixed:
    """Return the same without dims of which the op has no loop, which no file may name."""
    keep = {dim for dim in DIMS if op.size(dim) > 1}
    orders = {name: tuple(dim for dim in order if dim in keep) for name, order in fixed.orders.items()}
    return Fixed(fixed.tiles, fixed.copies, orders, fixed.array)


def check(draw: Callable[..., Any], case: MapperCase) -> None:
    every = every_mapping(case.op, case.accelerator)
    fixed = named(case.op, drawn(draw, case, every))
    obeying = every[np.flatnonzero(obey(case, every, fixed))]
    assert len(obeying)
    least = float(scores(case, costs(case, obeying)).min())
    if not np.isfinite(least):
        with pytest.raises(NoMappingError):
            ask(case, fixed)
        return
    found = ask(case, fixed)
    assert obey(case, found.mapping, fixed).tolist() == [True]
    assert found.score == pytest.approx(least, rel=EQUAL, abs=0)
    own = costs(case, found.mapping)
    assert (own.latency[0], own.energy[0]) == pytest.approx((found.latency_cycles, found.energy_pj), rel=EQUAL)
    certificate = found.certificate
    assert certificate.proven
    assert certificate.unseen == 0
    assert min(certificate.alike, certificate.dominated, certificate.no_room, certificate.bounded) >= 0


@settings(max_examples=examples(0.4))
@given(st.data())
def test_the_best_of_the_mappings_that_obey_is_found(data: st.DataObject) -> None:
    check(data.draw, data.draw(mapper_cases(stays=True)))


@settings(max_examples=examples(0.3))
@given(st.data())
def test_the_best_that_obeys_is_found_where_windows_share_their_overlap(data: st.DataObject) -> None:
    check(data.draw, data.draw(mapper_cases(sliding=True, windows=(1, 2, 2))))


@settings(max_examples=examples(0.3))
@given(st.data())
def test_the_best_that_obeys_is_found_where_memories_stand_in_copies(data: st.DataObject) -> None:
    check(data.draw, data.draw(mapper_cases(fans=True, sliding=True)))


@settings(max_examples=examples(0.4))
@given(st.data())
def test_what_is_fixed_in_full_costs_what_the_closed_form_says(data: st.DataObject) -> None:
    case = data.draw(mapper_cases(fans=data.draw(st.booleans()), sliding=True, stays=True))
    every = every_mapping(case.op, case.accelerator)
    one = every[np.array([data.draw(st.integers(0, len(every) - 1))])]
    fixed, own = Fixed.of(one, case.op, case.accelerator), costs(case, one)
    if not own.fits[0]:
        with pytest.raises(NoMappingError):
            ask(case, fixed)
        return
    found = ask(case, fixed)
    assert (found.latency_cycles, found.energy_pj) == pytest.approx((own.latency[0], own.energy[0]), rel=EQUAL)
    assert np.array_equal(found.mapping.tiles, one.tiles)
    assert np.array_equal(found.mapping.copies, one.copies)


def test_the_walker_moves_what_a_fixed_mapping_is_said_to_move() -> None:
    op = Op("convolution", loops(K=4, C=3, OX=5, FX=3), extent=(1, 1, 7))
    design = load_hardware("systolic", rows=8, columns=8)
    fixed = Fixed(
        tiles={"buffer": {Dim.K: 2, Dim.C: 2, Dim.OX: 4, Dim.FX: 3}}, orders={"buffer": (Dim.C, Dim.K, Dim.OX)}
    )
    found = best_mapping(op, design, fixed=fixed)
    machine = machine_of(design)
    asked = demand(op_rows(op, found.mapping, machine), NOTHING_STAYS)
    mapping = WalkedMapping(
        tuple(map(tuple, found.mapping.tiles[0].tolist())),
        tuple(map(tuple, found.mapping.orders[0].tolist())),
        tuple(map(tuple, found.mapping.copies[0].tolist())),
    )
    walked = Walked(machine.structure.holds, (False,) * 2, (False,) * 2, (True,) * 2, (True,) * 2, machine.flow, 8, 8)
    walk = walk_machine(op, mapping, walked)
    moved = [walk.moved["read outside"][1, operand] / 8 for operand in (Operand.W, Operand.I)]
    assert moved == asked.moved[0, 0, :2, 0].tolist()


def test_chains_that_obey_are_all_chains_with_the_tiles() -> None:
    for tiles in ((0, 0, 0), (5, 0, 2), (0, 3, 0), (0, 0, 4), (7, 7, 7), (0, 3, 3)):
        every = [row for row in chains(7, 3) if all(t in (0, own) for t, own in zip(tiles, row, strict=True))]
        assert [tuple(row) for row in chains_that_obey(7, tiles).tolist()] == every


def test_a_cut_that_another_one_beats_is_honoured() -> None:
    """Seven of eight rows leave a second tile of one row: four and four move no more, and need less room."""
    op, design = Op("fully_connected", loops(K=8, C=8, OY=8), extent=(1, 8, 1)), load_hardware("systolic")
    found = best_mapping(op, design, fixed=Fixed(tiles={"buffer": {Dim.OY: 7}}))
    assert found.mapping.tiles[0, 0, Dim.OY.position] == 7
    assert found.score > best_mapping(op, design, fixed=Fixed(tiles={"buffer": {Dim.OY: 8}})).score


def test_nothing_fixed_is_the_best_of_all() -> None:
    op, design = Op("convolution", loops(K=6, C=5, OX=7), extent=(1, 1, 7)), load_hardware("systolic")
    free, none = best_mapping(op, design), best_mapping(op, design, fixed=Fixed())
    assert (free.score, free.certificate) == (none.score, none.certificate)


def test_the_orders_that_obey_are_counted() -> None:
    """Three loops stand in six orders; one named before another leaves three; two levels multiply."""
    op, design = Op("convolution", loops(K=6, C=5, OX=7), extent=(1, 1, 7)), load_hardware("systolic")
    chains_of = best_mapping(op, design).certificate.space // 6
    one = best_mapping(op, design, fixed=Fixed(orders={"buffer": (Dim.C, Dim.K)}))
    assert one.certificate.space == 3 * chains_of
    every = best_mapping(op, design, fixed=Fixed(orders={"buffer": (Dim.C, Dim.K, Dim.OX)}))
    assert every.certificate.space == chains_of


MAPPING = """\
schema_version: 1
memories:
  buffer:
    tile: {K: 4, C: 5}
    order: [K, OX]
"""
FAN = """\
schema_version: 1
memories:
  weights:
    tile: {K: 1}
    copies: {C: 4, K: 2}
"""
OP = Op("convolution", loops(K=16, C=8, OX=7), extent=(1, 1, 7))
MISTAKES = [
    (
        "systolic",
        MAPPING,
        "buffer:",
        "bufer:",
        3,
        "memories.bufer",
        "unknown memory; got 'bufer'; use buffer. Did you mean 'buffer'?",
    ),
    (
        "systolic",
        MAPPING,
        "buffer:",
        "dram:",
        3,
        "memories.dram",
        "the outermost memory holds whole tensors: it has no tiles; got 'dram'; use buffer.",
    ),
    (
        "systolic",
        MAPPING,
        "K: 4",
        "KK: 4",
        4,
        "memories.buffer.tile.KK",
        "got 'KK'; use B, G, K, C, OZ, OY, OX, FZ, FY, FX. Did you mean 'K'?",
    ),
    (
        "systolic",
        MAPPING,
        "K: 4",
        "K: 17",
        4,
        "memories.buffer.tile.K",
        "larger than the loop; got 17; use at most 16.",
    ),
    ("systolic", MAPPING, "K: 4", "K: 0", 4, "memories.buffer.tile.K", "got 0; use at least 1."),
    ("systolic", MAPPING, "K: 4", "K: 4.5", 4, "memories.buffer.tile.K", "got 4.5; use a whole number."),
    (
        "systolic",
        MAPPING,
        "tile:",
        "tiles:",
        4,
        "memories.buffer.tiles",
        "unknown key; got 'tiles'; use copies, tile, order. Did you mean 'tile'?",
    ),
    (
        "systolic",
        MAPPING,
        "[K, OX]",
        "[K, OX, K]",
        5,
        "memories.buffer.order[2]",
        "this loop stands in the order twice; got 'K'; use B, G, C, OZ, OY, FZ, FY, FX.",
    ),
    ("systolic", MAPPING, "[K, OX]", "[K, XO]", 5, "memories.buffer.order[1]", "got 'XO'"),
    (
        "systolic",
        MAPPING,
        "tile: {K: 4, C: 5}",
        "copies: {K: 2}",
        4,
        "memories.buffer.copies.K",
        "'buffer' does not stand in copies; got 2; use 1, or leave it out.",
    ),
    (
        "pe_array",
        MAPPING,
        "tile: {K: 4, C: 5}",
        "copies: {K: 2}",
        4,
        "memories.buffer.copies.K",
        "use 1, or leave it out; in copies stands 'weights'.",
    ),
    (
        "pe_array",
        FAN,
        "  weights:\n    tile: {K: 1}",
        "  buffer: {tile: {C: 2}}\n  weights:\n    tile: {C: 3}",
        5,
        "memories.weights.tile.C",
        "larger than the tile of memory 'buffer' outside it; got 3; use at most 2.",
    ),
    (
        "pe_array",
        FAN,
        "K: 2",
        "OX: 2",
        5,
        "memories.weights.copies.OX",
        "no axis of the copies takes OX; got 2; use 1, or dims of the axes rows (16: C FX FY), columns (16: K).",
    ),
    (
        "pe_array",
        FAN,
        "K: 2",
        "K: 17",
        5,
        "memories.weights.copies.K",
        "more copies than the axes have for K; got 17; use at most 16: rows (16: C FX FY), columns (16: K).",
    ),
    (
        "pe_array",
        FAN,
        "C: 4, K: 2",
        "C: 8, FX: 3",
        5,
        "memories.weights.copies",
        "the axes have no room for all of these together; got C 8 x FX 3; use rows (16: C FX FY), columns (16: K).",
    ),
    (
        "pe_array",
        FAN + "array: {copies: {K: 2}}\n",
        "",
        "",
        6,
        "array.copies.K",
        "the array does not stand in copies; got 2",
    ),
]


@pytest.mark.parametrize(("hardware", "text", "old", "new", "line", "place", "words"), MISTAKES)
def test_mistakes_name_their_line_and_what_is_allowed(
    write: Write, hardware: str, text: str, old: str, new: str, line: int, place: str, words: str
) -> None:
    path = write(text.replace(old, new, 1), "mapping.yaml")
    with pytest.raises(InputError) as caught:
        Fixed.load(path).rules(OP, load_hardware(hardware))
    (problem,) = caught.value.problems
    assert (problem.field, problem.line, problem.file) == (place, line, path)
    assert words in str(problem)


def test_a_loop_that_the_op_lacks_is_a_mistake(write: Write, problems_of: ProblemsOf) -> None:
    fixed = Fixed.load(write(MAPPING))
    depthwise = Op("convolution", loops(G=4, OX=7, FX=3), extent=(1, 1, 7))
    product = Op("matmul", loops(K=4, C=5), extent=(1, 1, 1))
    assert [problem.field for problem in problems_of(fixed.rules, depthwise, load_hardware("systolic"))] == [
        "memories.buffer.tile.K",
        "memories.buffer.tile.C",
    ]
    (wrong,) = problems_of(Fixed(orders={"buffer": (Dim.K, Dim.FX)}).rules, product, load_hardware("systolic"))
    assert str(wrong) == "memories.buffer.order[1]\n  matmul has no such loop; got 'FX'; use G, K, C, OY, OX."


def test_all_mistakes_are_reported_at_once(write: Write, problems_of: ProblemsOf) -> None:
    fixed = Fixed.load(write(MAPPING.replace("C: 5", "C: 9, K: 17").replace("K: 4, ", "").replace("OX]", "K]")))
    found = problems_of(fixed.rules, OP, load_hardware("systolic"))
    assert [problem.field for problem in found] == [
        "memories.buffer.tile.C",
        "memories.buffer.tile.K",
        "memories.buffer.order[1]",
    ]


def test_a_mistake_in_python_has_no_file(problems_of: ProblemsOf) -> None:
    (problem,) = problems_of(Fixed(tiles={"buffer": {Dim.K: 0}}).rules, OP, load_hardware("systolic"))
    assert str(problem) == "memories.buffer.tile.K\n  got 0; use a whole number of at least 1."


@settings(max_examples=examples(0.2))
@given(data=st.data())
def test_what_is_written_reads_back_the_same(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    case = data.draw(mapper_cases(fans=True))
    every = every_mapping(case.op, case.accelerator)
    one = every[np.array([data.draw(st.integers(0, len(every) - 1))])]
    fixed = Fixed.of(one, case.op, case.accelerator)
    path = tmp_path_factory.mktemp("mapping") / "mapping.yaml"
    path.write_text(fixed.text("a mapping: of ours"))
    back = Fixed.load(path)
    assert back.as_dict() == fixed.as_dict()
    ours, theirs = (one.rules(case.op, case.accelerator) for one in (fixed, back))
    assert np.array_equal(ours.tiles, theirs.tiles)
    assert np.array_equal(ours.copies, theirs.copies)
    assert ours.orders == theirs.orders


def test_names_that_yaml_takes_for_something_else_are_quoted(write: Write) -> None:
    fixed = Fixed(tiles={"on": {Dim.K: 2}, "L2: big": {Dim.C: 3}}, array={Dim.K: 1})
    text = fixed.text('"best" of all: #1')
    assert text == (
        'schema_version: 1\ndescription: "\\"best\\" of all: #1"\nmemories:\n  "on":\n    tile: {K: 2}\n'
        '  "L2: big":\n    tile: {C: 3}\narray:\n  copies: {K: 1}\n'
    )
    back = Fixed.load(write(text))
    assert (back.tiles, back.array) == (fixed.tiles, fixed.array)


SMALL = """\
schema_version: 1
clock: 1 GHz
technology: cmos_45nm
memories:
  - {name: dram, holds: [W, I, O], kind: lpddr4, bandwidth: 8 GB/s}
  - {name: buffer, holds: [W, I, O], kind: sram, size: 64 B, double_buffered: true}
  - {name: inner, holds: [W, I], kind: sram, size: 16 B}
array: {engine: systolic, dataflow: weight_stationary, rows: 4, columns: 4}
vector: {lanes: 4}
"""


def test_no_mapping_names_memory_need_room_and_the_fixed_part(write: Write) -> None:
    """Weights of 5 x 8 in two buffers, one input of 8 twice, sums of 5 once: they do not change with C."""
    design = load_hardware(write(SMALL, "machine.yaml"))
    fixed = Fixed(tiles={"buffer": {Dim.K: 5, Dim.C: 8}})
    with pytest.raises(NoMappingError) as caught:
        best_mapping(OP, design, fixed=fixed)
    assert str(caught.value) == (
        "no mapping of pointwise fits: memory 'buffer' needs 136 B for its tiles (W 80 B, I 16 B, O 40 B) and has 64 B "
        "(72 B too little). It would without what is fixed: tile K: 5 of memory 'buffer'"
    )


def test_no_mapping_names_all_parts_if_one_alone_is_not_to_blame(write: Write) -> None:
    design = load_hardware(write(SMALL, "machine.yaml"))
    fixed = Fixed(
        tiles={"buffer": {Dim.K: 16, Dim.OX: 7}, "inner": {Dim.C: 8, Dim.K: 4}}, orders={"inner": (Dim.C, Dim.K)}
    )
    with pytest.raises(NoMappingError, match="without what is fixed") as caught:
        best_mapping(OP, design, fixed=fixed)
    assert "of memory" in str(caught.value)


def test_no_mapping_without_anything_fixed_blames_nothing() -> None:
    design = load_hardware("systolic")
    free = np.array([np.inf, 1.0])
    with pytest.raises(NoMappingError) as caught:
        best_mapping(OP, design, free_bytes=free, fixed=Fixed(orders={"buffer": (Dim.C, Dim.K)}))
    assert re.fullmatch(
        r"no mapping of pointwise fits: memory 'buffer' needs \d+ B for its tiles \(W 2 B, I 2 B, O \d B\) and has 1 B "
        r"\(\d+ B too little\)",
        str(caught.value),
    )


def test_a_fixed_order_that_leaves_sums_half_done_is_to_blame(write: Write) -> None:
    """Outputs that stay in the buffer have no room for partial sums, and C outside K sends them out and back."""
    design = load_hardware("systolic")
    kept = Kept((False, False, True), (-1, -1, 1))
    fixed = Fixed(tiles={"buffer": {Dim.K: 4, Dim.C: 4}}, orders={"buffer": (Dim.C, Dim.K)})
    with pytest.raises(
        NoMappingError, match=r"outputs stay in memory 'buffer'.* without what is fixed: order \[C, K\]"
    ):
        best_mapping(OP, design, kept=kept, fixed=fixed)


@settings(max_examples=examples(0.3))
@given(st.data())
def test_no_mapping_is_said_only_where_the_smallest_tiles_do_not_fit(data: st.DataObject) -> None:
    """The limit that is named is one that every mapping that obeys violates, so the need is never overstated."""
    case = data.draw(mapper_cases(fans=data.draw(st.booleans())))
    case = MapperCase(
        case.op, case.accelerator, case.objective, case.kept, case.room * data.draw(st.sampled_from([0.1, 0.3]))
    )
    every = every_mapping(case.op, case.accelerator)
    fixed = named(case.op, drawn(data.draw, case, every))
    obeying = every[np.flatnonzero(obey(case, every, fixed))]
    try:
        ask(case, fixed)
    except NoMappingError as error:
        found = re.search(r"memory '(\w+)' needs ([\d,]+) B .* has ([\d,]+) B", str(error))
        assert found, str(error)
        level = [memory.name for memory in case.accelerator.memories].index(found[1])
        rooms = demand(op_rows(case.op, obeying, machine_of(case.accelerator)), case.kept).room.sum(axis=2)
        assert not np.any(np.all(rooms <= case.room, axis=1))
        assert float(found[2].replace(",", "")) >= round(rooms[:, level].min()) - 1
