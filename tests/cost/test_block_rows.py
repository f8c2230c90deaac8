"""Ways of an engine that cuts ops into blocks, as rows of a front: a made-up engine of three ways."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest

from accelsim import load_hardware
from accelsim.cost import blocks
from accelsim.cost.blocks import BlockRows, block_rows
from accelsim.cost.front import front, front_of
from accelsim.cost.prices import Bills
from accelsim.cost.rows import Kept, Machine, OpRows, machine_of
from accelsim.cost.store import Store
from accelsim.dims import Operand
from accelsim.engines.engine import Around, Traversal, Ways, no_traffic
from accelsim.errors import NoMappingError
from accelsim.hardware.engines import Configured, Option, Peak, Settings
from accelsim.workload.ops import Op, convolution, matmul

DENSE, HEADS = convolution((1, 8, 4, 4), 8, (1, 1)), matmul(4, 8, 4)
NOTHING = Kept((False, False, False), (-1, 1, 1))
#: Prices, which blocks do not depend on.
FREE = Bills([], np.zeros(0, dtype=np.int64), np.zeros(0))


class Toy(Traversal):
    """Three ways: a quick one that moves much, a slow one that moves little, and one that is worse than the first."""

    options = MappingProxyType({"speed": Option(help="how quick it is")})
    memories = (2, 3)

    def __init__(self) -> None:
        self.asked: list[Around] = []

    def peak(self, settings: Settings) -> Peak:
        return Peak(float(dict(settings)["speed"]))

    def unsupported(self, op: Op, words: Settings) -> str | None:
        assert words == ()
        return None if op.kind == "convolution" else f"it is too simple for {op.kind}"

    def ways(self, op: Op, settings: Settings, around: Around) -> Ways:
        self.asked.append(around)
        speed = float(dict(settings)["speed"])
        if speed > 100:
            raise NoMappingError("nothing fits so quick a machine")
        moved, room = no_traffic(3, around.memories)
        moved[:, around.home(Operand.I), 1, 0] = [300, 100, 300]
        moved[:, around.home(Operand.O), 2, 1] = op.bytes_of(Operand.O)
        room[:, -1, 0] = [10, 20, 30]
        cycles = np.array([100.0, 200.0, 100.0]) / speed
        return Ways(cycles=cycles, steps=cycles / 2, moved=moved, room=room, words=("quick", "slow", "clumsy"))


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Toy:
    """Return an engine that every name stands for; fronts that were kept before do not count."""
    engine = Toy()
    monkeypatch.setattr(blocks, "traversal", lambda _: engine)
    front.cache_clear()
    return engine


def machine(speed: float = 2.0) -> Machine:
    """Return a machine of three memories with the engine."""
    usual = machine_of(load_hardware("ethos_u55"))
    return usual._replace(blocks=Configured("toy", (("speed", speed),)))


def test_what_is_worse_in_everything_is_dropped(toy: Toy) -> None:
    found = front(DENSE, machine(), NOTHING)
    assert found.chosen.tolist() == [0, 1]
    assert [found.describe(row, ["far", "near", "buffer"]) for row in range(len(found))] == ["quick", "slow"]
    assert found.demand.cycles.tolist() == [50, 100]
    assert found.demand.steps.tolist() == [25, 50]
    assert found.demand.allowed.all()
    assert len(toy.asked) == 1


def test_nothing_is_waited_for_but_what_the_engine_counts(toy: Toy) -> None:
    asked = front(DENSE, machine(), NOTHING).demand
    assert not asked.serial.any()
    assert not asked.ramp.any()
    assert (asked.one == asked.moved.sum(axis=2)).all()
    assert asked.room.sum(axis=2).tolist() == [[0, 0, 10], [0, 0, 20]]
    assert front(DENSE, machine(), NOTHING).rows.footprint.sum(axis=2).tolist() == [[0, 10], [0, 20]]


@pytest.mark.parametrize(
    ("kept", "homes"),
    [
        (NOTHING, (0, 0, 0)),
        (Kept((False, True, False), (-1, 1, 1)), (0, 1, 0)),
        (Kept((False, True, True), (-1, 1, 1)), (0, 1, 1)),
        (Kept((True, False, True), (1, 1, 1)), (1, 0, 1)),
    ],
)
def test_the_engine_is_told_where_tensors_lie(toy: Toy, kept: Kept, homes: tuple[int, int, int]) -> None:
    moved = front(DENSE, machine(), kept).demand.moved
    assert toy.asked == [Around(3, homes)]
    assert moved[0, homes[1], 1, 0] == 300
    assert moved[0, homes[2], 2, 1] == DENSE.bytes_of(Operand.O)
    assert moved[0].sum() == 300 + DENSE.bytes_of(Operand.O)


def test_an_engine_knows_the_ends_of_the_network_and_a_nest_does_not(toy: Toy) -> None:
    store, codes = Store(machine(), (-1, 1, 1)), np.array([[0, 8, 16, 24, 6]])
    places = store.which(np.array([store.place(DENSE)]), codes, np.full((3, 1, 5), np.inf), FREE)
    assert len(set(places[0].tolist())) == 5
    assert [(one.first, one.last) for one in toy.asked] == [
        (False, False),
        (False, False),
        (True, False),
        (False, True),
        (True, True),
    ]
    nests = Store(machine_of(load_hardware("npu")), (-1, -1, -1))
    same = nests.which(np.array([nests.place(DENSE)]), np.array([[0, 8, 16, 24]]), np.full((2, 1, 4), 1e6), FREE)
    assert len(set(same[0].tolist())) == 1


def test_what_cannot_run_has_no_rows_and_says_why(toy: Toy) -> None:
    refused = front(HEADS, machine(), NOTHING)
    assert (len(refused), len(refused.demand.cycles)) == (0, 0)
    assert isinstance(refused.rows, BlockRows)
    assert refused.rows.problem == (
        "the engine toy does not run it: it is too simple for matmul (a `host` in the template would run it)"
    )
    assert toy.asked == [], "it is not asked for ways that there are not"
    quick = front(DENSE, machine(speed=101.0), NOTHING)
    assert isinstance(quick.rows, BlockRows)
    assert quick.rows.problem == "the engine toy does not run it: nothing fits so quick a machine"


def test_blocks_are_no_loop_nests(toy: Toy) -> None:
    found = front(DENSE, machine(), NOTHING)
    with pytest.raises(TypeError, match="no loop nests"):
        _ = found.nests
    usual = front(DENSE, machine_of(load_hardware("npu")), Kept((False,) * 3, (-1,) * 3))
    assert isinstance(usual.nests, OpRows)
    assert usual.describe(0, ["dram", "buffer"]) == usual.nests.mappings.describe(0, DENSE.sizes, ("buffer",))
    assert len(front_of(usual.nests, usual.kept)) <= len(usual.nests)


def test_some_of_the_ways(toy: Toy) -> None:
    usual = machine()
    assert usual.blocks is not None
    rows = block_rows(DENSE, usual, usual.blocks, NOTHING)
    some = rows[np.array([2, 0])]
    assert some.ways.words == ("clumsy", "quick")
    assert some.ways.cycles.tolist() == [50, 50]
    assert some.features.shape == (2, 1 + 3 + 6)
    assert (some.features[0] >= some.features[1]).all()
