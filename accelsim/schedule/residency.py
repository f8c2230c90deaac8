"""Which tensors stay on chip between layers, and which weights between inferences, on every design of a batch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compiled import borrowing, compiled
from accelsim.cost.prices import prices
from accelsim.dims import OPERANDS, Operand
from accelsim.hardware.accelerator import Accelerator
from accelsim.mapping.nest import Ints
from accelsim.schedule.stripes import Charges, choose_stripes
from accelsim.schedule.table import Steps

__all__ = ["Residency", "Stay", "stay"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Stay:
    """What stays on chip; arrays of shape ``(steps, designs)``.

    Attributes:
        weights: Whether a step's weights stay from one inference to the next; of a product of two activations, whether
            the second stays on chip.
        inputs: Whether everything a step reads stays on chip.
        outputs: Whether a step's result stays until its last reader is done, whole or in stripes.
        entered: Whether the inputs of the network that a step reads lie on chip.
        ends: Shape ``(steps,)``: 8 if a step reads an input of its network, and 16 more if it makes a result of it.
        stripes: In how many stripes of rows a step runs, with those before and behind it that run in as many; 1 where
            it runs by itself.
        used_bytes: Shape ``(memories, steps, designs)``: bytes that such tensors take while a step runs.
        weight_level: Place of the memory that keeps weights (or such an activation), ``None`` if none does.
        activation_level: Place of the memory that keeps results, ``None`` if none does.
    """

    weights: Flags
    inputs: Flags
    outputs: Flags
    entered: Flags
    ends: Ints
    stripes: Ints
    used_bytes: Floats
    weight_level: int | None
    activation_level: int | None

    def kept(self, places: Ints) -> Ints:
        """Return 1, 2 and 4 for the ``W``, ``I`` and ``O`` of some steps that stay on chip, and ``ends``, added."""
        stays = self.weights[places] + 2 * self.inputs[places] + 4 * self.outputs[places].astype(np.int64)
        return np.asarray(stays + self.ends[places, None])

    @property
    def in_stripes(self) -> bool:
        """Whether any step runs in stripes on any design."""
        return bool(np.any(self.stripes > 1))

    def where(self, other: Flags, instead: Stay) -> Stay:
        """Return what stays as ``instead`` has it for ``other`` steps and designs, and as it is here for all else."""
        names = ("weights", "inputs", "outputs", "entered", "stripes", "used_bytes")
        return replace(self, **{name: np.where(other, getattr(instead, name), getattr(self, name)) for name in names})

    def on_chip(self, writer: int, reader: int, design: int) -> bool:
        """Return whether a step reads what ``writer`` wrote on chip; -1 wrote the inputs of the network."""
        return bool(self.outputs[writer, design] if writer >= 0 else self.entered[reader, design])

    @property
    def levels(self) -> tuple[int, int, int]:
        """Places of the memories that keep ``W I O``; -1 where none does."""
        weights, results = (-1 if level is None else level for level in (self.weight_level, self.activation_level))
        return weights, results, results


class _Keeper(NamedTuple):
    """A memory that keeps whole tensors, on all designs.

    Attributes:
        level: Its place; -1 if there is no such memory.
        share: Shape ``(designs,)``: bytes that whole tensors may take.
        size: Shape ``(designs,)``: its size in bytes.
        copies: Copies of a tile that it holds.
        holds: Shape ``(3,)``: whether it holds ``W I O``.
        ends: Whether inputs and results of the network stay too.
    """

    level: int
    share: Floats
    size: Floats
    copies: int
    holds: Flags
    ends: bool


class Residency:
    """Decides what stays on chip on the designs of a batch.

    Args:
        accelerator: The designs.
    """

    def __init__(self, accelerator: Accelerator) -> None:
        self._designs, self._memories = len(accelerator), len(accelerator.memories)
        level, weight_level = _keeping(accelerator, Operand.I, Operand.O), _keeping(accelerator, Operand.W)
        self._caches = weight_level is not None
        if level is not None and weight_level is None and Operand.W in accelerator.memories[level].holds:
            weight_level = level  # for the second of two activations that are multiplied
        self._level, self._weight_level = level, weight_level
        self._results, self._weights = _keeper(accelerator, level), _keeper(accelerator, weight_level)
        self._charges = _charges(accelerator, level, weight_level)

    def stay(self, steps: Steps, *, stripes: bool = True) -> Stay:
        """Return what stays on chip of the results and weights of ``steps``.

        Args:
            steps: The steps.
            stripes: Whether layers may be worked on in stripes, where a memory says so.
        """
        shape = (len(steps.held), self._designs)
        used = np.zeros((self._memories, *shape))
        flags, ends = np.zeros((4, *shape), dtype=np.bool_), np.zeros(shape[0], dtype=np.int64)
        cut = np.ones(shape, dtype=np.int64)
        tiles = np.zeros(len(steps.starts) - 1)
        _fill(steps, self._results, self._weights, self._caches, used, flags, ends, tiles)
        if stripes and self._charges is not None and self._level is not None:
            choose_stripes(steps, self._charges, tiles, used[self._level], flags, cut)
        _find_inputs(steps, self._weights.level == self._results.level, flags)
        return Stay(flags[0], flags[1], flags[2], flags[3], ends, cut, used, self._weight_level, self._level)


def stay(steps: Steps, accelerator: Accelerator, *, stripes: bool = True) -> Stay:
    """Return what stays on chip: results first, in the order they are written, then weights, in the order of layers.

    A tensor stays if it fits for its whole life beside those already chosen, within the memory's ``keep_share`` and
    leaving room for the smallest tiles. The network's input comes from outside and its result goes there, unless the
    memory keeps those ends of the network too; so does what the host makes, what another part of the chip reads, and a
    result that is multiplied as if it were weights, if these come from another memory.

    Then, where the memory works in stripes, chains of layers are found whose maps do not stay; what stays besides is as
    it was, but for maps inside a chain, which are in stripes too (``accelsim.schedule.stripes``).
    """
    return Residency(accelerator).stay(steps, stripes=stripes)


def _keeping(accelerator: Accelerator, *operands: Operand) -> int | None:
    """Return the place of the outermost memory that keeps whole tensors of ``operands``."""
    places = (i for i, memory in enumerate(accelerator.memories) if set(operands) <= set(memory.keeps))
    return next(places, None)


def _keeper(accelerator: Accelerator, level: int | None) -> _Keeper:
    if level is None:
        return _Keeper(
            -1, np.zeros(len(accelerator)), np.zeros(len(accelerator)), 1, np.zeros(3, dtype=np.bool_), False
        )
    memory = accelerator.memories[level]
    holds = np.array([operand in memory.holds for operand in OPERANDS])
    size = np.full(len(accelerator), np.inf) if memory.size_bytes is None else memory.size_bytes
    share = size if memory.size_bytes is None else memory.keep_share * size
    return _Keeper(level, share, size, 2 if memory.double_buffered else 1, holds, memory.keeps_ends)


def _charges(accelerator: Accelerator, level: int | None, weight_level: int | None) -> Charges | None:
    """Return what decides on stripes; ``None`` if the memory at ``level`` does not work in them."""
    memory = None if level is None else accelerator.memories[level]
    if memory is None or memory.size_bytes is None or not memory.stripes:
        return None
    count, parts = len(accelerator), memory.divided
    charged = prices(accelerator, np.zeros(count))
    both, read, write = charged.cycles_per_byte.swapaxes(0, 1)
    fetched = np.maximum(both, read)
    ones = np.ones(count)
    return Charges(
        memory.keep_share * memory.size_bytes,
        memory.size_bytes,
        ones if parts is None else parts.rows,
        ones if parts is None else parts.columns,
        np.zeros(count) if parts is None else 1 / parts.bytes_per_cycle,
        fetched[0],
        np.maximum(both, write)[0],
        fetched[[0, weight_level or 0]],
        charged.dispatch,
    )


@borrowing
def _least(steps: Steps, first: int, end: int, keeper: _Keeper) -> float:
    """Return the bytes of tiles of one element, of the widest step made of MACs."""
    least = 0.0
    for place in range(first, end):
        if steps.macs[place]:
            bits, wide = steps.bits[place], 0.0
            wide += bits[0] if keeper.holds[0] else 0.0
            wide += bits[1] if keeper.holds[1] else 0.0
            wide += max(bits[2], bits[3]) if keeper.holds[2] else 0.0
            least = max(least, wide)
    return keeper.copies * least / 8


@compiled
def _fill(
    steps: Steps,
    results: _Keeper,
    weights: _Keeper,
    caches: bool,
    used: Floats,
    flags: Flags,
    ends: Ints,
    tiles: Floats,
) -> None:
    """Fill ``flags``, the bytes taken in the memories, which steps stand at the ends, and the room of least tiles."""
    same = weights.level == results.level
    for network in range(len(steps.starts) - 1):
        first, end = steps.starts[network], steps.starts[network + 1]
        room, weight_room = _least(steps, first, end, results), _least(steps, first, end, weights)
        tiles[network] = room
        _find_ends(steps, first, end, ends)
        for design in range(flags.shape[2]):
            if results.level >= 0:
                # Never so much that tiles of one element have no room.
                budget = min(results.share[design], results.size[design] - room)
                if results.ends:
                    _keep_inputs(steps, first, end, design, budget, used[results.level], flags)
                _keep_results(steps, first, end, design, budget, used[results.level], same, results.ends, flags)
            if caches:
                budget = min(weights.share[design], weights.size[design] - weight_room)
                _keep_weights(steps, first, end, design, budget, used[weights.level], flags)


@compiled
def _find_inputs(steps: Steps, same: bool, flags: Flags) -> None:
    """Find the steps of which everything read stays, and second activations that stay in the place of weights."""
    for place in range(flags.shape[1]):
        for design in range(flags.shape[2]):
            inputs = True
            for read in range(steps.first_read[place], steps.first_read[place + 1]):
                writer = steps.writer[read]
                on_chip = flags[2, writer, design] if writer >= 0 else flags[3, place, design]
                if not steps.second[read]:
                    inputs = inputs and on_chip
                elif same:
                    flags[0, place, design] = on_chip
            flags[1, place, design] = inputs


@borrowing
def _find_ends(steps: Steps, first: int, end: int, ends: Ints) -> None:
    for place in range(first, end):
        if steps.last_use[place] >= end:
            ends[place] += 16
        for read in range(steps.first_read[place], steps.first_read[place + 1]):
            if steps.writer[read] < 0 and not steps.second[read]:
                ends[place] += 8
                break


@borrowing
def _keep_inputs(steps: Steps, first: int, end: int, design: int, budget: float, used: Floats, flags: Flags) -> None:
    """Keep what steps read of the network's inputs from the first step on, if all of it fits.

    An input that several steps read counts for each of them.
    """
    waiting = 0.0
    for back in range(end - first):
        place = end - 1 - back
        for read in range(steps.first_read[place], steps.first_read[place + 1]):
            if steps.writer[read] < 0:
                waiting += steps.read[read]
        used[place, design] += waiting
    if used[first, design] > budget:
        used[first:end, design] = 0.0
    else:
        flags[3, first:end, design] = True


@borrowing
def _keep_results(
    steps: Steps,
    first: int,
    end: int,
    design: int,
    budget: float,
    used: Floats,
    same: bool,
    ends: bool,
    flags: Flags,
) -> None:
    for place in range(first, end):
        last = steps.last_use[place]
        if last >= end and ends:
            last = end - 1
        # Where weights come from another memory, a result that stands in for them has to go out and come in again.
        if last >= end or steps.away[place] or steps.shared[place] or (steps.multiplied[place] and not same):
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


@borrowing
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
