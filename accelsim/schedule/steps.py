"""From a network to the steps an accelerator runs."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from accelsim.dims import Dim, Operand
from accelsim.errors import InputError, NoMappingError, Problem
from accelsim.hardware.accelerator import Abilities, Host, Vector
from accelsim.mapping.nest import Ints
from accelsim.schedule.catalog import Catalog, catalog_of
from accelsim.schedule.planner import Planned, nodes_of, plan_steps
from accelsim.schedule.share import share_of
from accelsim.schedule.support import REASONS
from accelsim.schedule.table import Steps, StepTable
from accelsim.workload.network import Network
from accelsim.workload.ops import Op

__all__ = ["Plan", "Read", "Step", "plan", "planned", "with_work"]


class Read(NamedTuple):
    """A tensor, or a part of one, that a step reads.

    Attributes:
        writer: The step that wrote it; -1 for an input of the network.
        bytes: What is fetched of it.
        operand: ``W`` for the second of two activations that are multiplied, else ``I``.
    """

    writer: int
    bytes: float
    operand: Operand = Operand.I


@dataclass(frozen=True, slots=True)
class Step:
    """One thing the accelerator does.

    Attributes:
        name: Name of the layer.
        op: The op.
        fused: Activations applied to its result on the way out, or to what it reads on the way in.
        reads: What it reads; of a product of two activations, the second stands in for weights.
        last_use: The last step that reads its result; one past the end for a result of the network.
        streamed: Whether its result goes to the next step a piece at a time and is never stored whole.
        reason: Code of the reason (a key of ``REASONS``) for which it runs on the host; ``None`` if it does not.
        on_array: Whether it runs on the array: made of MACs, or taken by an engine that cuts ops into blocks.
    """

    name: str
    op: Op
    fused: tuple[Op, ...]
    reads: tuple[Read, ...]
    last_use: int
    streamed: bool = False
    reason: str | None = None
    on_array: bool = False

    @property
    def label(self) -> str:
        """The op and its fused activations in words."""
        return " + ".join([self.op.label, *(op.label for op in self.fused)])

    @property
    def output_bytes(self) -> float:
        """Size of the result."""
        return self.op.bytes_of(Operand.O)

    @property
    def held_bytes(self) -> float:
        """Room that the result takes: of a streamed one, a row for one query of one head."""
        if not self.streamed:
            return self.output_bytes
        return self.op.size(Dim.K) * self.op.bits.O / 8

    @property
    def parameters(self) -> int:
        """Learned values of the op and its fused activations."""
        return sum(op.parameters for op in (self.op, *self.fused))

    @property
    def fused_work(self) -> float:
        """Vector operations of the fused activations."""
        return sum(op.vector_ops for op in self.fused)

    @property
    def streamed_ops(self) -> tuple[Op, ...]:
        """What of it the vector unit does: all of it, or on the array the fused activations alone."""
        return tuple(op for op in (*(() if self.on_array else (self.op,)), *self.fused) if op.vector_ops)

    def vector_cycles(self, vector: Vector) -> float:
        """Return the cycles of its operations on the vector unit of one design."""
        return sum(op.vector_ops / float(vector.pace(op.kind)[0]) for op in self.streamed_ops)

    def host_cycles(self, host: Host) -> float:
        """Return the cycles of its work on the host of one design."""
        work = (self.op.vector_ops + self.fused_work) / float(host.lanes[0])
        return work + self.op.macs / float(host.macs_per_cycle[0])


class Plan:
    """The steps of a network, and the activation memory they need if nothing is spilled.

    Args:
        network: The network.
        catalog: Its ops by number.
        runs_on: Shape ``(nodes,)``: on which part of a chip each node runs; the first if not given.

    Attributes:
        network: The network.
        table: The steps as arrays.
        places: Places of the steps that the accelerator runs: all of them, but for a share of a chip's part.
        array_macs: Multiply-accumulates on the array.

    Raises:
        InputError: The hardware cannot run an op, and has no host that could.
    """

    def __init__(self, network: Network, catalog: Catalog, runs_on: Ints | None = None) -> None:
        self.network = network
        nodes = nodes_of([network], catalog)
        nodes = nodes if runs_on is None else nodes._replace(op=nodes.op + runs_on)
        self._planned: Planned = plan_steps(nodes, catalog.records)
        self._roles = [catalog.roles[part] for part in self._planned.part]
        self._reasons = [catalog.reasons[part] for part in self._planned.part]
        enters = self._planned.enters.any()
        self._asked = [catalog.asked(part) for part in self._planned.part] if enters else []
        self._ops = [catalog.plain[number] for number in catalog.records.plain[self._planned.part]]
        self.table = self._table(self._planned.steps)
        self.places: Sequence[int] = range(len(self._ops))
        self.array_macs = float(self._planned.array_macs[0])
        hosts = np.array([one.host for one in catalog.abilities])
        if np.any(self._planned.steps.away & ~hosts[self._planned.runs_on]):
            raise InputError(_refused(network.name, self.steps))

    def _table(self, steps: Steps) -> StepTable:
        places = np.flatnonzero(steps.on_array)
        numbers: dict[Op, int] = {}
        op = [numbers.setdefault(self._ops[place], len(numbers)) for place in places]
        return StepTable(steps, tuple(numbers), np.array(op, dtype=np.int64), places)

    def share(self, part: int) -> Plan:
        """Return what a part of the chip has to do: the same steps, of which those of others are nothing to it."""
        found = copy(self)
        found.table = self._table(share_of(self._planned, part))
        found.places = np.flatnonzero(self._planned.runs_on == part).tolist()
        found.array_macs = float(sum(found.table.ops[number].macs for number in found.table.op))
        return found

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The steps in the order they run."""
        steps, nodes = self._planned.steps, self.network.nodes
        fused = self._entering()
        for node, place in zip(nodes, self._planned.rides_on.tolist(), strict=True):
            if place >= 0:
                fused[place].append(node.op)
        operands = [Operand.W if second else Operand.I for second in steps.second]
        reads = list(map(Read, steps.writer.tolist(), steps.read.tolist(), operands))
        first, last, streamed = steps.first_read.tolist(), steps.last_use.tolist(), steps.streamed.tolist()
        on_array = steps.on_array.tolist()
        names = [nodes[node].name for node in self._planned.node]
        return tuple(
            Step(
                names[place] if role is None else f"{names[place]}.{role}",
                op,
                tuple(fused[place]),
                tuple(reads[first[place] : first[place + 1]]),
                last[place],
                streamed[place],
                reason,
                on_array[place],
            )
            for place, (role, op, reason) in enumerate(zip(self._roles, self._ops, self._reasons, strict=True))
        )

    def _entering(self) -> list[list[Op]]:
        """Return for each step the activations applied to what it reads."""
        found: list[list[Op]] = [[] for _ in self._ops]
        nodes = self.network.nodes
        entering = {node.name: node for node, enters in zip(nodes, self._planned.enters, strict=True) if enters}
        for place, asked in enumerate(self._asked):
            for source in asked:
                name = nodes[self._planned.node[place]].inputs[source]
                while name in entering:
                    found[place].append(entering[name].op)
                    name = entering[name].inputs[0]
        return found

    @cached_property
    def live_bytes(self) -> tuple[float, ...]:
        """For each step, bytes of activations alive while it runs: what it reads and writes, and what waits to be read.

        An element-wise op writes over an input that nothing else will read.
        """
        return tuple(self._planned.live.tolist())

    @property
    def peak_bytes(self) -> float:
        """Most bytes alive at once."""
        return float(self._planned.peak[0])


def _refused(network: str, steps: tuple[Step, ...]) -> list[Problem]:
    """Return what hardware without a host cannot run, alike ops named once."""
    layers: dict[tuple[str, str], list[str]] = {}
    for step in steps:
        if step.reason is not None:
            words = f"{step.op.label}, bits {step.op.bits}" if step.reason == "bits" else step.op.label
            layers.setdefault((step.reason, words), []).append(step.name)
    return [
        Problem(
            field=f"{network}.{names[0]}",
            message=f"{REASONS[reason]} ({reason}), and the template has no host that could"
            + (f"; so it is with {len(names) - 1} more layers" if len(names) > 1 else ""),
            got=words,
        )
        for (reason, words), names in layers.items()
    ]


@lru_cache(maxsize=1024)
def plan(network: Network, abilities: Abilities) -> Plan:
    """Return the steps of ``network`` on hardware that can do ``abilities`` with ops.

    Raises:
        InputError: It names a kind of op that there is not, or cannot run an op and has no host.
    """
    return Plan(network, catalog_of(abilities))


def planned(network: Network, abilities: Abilities) -> Plan:
    """Return the steps of a network that the array has something to do for.

    Raises:
        InputError: No layer is made of MACs that the array can do, ``abilities`` names a kind of op that there is not,
            or the hardware cannot run an op and has no host.
        NoMappingError: The engine, as it is set up, can do none of the layers made of MACs.
    """
    return with_work(plan(network, abilities))


def with_work(steps: Plan) -> Plan:
    """Return a plan that arrays have something to do for.

    Raises:
        InputError: No layer is made of MACs that an array can do.
        NoMappingError: No engine, as it is set up, can do a layer made of MACs.
    """
    network = steps.network
    if not steps.table.steps.macs.any():
        message = "no layer is made of multiply-accumulates, so the array has nothing to do"
        if network.macs:
            reasons = sorted({step.reason for step in steps.steps if step.op.macs and step.reason is not None})
            message = f"every layer made of multiply-accumulates runs on the host ({', '.join(reasons)})"
            if "engine" in reasons:
                raise NoMappingError(f"{network.name}: {message}")
        raise InputError(Problem(field=network.name, message=message))
    return steps
