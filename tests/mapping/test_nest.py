"""Mappings as arrays, in words, and the share of products that read a real input."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.machine_cases import MachineCase, machine_cases, ops

from accelsim.dims import DIMS, Dim
from accelsim.mapping.nest import Mappings, useful_share
from accelsim.workload.ops import Op, convolution, loops


@settings(max_examples=100)
@given(machine_cases(count=4), st.permutations(range(4)))
def test_mappings_written_out_are_kept_as_written(case: MachineCase, rows: list[int]) -> None:
    names = ("tiles", "orders", "copies")
    written = [np.array([getattr(mapping, name) for mapping in case.mappings]) for name in names]
    found = Mappings.of(*written)
    assert len(found) == 4
    assert found.levels == case.machine.levels
    for name, expected in zip(names, written, strict=True):
        assert np.array_equal(getattr(found, name), expected)
        assert np.array_equal(getattr(found[np.array(rows[:2])], name), expected[rows[:2]])
        assert np.array_equal(getattr(found[np.arange(4) == rows[0]], name), expected[rows[:1]])
    for dim, cuts in enumerate(found.cuts):
        chains = zip(cuts.tiles.tolist(), cuts.copies.tolist(), strict=True)
        assert len({str(chain) for chain in chains}) == len(cuts), "a cut is listed once"
        assert set(found.cut[:, dim]) == set(range(len(cuts)))


def test_without_copies_everything_stands_alone() -> None:
    tiles, orders = np.array([[loops(K=4), loops(K=2)]]), np.array([[range(len(DIMS))] * 2])
    assert Mappings.of(tiles, orders).copies.tolist() == [[[1] * len(DIMS)] * 3]


def test_a_mapping_in_words() -> None:
    k_then_c = (Dim.K.position, Dim.C.position, *(d.position for d in DIMS if d not in (Dim.K, Dim.C)))
    c_then_k = (Dim.C.position, Dim.K.position, *k_then_c[2:])
    tiles = np.array([[loops(K=4, C=8), loops(C=2)]])
    copies = np.array([[loops(), loops(K=2), loops(C=2)]])
    found = Mappings.of(tiles, np.array([[k_then_c, c_then_k]]), copies)
    # 10 kernels in 3 turns of 4, 16 channels in 2 of 8; inside, 8 channels in 4 turns of 2, 4 kernels in 2 of 2 x 1.
    assert found.describe(0, loops(K=10, C=16), ("buffer", "local")) == (
        "for K3 C2: buffer[K4 C8] for C4 K2: local[C2] x K2"
    )
    whole = Mappings.of(np.array([[loops()]]), np.array([[k_then_c]]))
    assert whole.describe(0, loops(), ("buffer",)) == "buffer[one element]"


def real_products(op: Op) -> int:
    """Count the points of the loops over outputs and taps whose input is no padding."""
    count = 0
    spans = [range(op.size(dim)) for pair in ((Dim.OZ, Dim.FZ), (Dim.OY, Dim.FY), (Dim.OX, Dim.FX)) for dim in pair]
    for point in itertools.product(*spans):
        pairs = zip(point[::2], point[1::2], op.stride, op.dilation, op.padding, op.extent, strict=True)
        count += all(0 <= out * s + tap * d - p < extent for out, tap, s, d, p, extent in pairs)
    return count * op.size(Dim.B) * op.size(Dim.G) * op.size(Dim.K) * op.size(Dim.C)


@settings(max_examples=200)
@given(ops.filter(lambda op: op.kind == "convolution"))
def test_useful_share_counts_products_with_a_real_input(op: Op) -> None:
    assert useful_share(op) * op.macs == pytest.approx(real_products(op), rel=1e-12)


def test_only_windows_have_padding() -> None:
    """What no window slides over is read as it is, whatever extent the op was given."""
    for kind in ("matmul", "fully_connected"):
        assert useful_share(Op(kind, loops(K=2, C=3, OY=4, OX=5))) == 1


def test_padding_share_by_hand() -> None:
    # 4 x 4, a 3 x 3 filter, one zero around: an edge row of outputs sees 2 of its 3 rows, a middle one all 3.
    op = convolution((1, 1, 4, 4), 1, (3, 3), padding=(1, 1))
    assert useful_share(op) == pytest.approx(((2 + 3 + 3 + 2) / 12) ** 2)
    assert useful_share(convolution((1, 1, 4, 4), 1, (3, 3), padding=(0, 0))) == 1
    # 5 planes, a filter of 3, one zero before and behind.
    planes = convolution((1, 1, 5, 1, 1), 1, (3, 1, 1), padding=(1, 0, 0))
    assert useful_share(planes) == pytest.approx((2 + 3 + 3 + 3 + 2) / 15)
