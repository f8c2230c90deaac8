"""Row stationary's closed forms against a walk over every pass, and sets put on a grid of PEs one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from accelsim.engines.row_stationary import EYERISS, Passes, RowStationary, Shape, shape_of, traverse
from accelsim.engines.row_stationary.accesses import accesses
from accelsim.workload.ops import Op, make
from accelsim.workload.ops.op import loops

SMALL = replace(EYERISS, rows=5, columns=6, banks=9, bank_words=64, filter_buffer_words=300)
OPS = [
    make.convolution((3, 5, 11, 9), 7, (3, 3)),
    make.convolution((2, 4, 13, 13), 6, (5, 5), stride=(2, 2)),
    make.convolution((1, 9, 8, 8), 30, (1, 1)),
    make.convolution((2, 6, 10, 10), 6, (3, 3), groups=2),
    make.convolution((1, 3, 7, 12), 4, (7, 3)),
    make.convolution((1, 2, 9, 20), 5, (3, 13), dilation=(2, 1)),
    Op("fully_connected", loops(B=3, K=25, C=40)),
    Op("matmul", loops(G=2, K=9, C=10, OX=11)),
]


def dealt(total: int, step: int) -> Iterator[int]:
    """Yield the sizes of the steps in which a total is dealt, the last one partial."""
    for first in range(0, total, step):
        yield min(step, total - first)


def one_pass(shape: Shape, machine: RowStationary, images: int, rows: int, chosen: dict[str, int]) -> float:
    """Return the cycles of a pass, column of outputs by column, as a pipeline of MACs and partial sums."""
    p, q, r, t = (chosen[name] for name in "pqrt")
    macs, sums = p * q * shape.filter_columns, rows * t * p / machine.sum_words_per_cycle
    done_macs = done_sums = 0.0
    for _ in range(images * shape.columns):
        done_macs += macs
        done_sums = max(done_macs, done_sums) + sums
    lines = (rows - 1) * shape.stride + (shape.filter_rows - 1) * shape.dilation + 1
    inputs = images * lines * q * r * shape.reach / machine.input_words_per_cycle
    weights = p * t * q * r * shape.filter_rows * shape.filter_columns / machine.filter_words_per_cycle
    first = lines * q * r * shape.filter_columns / machine.input_words_per_cycle
    return weights + first + max(done_sums, inputs) + shape.filter_rows * r


def walk(shape: Shape, machine: RowStationary, chosen: dict[str, int]) -> Counter[str]:
    """Run a mapping pass by pass and count passes, cycles and words."""
    count: Counter[str] = Counter()
    taps = shape.filter_rows * shape.filter_columns
    for images in dealt(shape.images, chosen["n"]):
        for rows in dealt(shape.rows, chosen["e"]):
            lines = (rows - 1) * shape.stride + (shape.filter_rows - 1) * shape.dilation + 1
            cycles = one_pass(shape, machine, images, rows, chosen)
            for kept in dealt(shape.kernels, chosen["m"]):
                for channels in dealt(shape.channels, chosen["q"] * chosen["r"]):
                    # The inputs of these channels come into the buffer, and to the array once for each set of kernels.
                    words = images * lines * shape.reach * channels
                    count["dram I"] += words
                    for kernels in dealt(kept, chosen["p"] * chosen["t"]):
                        count["passes"] += 1
                        count["quarters"] += round(cycles * 4)
                        count["array I"] += words
                        count["dram W"] += kernels * channels * taps
                        count["sums"] += images * rows * shape.columns * kernels
    return Counter({name: shape.groups * number for name, number in count.items()})


def places(passes: Passes) -> range:
    """Return some places of candidates, spread evenly, the first and last among them."""
    return range(0, len(passes), max(1, (len(passes) - 1) // 6 or 1))


@pytest.mark.parametrize("op", OPS, ids=lambda op: f"{op.label}{op.sizes}")
@pytest.mark.parametrize("machine", [SMALL, EYERISS], ids=["small", "eyeriss"])
def test_every_candidate_is_the_walk_over_its_passes(machine: RowStationary, op: Op) -> None:
    shape, passes = shape_of(op, machine), traverse(op, machine)
    moved = accesses(op, machine, passes)
    for place in places(passes):
        chosen = {name: int(getattr(passes, name)[place]) for name in "nmepqrt"}
        count = walk(shape, machine, chosen)
        assert passes.passes[place] == count["passes"], chosen
        assert passes.cycles[place] == pytest.approx(count["quarters"] / 4, rel=1e-9), chosen
        assert moved["dram"]["W"][place] == count["dram W"], chosen
        assert moved["dram"]["I"][place] == count["dram I"], chosen
        assert moved["array"]["I"][place] == count["array I"], chosen
        assert moved["buffer"]["O"][place] == 2 * count["sums"], chosen


@pytest.mark.parametrize("op", OPS, ids=lambda op: f"{op.label}{op.sizes}")
@pytest.mark.parametrize("machine", [SMALL, EYERISS], ids=["small", "eyeriss"])
def test_no_other_choice_of_what_stays_fetches_less(machine: RowStationary, op: Op) -> None:
    shape, passes = shape_of(op, machine), traverse(op, machine)
    moved = accesses(op, machine, passes)["dram"]
    found = {float(words) for words in moved["W"] + moved["I"]}
    assert len(found) == 1, "all candidates fetch the same, the least"
    widest = machine.columns * (machine.rows // shape.filter_rows)
    least = np.inf
    for n in range(1, shape.images + 1):
        for m in range(1, shape.kernels + 1):
            for e in range(1, min(widest, shape.rows) + 1):
                window = (e - 1) * shape.stride + (shape.filter_rows - 1) * shape.dilation + 1
                banks = -(-n * m * e * shape.columns // machine.bank_words)
                banks += -(-n * window * shape.reach // machine.bank_words)
                if banks <= machine.banks:
                    chosen = {"n": n, "m": m, "e": e, "p": m, "q": shape.channels, "r": 1, "t": 1}
                    count = walk(shape, machine, chosen)
                    least = min(least, count["dram W"] + count["dram I"])
    assert found == {least}


def put(machine: RowStationary, height: int, width: int, sets: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Put sets on the grid: side by side in bands, wide ones in strips; PEs hold the number of their set, from 1."""
    grid = np.zeros((machine.rows, machine.columns), dtype=np.int64)
    row = column = 0
    for number in range(1, sets + 1):
        for strip in dealt(width, machine.columns):
            if column + strip > machine.columns or (width > machine.columns and column):
                row, column = row + height, 0
            target = grid[row : row + height, column : column + strip]
            assert target.shape == (height, strip), "it does not fit"
            assert not target.any()
            target[:] = number
            column += strip
    return grid


@pytest.mark.parametrize("op", OPS, ids=lambda op: f"{op.label}{op.sizes}")
@pytest.mark.parametrize("machine", [SMALL, EYERISS], ids=["small", "eyeriss"])
def test_the_sets_of_every_candidate_fit_on_the_grid(machine: RowStationary, op: Op) -> None:
    shape, passes = shape_of(op, machine), traverse(op, machine)
    for place in range(len(passes)):
        height, width = shape.filter_rows, int(passes.e[place])
        grid = put(machine, height, width, int(passes.r[place] * passes.t[place]))
        assert np.count_nonzero(grid) == passes.active_pes[place]


def test_the_grid_refuses_a_set_too_many() -> None:
    assert np.count_nonzero(put(EYERISS, 3, 13, 4)) == 156
    with pytest.raises(AssertionError, match="does not fit"):
        put(EYERISS, 3, 13, 5)
    with pytest.raises(AssertionError, match="does not fit"):
        put(EYERISS, 5, 27, 2)
