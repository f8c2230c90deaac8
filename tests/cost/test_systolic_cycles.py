"""The systolic engine's cycles and what crosses its edge, against an array that multiplies real matrices."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.systolic import multiply

from accelsim.cost.array import Geometry, Work, work
from accelsim.cost.traffic import Structure
from accelsim.dims import DIMS, WINDOWS, Dim
from accelsim.hardware.engines import ENGINES
from accelsim.mapping.nest import Mappings
from accelsim.validation.scale_sim import product
from accelsim.workload.ops import Op, convolution, fully_connected, matmul

Matrix = npt.NDArray[np.int64]
SYSTOLIC = ("weight_stationary", "output_stationary", "input_stationary")
sides = st.integers(1, 6)


def uncut(op: Op, dataflow: str, rows: int, columns: int) -> Work:
    """Return what the model says of ``op`` as a single tile."""
    whole = Mappings.of(np.array([[op.sizes]]), np.arange(len(DIMS))[None, None, :])
    structure = Structure(((True,) * 3,) * 2, (False,) * 2, outputs_held=False)
    return work(op, whole, structure, ENGINES["systolic"][dataflow], Geometry(rows, columns, math.inf))


def random_matrix(seed: int, *shape: int) -> Matrix:
    return np.random.default_rng(seed).integers(-128, 128, shape)


@pytest.mark.parametrize("dataflow", SYSTOLIC)
@settings(max_examples=60)
@given(pixels=st.integers(1, 12), depth=st.integers(1, 12), kernels=st.integers(1, 12), rows=sides, columns=sides)
def test_matrix_products(dataflow: str, pixels: int, depth: int, kernels: int, rows: int, columns: int) -> None:
    inputs, weights = random_matrix(1, pixels, depth), random_matrix(2, depth, kernels)
    run = multiply(dataflow, inputs, weights, rows, columns)
    assert np.array_equal(run.product, inputs @ weights)
    op = fully_connected((pixels, depth, 1, 1), kernels)
    model = uncut(op, dataflow, rows, columns)
    assert run.multiplications == op.macs
    assert run.cycles == model.cycles[0]
    assert model.steps[0] <= run.cycles
    assert model.crossing[0].tolist() == [run.weights_in, run.inputs_in, run.sums_out]


@pytest.mark.parametrize("dataflow", SYSTOLIC)
@settings(max_examples=100)
@given(pixels=st.integers(1, 14), depth=st.integers(1, 14), kernels=st.integers(1, 14), rows=sides, columns=sides)
def test_the_figures_of_scale_sim_are_an_arrays(
    dataflow: str, pixels: int, depth: int, kernels: int, rows: int, columns: int
) -> None:
    """All but the writes that its output-stationary folds count too many."""
    inputs, weights = random_matrix(7, pixels, depth), random_matrix(8, depth, kernels)
    run = multiply(dataflow, inputs, weights, rows, columns)
    assert np.array_equal(run.product, inputs @ weights)
    found = product(pixels, depth, kernels, dataflow, rows, columns)
    assert found.folds == run.folds
    assert found.cycles == run.cycles
    assert found.ifmap_reads == run.inputs_in
    assert found.filter_reads == run.weights_in
    too_many = run.folds * (rows + columns) if dataflow == "output_stationary" else 0
    assert found.ofmap_writes - too_many == run.sums_out
    steps = {"weight_stationary": pixels, "output_stationary": depth, "input_stationary": kernels}[dataflow]
    busy = run.multiplications / (run.folds * steps * rows * columns)
    assert found.mapping_efficiency_pct == pytest.approx(100 * busy, rel=1e-12)


def unrolled(image: Matrix, op: Op) -> Matrix:
    """Return the windows of ``image`` as rows, shape ``(pixels, C FZ FY FX)``."""
    windows = []
    for pixel in np.ndindex(*(op.size(out) for out, _ in WINDOWS)):
        seen = (
            place * step + np.arange(op.size(tap)) * apart
            for place, step, apart, (_, tap) in zip(pixel, op.stride, op.dilation, WINDOWS, strict=True)
        )
        windows.append(image[np.ix_(range(len(image)), *seen)].reshape(-1))
    return np.array(windows)


@pytest.mark.parametrize("dataflow", SYSTOLIC)
@pytest.mark.parametrize(
    "op",
    [
        pytest.param(convolution((1, 3, 6, 5), 4, (3, 2), padding=(0, 0)), id="not square"),
        pytest.param(convolution((1, 2, 7, 9), 5, (3, 3), stride=(2, 3), padding=(0, 0)), id="strides"),
        pytest.param(convolution((1, 2, 7, 7), 3, (2, 3), dilation=(3, 2), padding=(0, 0)), id="dilated"),
        pytest.param(convolution((1, 8, 4, 4), 8, (1, 1)), id="pointwise"),
        pytest.param(convolution((1, 3, 11), 4, (5,), stride=(2,), padding=(0,)), id="over time"),
        pytest.param(convolution((1, 2, 3, 4, 5), 3, (2, 3, 2), stride=(1, 1, 2), padding=(0, 0, 0)), id="volume"),
    ],
)
def test_convolutions(dataflow: str, op: Op) -> None:
    image = random_matrix(3, op.size(Dim.C), *op.extent)
    filters = random_matrix(4, op.size(Dim.K), op.size(Dim.C), *(op.size(tap) for _, tap in WINDOWS))
    run = multiply(dataflow, unrolled(image, op), filters.reshape(op.size(Dim.K), -1).T, 4, 3)
    pixels = tuple(op.size(out) for out, _ in WINDOWS)
    for *pixel, k in np.ndindex(*pixels, op.size(Dim.K)):
        direct = 0
        for c, *tap in np.ndindex(*filters.shape[1:]):
            at = (p * s + t * d for p, t, s, d in zip(pixel, tap, op.stride, op.dilation, strict=True))
            direct += image[(c, *at)] * filters[(k, c, *tap)]
        assert run.product[np.ravel_multi_index(tuple(pixel), pixels), k] == direct
    model = uncut(op, dataflow, 4, 3)
    assert run.cycles == model.cycles[0]
    assert run.multiplications == op.macs
    assert model.crossing[0].tolist() == [run.weights_in, run.inputs_in, run.sums_out]


@pytest.mark.parametrize("dataflow", SYSTOLIC)
def test_products_of_two_activations_run_head_by_head(dataflow: str) -> None:
    """Two samples of three heads; two left matrices of five rows meet the same right one."""
    op = matmul(5, 6, 7, batch=2, heads=3, shared=2)
    runs = [
        multiply(dataflow, random_matrix(head, 2 * 5, 6), random_matrix(head + 100, 6, 7), 4, 3) for head in range(6)
    ]
    assert all(
        np.array_equal(run.product, random_matrix(head, 10, 6) @ random_matrix(head + 100, 6, 7))
        for head, run in enumerate(runs)
    )
    model = uncut(op, dataflow, 4, 3)
    assert sum(run.cycles for run in runs) == model.cycles[0]
    assert sum(run.multiplications for run in runs) == op.macs


def test_one_fold_by_hand() -> None:
    """A 4 x 4 array and 10 rows of inputs: what a person counts on paper."""
    inputs, weights = random_matrix(5, 10, 4), random_matrix(6, 4, 4)
    # 4 cycles to load, 10 to stream, 3 until the last sum is down the rows, 3 until the last column has it.
    assert multiply("weight_stationary", inputs, weights, 4, 4).cycles == 4 + 10 + 3 + 3
    # Three folds of pixels (4, 4, 2), each 4 long and 3 + 3 skewed; weights enter with each.
    run = multiply("output_stationary", inputs, weights, 4, 4)
    assert run.cycles == 3 * (4 + 3 + 3)
    assert (run.inputs_in, run.weights_in, run.sums_out) == (10 * 4, 3 * 4 * 4, 10 * 4)
    # Three folds of pixels, each 4 to load, 4 kernels to stream, 3 + 3 skewed.
    assert multiply("input_stationary", inputs, weights, 4, 4).cycles == 3 * (4 + 4 + 3 + 3)
