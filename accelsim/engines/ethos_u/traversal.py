"""All blocks of a layer at once: what each takes in cycles, bytes and room. Pure functions over numpy arrays."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from accelsim.dims import Operand
from accelsim.engines.ethos_u.blocks import Blocks, Integers
from accelsim.engines.ethos_u.blocks85 import blocks_of
from accelsim.engines.ethos_u.compute import cycles_of
from accelsim.engines.ethos_u.estimate import ALONE, Role, places_of
from accelsim.engines.ethos_u.layer import Layer
from accelsim.engines.ethos_u.machine import Memory, Npu, System
from accelsim.engines.ethos_u.staging import Staging, staging_of
from accelsim.engines.ethos_u.traffic import moved_by
from accelsim.engines.ethos_u.weights import UNKNOWN, Spread

__all__ = ["Place", "Traversal", "traverse"]


class Place(StrEnum):
    """Memories at the NPU's ports."""

    #: On chip.
    SRAM = "sram"
    #: Flash or DRAM: weights, and a network's input and output where the SRAM is the NPU's alone.
    FAR = "far"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traversal:
    """Blocks of a layer and what each takes; arrays are ``(n,)`` over blocks.

    Attributes:
        blocks: The blocks; ``blocks.chosen`` is the compiler's.
        cycles: Cycles of the NPU, without waiting for weights.
        waited: Cycles that it waits for weights to be moved on chip; of the compiler's choice, for all blocks.
        read: Bytes the bus reads, by memory and operand.
        written: Bytes the bus writes, by memory and operand.
        staging: What becomes of the weights.
    """

    blocks: Blocks
    cycles: Integers
    waited: int
    read: dict[tuple[Place, Operand], npt.NDArray[np.float64]]
    written: dict[tuple[Place, Operand], npt.NDArray[np.float64]]
    staging: Staging | None

    def bytes_of(self, place: Place) -> npt.NDArray[np.float64]:
        """Return the bytes read from and written to a memory."""
        parts = [part for table in (self.read, self.written) for (at, _), part in table.items() if at is place]
        return np.sum(parts, axis=0) if parts else np.zeros(len(self.cycles))


def traverse(
    layer: Layer,
    npu: Npu,
    system: System,
    role: Role = ALONE,
    spread: Spread = UNKNOWN,
) -> Traversal:
    """Return all blocks of a layer that fit, and what each takes.

    Raises:
        NoMappingError: No block of the layer fits the machine.
    """
    blocks = blocks_of(layer, npu)
    planned, places = places_of(system, role)
    staging = None
    if layer.weighted:
        staging = staging_of(
            layer, npu, system, blocks.pick(), planned, spread=spread, slack=role.slack_cycles, produced=not role.first
        )  # fmt: skip
    staged = staging is not None and staging.staged
    scales = (system.sram if staged else system.weights) if layer.weighted else None
    cycles = cycles_of(layer, npu, blocks, places, scales=scales).total
    moved = moved_by(layer, npu, blocks, places)
    read = {(_place(system, places.ifm), Operand.I): moved.ifm.astype(np.float64) * layer.inputs}
    written = {(_place(system, places.ofm), Operand.O): moved.ofm.astype(np.float64)}
    waited = 0
    if staging is not None:
        coded, home = float(staging.code.total), _place(system, system.weights)
        read[Place.SRAM if staged else home, Operand.W] = moved.weight_reads.astype(np.float64) * coded
        if staged:
            read[home, Operand.W] = np.full(len(cycles), coded)
            written[Place.SRAM, Operand.W] = np.full(len(cycles), coded)
            waited = max(staging.first_cycles - (role.slack_cycles or 0), 0)
    return Traversal(blocks=blocks, cycles=cycles, waited=waited, read=read, written=written, staging=staging)


def _place(system: System, memory: Memory) -> Place:
    return Place.SRAM if memory is system.sram else Place.FAR
