"""The row that each design takes, against latency and energy of every row in plain Python."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.machines import machine
from oracle.prices import Design, Row, charge, designs, many

from accelsim.cost.choose import Chosen, choose
from accelsim.cost.prices import Prices, prices
from accelsim.cost.store import Rows
from accelsim.hardware.load import load_hardware

#: More than are costed side by side, and no multiple of anything.
MANY = 1201


def random_rows(rng: np.random.Generator, memories: int, count: int) -> list[Row]:
    def pairs() -> list[tuple[float, float]]:
        # Some nothing at all, as where a memory is bypassed.
        return [
            (read * rng.integers(0, 2), written * rng.integers(0, 2))
            for read, written in zip(many(rng, 1, 1000, memories), many(rng, 1, 1000, memories), strict=True)
        ]

    return [
        Row(
            moved=pairs(),
            one=pairs(),
            waited=pairs() if rng.random() < 0.5 else [(0.0, 0.0)] * memories,
            first=(many(rng, 1, 100, 1)[0], many(rng, 1, 100, 1)[0]),
            cycles=many(rng, 1, 10_000, 1)[0],
            room=[0.0, *many(rng, 1, 100, memories - 1)],
            allowed=bool(rng.random() < 0.8),
        )
        for _ in range(count)
    ]


def side_by_side(fronts: list[list[Row]], steps: list[float]) -> Rows:
    rows = [row for front in fronts for row in front]
    return Rows(
        moved=np.array([row.moved for row in rows], dtype=float),
        one=np.array([row.one for row in rows], dtype=float),
        serial=np.array([row.waited for row in rows], dtype=float),
        ramp=np.array([row.first for row in rows], dtype=float),
        cycles=np.array([row.cycles for row in rows], dtype=float),
        steps=np.array(steps),
        room=np.array([row.room for row in rows], dtype=float),
        allowed=np.array([row.allowed for row in rows]),
        starts=np.cumsum([0, *map(len, fronts)]),
    )


def in_arrays(machines: list[Design]) -> Prices:
    def slowness(limit: float | None) -> float:
        return 0.0 if limit is None else 1 / limit

    slow = [[[slowness(one) for one in limits] for limits in design.limits] for design in machines]
    return Prices(
        np.ascontiguousarray(np.array(slow).transpose(1, 2, 0)),
        np.ascontiguousarray(np.array([design.pj for design in machines]).transpose(1, 2, 0)),
        np.array([design.dispatch for design in machines]),
        np.array([design.leakage for design in machines]),
    )


def check(memories: int, layers: int, count: int, seed: int, *, apart: bool) -> Chosen:
    """Let random designs choose among random fronts, and work the same out one by one."""
    rng = np.random.default_rng(seed)
    fronts = [random_rows(rng, memories, int(rng.integers(1, 9))) for _ in range(4)]
    steps = many(rng, 1, 100, sum(map(len, fronts)))
    machines = designs(rng, memories, count, apart=apart)
    which = rng.integers(0, len(fronts), (layers, count))
    base = np.array(many(rng, 1, 10_000, layers))
    # What stays on chip takes another part of the room from every layer.
    free = np.array([design.free for design in machines]).T[:, None] * rng.uniform(0.3, 1, (memories, layers, count))
    found = choose(side_by_side(fronts, steps), which, in_arrays(machines), base, free)
    for layer in range(layers):
        for design in range(count):
            one, front = machines[design], int(which[layer, design])
            left = Design(one.limits, one.pj, one.dispatch, one.leakage, free[:, layer, design].tolist())
            costs = {
                row: cost
                for row, asked in enumerate(fronts[front])
                if (cost := charge(asked, left, base[layer])) is not None
            }
            assert found.legal[layer, design] == bool(costs)
            if not costs:
                continue
            best = min(costs, key=lambda row: costs[row][0] * (costs[row][1] + one.leakage * costs[row][0]))
            assert found.row[layer, design] == best
            figures = (found.latency_cycles[layer, design], found.dynamic_pj[layer, design])
            assert figures == pytest.approx(costs[best], rel=1e-12)
            place = sum(map(len, fronts[:front])) + best
            assert found.steps[layer, design] == steps[place]
            assert found.outer_bytes[layer, design] == pytest.approx(sum(fronts[front][best].moved[0]), rel=1e-12)
    return found


@settings(max_examples=100)
@given(st.integers(2, 5), st.integers(1, 5), st.integers(1, 8), st.integers(0, 10**6), st.booleans())
def test_every_design_takes_the_row_with_the_least_energy_x_delay(
    memories: int, layers: int, count: int, seed: int, apart: bool
) -> None:
    check(memories, layers, count, seed, apart=apart)


def test_more_designs_than_are_costed_side_by_side() -> None:
    found = check(3, 2, MANY, 5, apart=True)
    assert found.legal.any()
    assert not found.legal.all()


#: A memory outside, 4 bytes a cycle; one inside that reads 8 and writes 2 bytes a cycle.
PAPER = Design(
    limits=[(4.0, None, None), (None, 8.0, 2.0)], pj=[(10, 20), (1, 3)], dispatch=7, leakage=0.5, free=[np.inf, 64]
)


def paper(**changes: object) -> Row:
    given: dict[str, object] = {
        "moved": [(40, 8), (100, 60)],
        "one": [(40, 8), (100, 60)],
        "waited": [(0, 0), (0, 0)],
        "first": (12, 4),
        "cycles": 5.0,
        "room": [0, 64],
        "allowed": True,
    }
    return Row(**(given | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("row", "cycles"),
    [
        # The memory inside needs max(100 / 8, 60 / 2) = 30; before and after, (12 + 4) / 4 at the one outside.
        (paper(), 30 + 4 + 7),
        (paper(cycles=50.0), 50 + 4 + 7),
        # Alone it would need (40 + 8) / 4 = 12 in all.
        (paper(one=[(40, 8), (0, 0)]), 12 + 7),
        # Not so long a wait as the whole transfer: 48 bytes, not 80.
        (paper(first=(60, 20)), 30 + 12 + 7),
        # All that comes in is waited for: 40 / 4, which is more than the first tile and the last result.
        (paper(waited=[(40, 0), (0, 0)]), 30 + 10 + 7),
        # Inside, read and written one after the other: 16 / 8 + 10 / 2 on top, and 7 less to overlap.
        (paper(waited=[(0, 0), (16, 10)]), (30 - 7) + 4 + 7 + 7),
    ],
)
def test_cycles_by_hand(row: Row, cycles: float) -> None:
    energy = 1000 + 40 * 10 + 8 * 20 + 100 * 1 + 60 * 3
    assert charge(row, PAPER, 1000) == pytest.approx((cycles, energy))
    room = np.array(PAPER.free)[:, None, None]
    found = choose(side_by_side([[row]], [3.0]), np.zeros((1, 1), int), in_arrays([PAPER]), np.array([1000.0]), room)
    assert found.latency_cycles[0, 0] == pytest.approx(cycles)
    assert found.dynamic_pj[0, 0] == energy
    assert found.outer_bytes[0, 0] == 48


@pytest.mark.parametrize("row", [paper(room=[0, 65]), paper(allowed=False)])
def test_what_does_not_fit_is_not_taken(row: Row) -> None:
    dear = paper(moved=[(1e6, 0), (0, 0)])
    room = np.array(PAPER.free)[:, None, None]
    for front, legal in (([row], False), ([row, dear], True)):
        rows = side_by_side([front], [1.0] * len(front))
        found = choose(rows, np.zeros((1, 1), int), in_arrays([PAPER]), np.zeros(1), room)
        assert found.legal.tolist() == [[legal]]
        assert found.row[0, 0] == len(front) - 1


def test_of_equal_rows_the_first_is_taken() -> None:
    rows = side_by_side([[paper(room=[0, 65]), paper(), paper(), paper()]], [1.0, 2.0, 3.0, 4.0])
    room = np.array(PAPER.free)[:, None, None]
    found = choose(rows, np.zeros((1, 1), int), in_arrays([PAPER]), np.zeros(1), room)
    assert (found.row[0, 0], found.steps[0, 0]) == (1, 2)


def test_what_designs_charge(tmp_path: Path) -> None:
    """What has no limit, and what is not modelled, costs nothing."""
    local = (
        "  - {name: local, holds: [W], size: 128 B, read_bandwidth: 32 B/cycle, write_bandwidth: rows B/cycle, "
        "kind: rooted}\narray:"
    )
    late = ("columns: columns}", "columns: columns, dispatch_cycles: 3 * rows}")
    template = machine(tmp_path, ("array:", local), ("bandwidth: 16 B/cycle, ", ""), late)
    design = template.instantiate({"rows": np.array([2, 5])})
    unpriced = replace(design.memories[1], read_pj_per_byte=None, write_pj_per_byte=np.array([4.0, 5.0]))
    found = prices(replace(design, memories=(design.memories[0], unpriced, design.memories[2])), np.array([0.25, 0.5]))
    assert found.cycles_per_byte.tolist() == [
        [[1 / 4, 1 / 4], [0, 0], [0, 0]],
        [[0, 0], [0, 0], [0, 0]],
        [[0, 0], [1 / 32, 1 / 32], [1 / 2, 1 / 5]],
    ]
    per_byte = 3 * (128 / 1024) ** 0.5
    expected = [[[10, 10], [10, 10]], [[0, 0], [4, 5]], [[per_byte, per_byte], [per_byte, per_byte]]]
    assert found.pj_per_byte == pytest.approx(np.array(expected))
    assert found.dispatch.tolist() == [6, 15]
    assert found.leakage.tolist() == [0.25, 0.5]
    banked = prices(load_hardware("pe_array"), np.zeros(1))
    assert banked.cycles_per_byte[1].tolist() == [[1 / (16 * 8)], [0], [0]], "16 banks of 8 bytes a cycle"
