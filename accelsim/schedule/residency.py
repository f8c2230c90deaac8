"""Which tensors stay on chip between layers, and which weights between inferences, on every design of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from accelsim.compiled import compiled
from accelsim.dims import Operand
from accelsim.hardware.accelerator import Accelerator
from accelsim.mapping.nest import Ints
from accelsim.schedule.table import Steps, StepTable
from accelsim.workload.ops import Bits

__all__ = ["Stay", "stay"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Stay:
    """What stays on chip; arrays of shape ``(steps, designs)``.

    Attributes:
        weights: Whether a step's weights stay from one inference to the next; of a product of two activations, whether
            the second stays on chip.
        inputs: Whether everything a step reads stays on chip.
        outputs: Whether a step's result stays until its last reader is done.
        used_bytes: For each memory, bytes that such tensors take while a step runs.
        weight_level: Place of the memory that keeps weights (or such an activation), ``None`` if none does.
        activation_level: Place of the memory that keeps results, ``None`` if none does.
    """

    weights: Flags
    inputs: Flags
    outputs: Flags
    used_bytes: tuple[Floats, ...]
    weight_level: int | None
    activation_level: int | None

    def kept(self, places: Ints) -> Ints:
        """Return 1, 2 and 4 for the ``W``, ``I`` and ``O`` of some steps that stay on chip, added."""
        return self.weights[places] + 2 * self.inputs[places] + 4 * self.outputs[places].astype(np.int64)

    @property
    def levels(self) -> tuple[int, int, int]:
        """Places of the memories that keep ``W I O``; -1 where none does."""
        weights, results = (-1 if level is None else level for level in (self.weight_level, self.activation_level))
        return weights, results, results


def _keeper(accelerator: Accelerator, *operands: Operand) -> int | None:
    places = (i for i, memory in enumerate(accelerator.memories) if set(operands) <= set(memory.keeps))
    return next(places, None)


def stay(table: StepTable, accelerator: Accelerator) -> Stay:
    """Return what stays on chip: results first, in the order they are written, then weights, in the order of layers.

    A tensor stays if it fits for its whole life beside those already chosen, within the memory's ``keep_share`` and
    leaving room for the smallest tiles. The network's input comes from outside and its result goes there; so does a
    result that is multiplied as if it were weights, if these come from another memory.
    """
    shape = (len(table), len(accelerator))
    level, weight_level = _keeper(accelerator, Operand.I, Operand.O), _keeper(accelerator, Operand.W)
    cached = weight_level is not None
    if level is not None and weight_level is None and Operand.W in accelerator.memories[level].holds:
        weight_level = level  # for the second of two activations that are multiplied
    used = tuple(np.zeros(shape) for _ in accelerator.memories)
    flags = np.zeros((3, *shape), dtype=np.bool_)
    budgets = np.zeros((2, len(accelerator)))
    for place, keeper in enumerate((level, weight_level)):
        if keeper is not None:
            budgets[place] = _budget(table, accelerator, keeper)
    nowhere = np.zeros((0, 0))
    _fill(
        table.steps,
        budgets,
        nowhere if level is None else used[level],
        nowhere if weight_level is None else used[weight_level],
        level is not None,
        cached,
        weight_level == level,
        flags,
    )
    return Stay(flags[0], flags[1], flags[2], used, weight_level, level)


@compiled
def _fill(
    steps: Steps, budgets: Floats, results: Floats, weights: Floats, keeps: bool, caches: bool, same: bool, flags: Flags
) -> None:
    """Fill ``flags`` and the bytes taken in the memories for ``results`` and ``weights``, which may be the same."""
    for network in range(len(steps.starts) - 1):
        first, end = steps.starts[network], steps.starts[network + 1]
        for design in range(flags.shape[2]):
            if keeps:
                _keep_results(steps, first, end, design, budgets[0, design], results, same, flags)
            if caches:
                _keep_weights(steps, first, end, design, budgets[1, design], weights, flags)
            for place in range(first, end):
                inputs = True
                for read in range(steps.first_read[place], steps.first_read[place + 1]):
                    on_chip = steps.writer[read] >= 0 and flags[2, steps.writer[read], design]
                    if not steps.second[read]:
                        inputs = inputs and on_chip
                    elif same:
                        flags[0, place, design] = on_chip
                flags[1, place, design] = inputs


@compiled
def _keep_results(
    steps: Steps, first: int, end: int, design: int, budget: float, used: Floats, same: bool, flags: Flags
) -> None:
    for place in range(first, end):
        last = steps.last_use[place]
        # Where weights come from another memory, a result that stands in for them has to go out and come in again.
        if last >= end or (steps.multiplied[place] and not same):
            continue
        fits = steps.streamed[place]
        if not fits:
            fits = True
            for at in range(place, last + 1):
                if used[at, design] + steps.held[place] > budget:
                    fits = False
                    break
        if fits:
            flags[2, place, design] = True
            for at in range(place, last + 1):
                used[at, design] += steps.held[place]


@compiled
def _keep_weights(steps: Steps, first: int, end: int, design: int, budget: float, used: Floats, flags: Flags) -> None:
    most = 0.0
    for place in range(first, end):
        most = max(most, used[place, design])
    left = budget - most
    for place in range(first, end):
        if 0 < steps.weights[place] <= left:
            flags[0, place, design] = True
            left -= steps.weights[place]
    taken = budget - most - left
    for place in range(first, end):
        used[place, design] += taken


def _budget(table: StepTable, accelerator: Accelerator, level: int) -> Floats:
    """Return the bytes that whole tensors may take: never so many that tiles of one element have no room."""
    memory = accelerator.memories[level]
    if memory.size_bytes is None:
        return np.full(len(accelerator), np.inf)
    copies = 2 if memory.double_buffered else 1
    least = copies * max((_widest(op.bits, memory.holds) for op in table.ops), default=0.0)
    return np.minimum(memory.keep_share * memory.size_bytes, memory.size_bytes - least)


@lru_cache(maxsize=256)
def _widest(bits: Bits, holds: tuple[Operand, ...]) -> float:
    """Return the bytes of one element of each operand that a memory holds."""
    widths = {Operand.W: bits.W, Operand.I: bits.I, Operand.O: max(bits.O, bits.partial)}
    return sum(widths[operand] for operand in holds) / 8
