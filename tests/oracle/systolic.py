"""A systolic array that multiplies matrices cycle by cycle: registers, neighbours and skewed operands, no formula.

Every processing element knows its own registers and those of its left and upper neighbour. Operands enter at the
edges, each row and column one cycle after the one before, so that partners meet. Beside a value travels the number of
the step it belongs to, so that the array knows when a fold has gone through; the next fold starts after that. A fold
smaller than the array crosses all of it, with zeros where it has nothing. Whatever crosses the edge is counted there;
zeros that fill up a fold are not.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Run", "multiply"]

Matrix = npt.NDArray[np.int64]
_NO_STEP = -1


@dataclass(frozen=True)
class Run:
    """What came out, and how long it took.

    Attributes:
        product: The matrix product.
        cycles: Clock cycles of all folds.
        folds: How often the array was filled.
        multiplications: Products of two values of the matrices, over all PEs.
        inputs_in: Input values that entered the array, each as often as it did.
        weights_in: The same of weights.
        sums_out: Sums that left it, partial ones included; none of them comes back in.
    """

    product: Matrix
    cycles: int
    folds: int
    multiplications: int
    inputs_in: int
    weights_in: int
    sums_out: int


class _Stream:
    """Values that enter at an edge, skewed, and move one PE further each cycle; seen with their PEs as rows."""

    def __init__(self, values: Matrix, lanes: int, length: int) -> None:
        self.source = np.zeros((len(values), lanes), dtype=np.int64)
        self.source[:, : values.shape[1]] = values
        self.real = values.shape[1]
        self.entered = 0
        self.value = np.zeros((lanes, length), dtype=np.int64)
        self.step = np.full((lanes, length), _NO_STEP)

    def move(self, clock: int) -> None:
        """Advance by one PE and let the next values in."""
        self.value[:, 1:], self.step[:, 1:] = self.value[:, :-1].copy(), self.step[:, :-1].copy()
        for lane in range(len(self.value)):
            step = clock - lane
            inside = 0 <= step < len(self.source)
            self.step[lane, 0] = step if inside else _NO_STEP
            self.value[lane, 0] = self.source[step, lane] if inside else 0
            self.entered += inside and lane < self.real


class _Array:
    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self.cycles = self.folds = self.multiplications = self.sums_out = 0
        self.entered: Counter[str] = Counter()

    def operand_still(self, still: Matrix, stream: Matrix, names: tuple[str, str]) -> Matrix:
        """Return ``stream @ still``: one operand lies in the PEs, the other moves right, sums move down.

        ``names`` are what the two are counted as.
        """
        self.folds += 1
        depth, width = still.shape
        resident = np.zeros((self.rows, self.columns), dtype=np.int64)
        for row in reversed(range(self.rows)):  # from above, the bottom row first
            resident[1:] = resident[:-1].copy()
            resident[0] = 0
            if row < depth:
                resident[0, :width] = still[row]
                self.entered[names[0]] += width
            self.cycles += 1
        moving = _Stream(stream, self.rows, self.columns)
        sums = np.zeros((self.rows, self.columns), dtype=np.int64)
        out = np.zeros((len(stream), self.columns), dtype=np.int64)
        clock = 0
        while True:
            moving.move(clock)
            if np.all(moving.step == _NO_STEP):
                self.cycles += clock
                self.entered[names[1]] += moving.entered
                return out[:, :width]
            from_above = np.vstack([np.zeros((1, self.columns), dtype=np.int64), sums[:-1]])
            sums = from_above + resident * moving.value
            self.multiplications += int((moving.step[:depth, :width] != _NO_STEP).sum())
            for column, step in enumerate(moving.step[-1]):
                if step != _NO_STEP:
                    out[step, column] = sums[-1, column]
                    self.sums_out += column < width
            clock += 1

    def outputs_still(self, left: Matrix, right: Matrix, names: tuple[str, str]) -> Matrix:
        """Return ``left @ right``: sums lie in the PEs, ``left`` moves right and ``right`` moves down.

        Sums are read out beside the next fold, as the formula has it. ``names`` are what the two are counted as.
        """
        self.folds += 1
        (height, _), width = left.shape, right.shape[1]
        across, down = _Stream(left.T, self.rows, self.columns), _Stream(right, self.columns, self.rows)
        sums = np.zeros((self.rows, self.columns), dtype=np.int64)
        clock = 0
        while True:
            across.move(clock)
            down.move(clock)
            assert np.array_equal(across.step, down.step.T), "partners meet"
            if np.all(across.step == _NO_STEP):
                self.cycles += clock
                self.entered[names[0]] += across.entered
                self.entered[names[1]] += down.entered
                return self._read_out(sums, height, width)
            sums += across.value * down.value.T
            self.multiplications += int((across.step[:height, :width] != _NO_STEP).sum())
            clock += 1

    def _read_out(self, sums: Matrix, height: int, width: int) -> Matrix:
        """Shift sums down and out at the lower edge, and return the ``height x width`` that mean something."""
        out = np.zeros((height, width), dtype=np.int64)
        for row in reversed(range(self.rows)):  # the bottom row leaves first
            if row < height:
                out[row] = sums[-1, :width]
                self.sums_out += width
            sums = np.vstack([np.zeros((1, self.columns), dtype=np.int64), sums[:-1]])
        return out


def multiply(dataflow: str, inputs: Matrix, weights: Matrix, rows: int, columns: int) -> Run:
    """Multiply on an array with ``dataflow``.

    Args:
        dataflow: ``weight_stationary``, ``output_stationary`` or ``input_stationary``.
        inputs: Shape ``(pixels, reduction)``.
        weights: Shape ``(reduction, kernels)``.
        rows: PEs down.
        columns: PEs across.
    """
    array = _Array(rows, columns)
    pixels, depth = inputs.shape
    kernels = weights.shape[1]
    product = np.zeros((pixels, kernels), dtype=np.int64)
    both, swapped = ("inputs", "weights"), ("weights", "inputs")
    on_rows = pixels if dataflow == "output_stationary" else depth
    on_columns = pixels if dataflow == "input_stationary" else kernels
    for top in range(0, on_rows, rows):
        down = slice(top, top + rows)
        for left in range(0, on_columns, columns):
            across = slice(left, left + columns)
            if dataflow == "weight_stationary":
                product[:, across] += array.operand_still(weights[down, across], inputs[:, down], swapped)
            elif dataflow == "input_stationary":
                product[across] += array.operand_still(inputs[across, down].T, weights[down].T, both).T
            else:
                product[down, across] = array.outputs_still(inputs[down], weights[:, across], both)
    return Run(
        product=product,
        cycles=array.cycles,
        folds=array.folds,
        multiplications=array.multiplications,
        inputs_in=array.entered["inputs"],
        weights_in=array.entered["weights"],
        sums_out=array.sums_out,
    )
