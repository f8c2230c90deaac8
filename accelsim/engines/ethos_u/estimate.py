"""A layer on an Ethos-U: cycles of the NPU and of every memory, and the bytes each moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.engines.ethos_u.blocks import Blocks
from accelsim.engines.ethos_u.blocks85 import blocks_of
from accelsim.engines.ethos_u.compute import Parts, cycles_of
from accelsim.engines.ethos_u.layer import Layer
from accelsim.engines.ethos_u.machine import Npu, System
from accelsim.engines.ethos_u.staging import Staging, staging_of
from accelsim.engines.ethos_u.traffic import Moved, Places, moved_by
from accelsim.engines.ethos_u.weights import UNKNOWN, Spread

__all__ = ["ALONE", "Estimate", "Role", "chain", "estimate", "places_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Where a layer stands in its network.

    Attributes:
        first: Whether its input is the network's: stored channels last, in the feature-map memory.
        last: Whether its output is the network's.
        slack_cycles: Cycles of the layer before under which weights may come; ``None`` if there is none.
    """

    first: bool = True
    last: bool = True
    slack_cycles: int | None = None


#: A layer that is a network by itself.
ALONE = Role()


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a layer takes.

    Attributes:
        npu_cycles: Cycles of the NPU, weights waited for included.
        sram_cycles: Cycles of the on-chip memory.
        far_cycles: Cycles of the memory of the weights (flash, DRAM).
        sram_bytes: Bytes of the on-chip memory's bus.
        far_bytes: Bytes of the other memory's bus.
        block: The block taken.
        staging: What became of the weights; ``None`` where there are none.
        slack_cycles: Cycles under which the next layer's weights may come.
        parts: What the NPU's cycles are made of.
        moved: Bytes and elements of feature maps, and how often weights are read.
    """

    npu_cycles: int
    sram_cycles: int
    far_cycles: int
    sram_bytes: int
    far_bytes: int
    block: Blocks
    staging: Staging | None
    slack_cycles: int
    parts: Parts
    moved: Moved

    @property
    def multiply_cycles(self) -> float:
        """Cycles of the NPU in which its multipliers work on a block."""
        return float(self.parts.multiply[0] * self.parts.blocks[0])

    @property
    def cycles(self) -> int:
        """Cycles of the layer: of the slowest of all."""
        return max(self.npu_cycles, self.sram_cycles, self.far_cycles)


def places_of(system: System, role: Role) -> tuple[Places, Places]:
    """Return where a layer's maps lie when its weights are planned, and when it runs.

    Results between layers are moved on chip after the plan is made.
    """
    far, near = system.feature_maps, system.sram
    ifm_bricks, ofm_bricks = not role.first, not role.last
    planned = Places(ifm=far, ofm=far, ifm_bricks=ifm_bricks, ofm_bricks=ofm_bricks)
    ifm, ofm = far if role.first else near, far if role.last else near
    return planned, Places(ifm=ifm, ofm=ofm, ifm_bricks=ifm_bricks, ofm_bricks=ofm_bricks)


def estimate(
    layer: Layer,
    npu: Npu,
    system: System,
    role: Role = ALONE,
    spread: Spread = UNKNOWN,
    places: Places | None = None,
    *,
    staging_allowed: bool = True,
) -> Estimate:
    """Return what a layer takes with the block the compiler takes.

    Args:
        layer: The layer.
        npu: The machine.
        system: Its memories.
        role: Where the layer stands in its network.
        spread: How weights are distributed.
        places: Where its feature maps lie when it runs; by default where they do in such a network.
        staging_allowed: Whether weights may be moved on chip first.

    On a machine with a dedicated SRAM a network's inputs and outputs stay in DRAM; results in between lie in SRAM, but
    the block's staging is decided as if they did not, as the compiler does.

    Raises:
        NoMappingError: No block of the layer fits the machine.
    """
    block = blocks_of(layer, npu).pick()
    planned, usual = places_of(system, role)
    places = usual if places is None else places
    staging = None
    if layer.weighted:
        staging = staging_of(
            layer, npu, system, block, planned, spread=spread, slack=role.slack_cycles, produced=not role.first,
            allowed=staging_allowed,
        )  # fmt: skip
    staged = staging is not None and staging.staged
    scales = (system.sram if staged else system.weights) if layer.weighted else None
    parts = cycles_of(layer, npu, block, places, scales=scales)
    run = int(parts.total[0])
    slack = staging.slack_cycles if staging else int(cycles_of(layer, npu, block, planned).total[0])
    moved = moved_by(layer, npu, block, places)
    maps = _maps(layer, moved, system, places)
    busy = maps + _weights(moved, system, staging, busy=True)
    total = maps + _weights(moved, system, staging, busy=False)
    return Estimate(
        npu_cycles=_with_staging(run, slack, staging, role.slack_cycles or 0),
        sram_cycles=int(busy.near / system.sram.bytes_per_cycle),
        far_cycles=int(busy.far / system.weights.bytes_per_cycle),
        sram_bytes=total.near,
        far_bytes=total.far,
        block=block,
        staging=staging,
        slack_cycles=slack,
        parts=parts,
        moved=moved,
    )


def _with_staging(run: int, slack: int, staging: Staging | None, hidden: int) -> int:
    """Return the cycles of a layer; those of moving weights that the layer before does not hide are waited for."""
    if staging is None or not staging.staged:
        return run
    waited = max(staging.first_cycles - hidden, 0)
    return max(staging.all_cycles - hidden + slack, run + waited)


@dataclass(frozen=True, slots=True)
class _Bytes:
    """Bytes of the on-chip memory and of the other."""

    near: int
    far: int

    def __add__(self, other: _Bytes) -> _Bytes:
        return _Bytes(self.near + other.near, self.far + other.far)


def _maps(layer: Layer, moved: Moved, system: System, places: Places) -> _Bytes:
    """Return the bytes of feature maps."""
    flows = ((places.ifm, int(moved.ifm[0]) * layer.inputs), (places.ofm, int(moved.ofm[0])))
    near = sum(size for memory, size in flows if memory is system.sram)
    return _Bytes(near, sum(size for _, size in flows) - near)


def _weights(moved: Moved, system: System, staging: Staging | None, *, busy: bool) -> _Bytes:
    """Return the bytes of weights and scales.

    The compiler's cycles and its bytes differ for staged weights. ``busy``: what its cycles count - slices that come
    while the layer runs, and scales as if read from where they were. Otherwise what moves: all of it, once in and out.
    """
    if staging is None:
        return _Bytes(0, 0)
    reads, code = int(moved.weight_reads[0]), staging.code
    weights, scales = sum(code.weights), sum(code.scales)
    if not staging.staged:
        unmoved = (weights + scales) * reads
        return _Bytes(unmoved, 0) if system.weights is system.sram else _Bytes(0, unmoved)
    if not busy:
        return _Bytes(code.total + (weights + scales) * reads, code.total)
    return _Bytes(staging.under_way + weights * reads, staging.under_way + scales * reads)


def chain(
    layers: Sequence[Layer],
    npu: Npu,
    system: System,
    spread: Spread | Sequence[Spread] = UNKNOWN,
) -> list[Estimate]:
    """Return what the layers of a network take that run one after the other, the first and last at its ends.

    ``spread`` is how weights are distributed, of all layers or of each.
    """
    spreads = [spread] * len(layers) if isinstance(spread, Spread) else list(spread)
    found: list[Estimate] = []
    for place, layer in enumerate(layers):
        slack = found[-1].slack_cycles if found else None
        role = Role(first=place == 0, last=place == len(layers) - 1, slack_cycles=slack)
        found.append(estimate(layer, npu, system, role, spreads[place]))
    return found
