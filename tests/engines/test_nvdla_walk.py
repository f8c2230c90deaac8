"""NVDLA's closed forms against a walk that runs every strip, kernel group, tap and stripe one after the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from accelsim.engines.nvdla import MODES, PRESETS, Blocks, Nvdla, Shape, shape_of, traverse
from accelsim.workload.ops import Op, make
from accelsim.workload.ops.op import loops

TINY = Nvdla(
    atomic_c=16,
    atomic_k=4,
    banks=8,
    bank_bytes=256,
    memory_atom_bytes=8,
    weight_load_cycles=4,
    winograd=True,
    images=2,
    sixteen_bit=True,
)
OPS = [
    make.convolution((1, 8, 9, 7), 10, (3, 3)),
    make.convolution((3, 8, 9, 7), 10, (3, 3)),
    make.convolution((1, 20, 8, 5), 6, (1, 1), stride=(2, 2)),
    make.convolution((1, 6, 11, 6), 5, (3, 2), stride=(2, 1), padding=(1, 0)),
    make.convolution((1, 5, 12, 6), 8, (3, 1), dilation=(2, 1), padding=(2, 0)),
    make.convolution((2, 12, 7, 7), 12, (3, 3), groups=3),
    make.convolution((1, 6, 6, 6), 6, (3, 3), groups=6),
    Op("fully_connected", loops(B=5, K=11, C=40)),
    Op("fully_connected", loops(K=9, C=20, OX=7)),
]


@dataclass
class Tally:
    """What a walk has counted."""

    cycles: int = 0
    weights: int = 0
    inputs: int = 0
    outputs: int = 0


def dealt(total: int, step: int) -> Iterator[range]:
    """Yield a total in steps, the last one partial."""
    for first in range(0, total, step):
        yield range(first, min(first + step, total))


def rows_seen(shape: Shape, rows: range) -> set[int]:
    """Return the input rows that output rows see, found tap by tap; padding is not stored, so not fetched."""
    seen = {
        row * shape.stride[0] - shape.padding + tap * shape.dilation[0]
        for row in rows
        for tap in range(shape.filter_rows)
    }
    first, last = max(0, min(seen)), min(shape.height - 1, max(seen))
    return set(range(first, last + 1))


class Walker:
    """A core that runs direct convolutions literally, with a buffer that knows what is in it."""

    def __init__(self, op: Op, machine: Nvdla, blocks: Blocks, place: int) -> None:
        self.op, self.machine, self.shape, self.tally = op, machine, shape_of(op, machine), Tally()
        self.strip, self.images = int(blocks.rows[place]), int(blocks.images[place])
        self.kernels = int(blocks.kernels[place])
        self.group = machine.kernels_at_once(self.shape.bits)

    def fetch_strip(self, images: range, rows: range) -> None:
        """Fetch the input of a strip: one group's share of every memory atom of channels."""
        line = -(-self.shape.channels * self.shape.groups // self.machine.memory_atom_bytes)
        line *= self.machine.memory_atom_bytes * self.shape.width
        self.tally.inputs += len(images) * len(rows_seen(self.shape, rows)) * line

    def fetch_weights(self, kernels: range) -> None:
        """Fetch the weights of some kernels of a group."""
        taps = self.shape.filter_rows * self.shape.filter_columns
        self.tally.weights += len(kernels) * self.shape.channels * taps

    def compute(self, images: range, rows: range, kernels: range) -> None:
        """Run a strip: kernel groups, channel atoms, taps; a stripe for each, over all its outputs."""
        stripe = max(len(images) * len(rows) * self.shape.columns, self.machine.weight_load_cycles)
        for group in dealt(len(kernels), self.group):
            for _ in dealt(self.shape.channels, self.machine.atomic_c):
                for _ in itertools.product(range(self.shape.filter_rows), range(self.shape.filter_columns)):
                    self.tally.cycles += stripe
            self.tally.outputs += len(images) * len(rows) * self.shape.columns * len(group)

    def strips(self) -> list[tuple[range, range]]:
        """Return images and output rows of every strip."""
        return list(itertools.product(dealt(self.shape.images, self.images), dealt(self.shape.rows, self.strip)))

    def kernels_stay(self) -> Tally:
        """Run with the kernels outside: each share sees all strips; one strip alone is fetched only once."""
        held: tuple[range, range] | None = None
        for number in range(self.shape.groups):
            for kernels in dealt(self.shape.kernels, self.kernels):
                self.fetch_weights(kernels)
                for strip in self.strips():
                    # A fetch brings the channels of all groups, so only the first group's is counted.
                    if strip != held and number == 0:
                        self.fetch_strip(*strip)
                    held = strip
                    self.compute(*strip, kernels)
        return self.tally

    def strips_stay(self) -> Tally:
        """Run with the strips outside: each sees all kernels, group by group."""
        for number in range(self.shape.groups):
            for strip in self.strips():
                if number == 0:
                    self.fetch_strip(*strip)
                for kernels in dealt(self.shape.kernels, self.kernels):
                    self.fetch_weights(kernels)
                    self.compute(*strip, kernels)
        return self.tally


def figures(blocks: Blocks, place: int) -> tuple[float, float, float, float]:
    """Return the closed form's cycles and bytes of a candidate."""
    found = blocks.mac_cycles, blocks.weight_bytes, blocks.input_bytes, blocks.output_bytes
    cycles, weights, inputs, outputs = (float(values[place]) for values in found)
    return cycles, weights, inputs, outputs


def walked(tally: Tally) -> tuple[float, float, float, float]:
    """Return the same of a walk."""
    return tally.cycles, tally.weights, tally.inputs, tally.outputs


@pytest.mark.parametrize("op", OPS, ids=lambda op: f"{op.label}{op.sizes}")
@pytest.mark.parametrize("machine", [TINY, replace(TINY, banks=64), replace(TINY, images=1, atomic_c=32)])
def test_every_cut_is_one_of_the_two_walks(machine: Nvdla, op: Op) -> None:
    blocks = traverse(op, machine)
    if blocks.sum_bytes.any():
        pytest.skip("channels are cut, which the walk does not do")
    compared = 0
    for place in range(len(blocks)):
        if MODES[blocks.mode[place]] != "direct":
            continue
        stay = walked(Walker(op, machine, blocks, place).kernels_stay())
        come = walked(Walker(op, machine, blocks, place).strips_stay())
        assert figures(blocks, place) in (stay, come)
        assert stay[0] == come[0]
        compared += 1
    assert compared


@pytest.mark.parametrize("op", OPS, ids=lambda op: f"{op.label}{op.sizes}")
def test_the_cut_that_moves_least_is_the_least_of_all_walks(op: Op) -> None:
    machine = replace(TINY, banks=16)
    blocks = traverse(op, machine)
    assert not blocks.sum_bytes.any()
    direct = [place for place in range(len(blocks)) if MODES[blocks.mode[place]] == "direct"]
    found = min(figures(blocks, place)[1] + figures(blocks, place)[2] for place in direct)
    walks = []
    for place in direct:
        for tally in (
            Walker(op, machine, blocks, place).kernels_stay(),
            Walker(op, machine, blocks, place).strips_stay(),
        ):
            walks.append(tally.weights + tally.inputs)
    assert found == pytest.approx(min(walks))


@pytest.mark.parametrize("name", PRESETS)
def test_a_real_layer_on_every_preset(name: str) -> None:
    op, machine = make.convolution((1, 96, 27, 27), 128, (5, 5), groups=2), PRESETS[name]
    blocks = traverse(op, machine)
    for place in range(0, len(blocks), max(1, len(blocks) // 7)):
        walks = Walker(op, machine, blocks, place).kernels_stay(), Walker(op, machine, blocks, place).strips_stay()
        assert figures(blocks, place) in [walked(tally) for tally in walks]
