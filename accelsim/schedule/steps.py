"""From a network to the steps an accelerator runs: activations ride along, tensors live from writer to last reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from accelsim.dims import Dim, Operand
from accelsim.errors import InputError, Problem
from accelsim.workload.network import Network, Node
from accelsim.workload.ops import OP_KINDS, Op

__all__ = ["Plan", "Step", "check_fuses", "plan"]


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
        fused: Activations applied to its result on the way out.
        reads: What it reads; of a product of two activations, the second stands in for weights.
        last_use: The last step that reads its result; one past the end for a result of the network.
        streamed: Whether its result goes to the next step a piece at a time and is never stored whole.
    """

    name: str
    op: Op
    fused: tuple[Op, ...]
    reads: tuple[Read, ...]
    last_use: int
    streamed: bool = False

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


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a network, and the activation memory they need if nothing is spilled.

    Attributes:
        steps: In the order they run.
        live_bytes: For each step, bytes of activations alive while it runs: what it reads and writes, and what waits
            for a later reader. An element-wise op writes over an input that nothing else will read.
    """

    steps: tuple[Step, ...]
    live_bytes: tuple[float, ...]

    @property
    def peak_bytes(self) -> float:
        """Most bytes alive at once."""
        return max(self.live_bytes)


def check_fuses(fuses: tuple[str, ...], field: str) -> None:
    """Refuse what hardware cannot apply in passing; a template alone does not know which activations there are.

    Raises:
        InputError: A word of ``fuses`` is no activation; ``field`` says where it stands.
    """
    activations = [name for name in OP_KINDS if OP_KINDS[name].activation]
    problems = [
        Problem.unknown(f"{field}[{place}]", name, activations, "unknown activation")
        for place, name in enumerate(fuses)
        if name not in activations
    ]
    if problems:
        raise InputError(problems)


@lru_cache(maxsize=1024)
def plan(network: Network, fuses: tuple[str, ...]) -> Plan:
    """Return the steps of ``network`` on hardware that applies the activations ``fuses`` in passing.

    Raises:
        InputError: A word of ``fuses`` is no activation.
    """
    check_fuses(fuses, "vector.fuses")
    planner = _Planner(network, fuses)
    for node in network.nodes:
        planner.add(node)
    steps = planner.finished()
    return Plan(steps, _live(steps, planner.inputs))


class _Draft:
    """A step in the making."""

    __slots__ = ("fused", "name", "op", "output_bytes", "reads", "streamed")

    def __init__(self, name: str, op: Op, reads: list[Read], streamed: bool = False) -> None:
        self.name, self.op, self.reads, self.streamed = name, op, reads, streamed
        self.fused: list[Op] = []
        self.output_bytes = op.bytes_of(Operand.O)


class _Planner:
    """Collects steps: activations ride along with what they follow, and an op of several parts is a step for each."""

    def __init__(self, network: Network, fuses: tuple[str, ...]) -> None:
        self._fuses = fuses
        self._outputs = network.outputs or ()
        self._readers = Counter([source for node in network.nodes for source in node.inputs])
        self._readers.update(self._outputs)
        self._steps: list[_Draft] = []
        #: Name of a tensor -> the steps that write it.
        self._writers: dict[str, tuple[int, ...]] = dict.fromkeys(network.inputs, (-1,))
        #: Bytes of each input of the network, and the last step that reads it.
        self.inputs: dict[str, tuple[float, int]] = {}

    def add(self, node: Node) -> None:
        """Add a node."""
        op = node.op
        if op.kind in self._fuses and op.rule.activation:
            writers = self._writers.get(node.inputs[0], (-1,))
            if writers != (-1,) and len(writers) == 1 and self._readers[node.inputs[0]] == 1:
                self._steps[writers[0]].fused.append(op)
                self._writers[node.name] = writers
                return
        lower = op.rule.lower
        start = len(self._steps)
        if lower is None:
            reads = [
                read
                for source, found in zip(node.inputs, _fetched(op), strict=True)
                for read in self._reads(source, *found)
            ]
            self._steps.append(_Draft(node.name, op, reads))
            self._writers[node.name] = (start,)
            return
        parts = lower(op)
        for part in parts:
            before, reads = len(self._steps) - 1, []
            for source, found in zip(part.reads, _fetched(part.op), strict=True):
                reads += [Read(before, *found)] if source < 0 else self._reads(node.inputs[source], *found)
            self._steps.append(_Draft(f"{node.name}.{part.role}", part.op, reads, part.streamed))
        chained = any(-1 in part.reads for part in parts)
        self._writers[node.name] = tuple(range(len(self._steps) - 1 if chained else start, len(self._steps)))

    def _reads(self, source: str, size: float, operand: Operand) -> list[Read]:
        """Return the reads of a tensor: of each step that wrote a part of it, in proportion."""
        writers = self._writers[source]
        if len(writers) == 1:
            if writers[0] < 0:
                known = self.inputs.get(source, (0.0, 0))[0]
                self.inputs[source] = (max(known, size), len(self._steps))
            return [Read(writers[0], size, operand)]
        whole = sum(self._steps[writer].output_bytes for writer in writers)
        return [Read(writer, size * self._steps[writer].output_bytes / whole, operand) for writer in writers]

    def finished(self) -> tuple[Step, ...]:
        """Return the steps, each with its last reader."""
        last = [len(self._steps)] * len(self._steps)
        for place, step in enumerate(self._steps):
            for read in step.reads:
                if read.writer >= 0:
                    last[read.writer] = place
        for name in self._outputs:
            for writer in self._writers[name]:
                last[writer] = len(self._steps)
        return tuple(
            [
                Step(step.name, step.op, tuple(step.fused), tuple(step.reads), end, step.streamed)
                for step, end in zip(self._steps, last, strict=True)
            ]
        )


@lru_cache(maxsize=16384)
def _fetched(op: Op) -> tuple[tuple[float, Operand], ...]:
    """Return the bytes fetched of each input, and as which operand."""
    operands = [Operand.I] * len(op.fetched)
    if op.rule.dynamic:
        operands[1] = Operand.W
    return tuple(
        (elements * getattr(op.bits, operand) / 8, operand)
        for elements, operand in zip(op.fetched, operands, strict=True)
    )


def _live(steps: tuple[Step, ...], inputs: Mapping[str, tuple[float, int]]) -> tuple[float, ...]:
    """Return the bytes alive while each step runs."""
    held = [step.held_bytes for step in steps]
    #: What is no longer alive from a step on.
    ended = [0.0] * (len(steps) + 2)
    waiting = 0.0
    for size, last in inputs.values():
        waiting += size
        ended[last + 1] += size
    live = []
    for place, step in enumerate(steps):
        waiting -= ended[place]
        in_place = not step.op.macs and any(
            read.writer >= 0
            and steps[read.writer].last_use == place
            and steps[read.writer].output_bytes == step.output_bytes
            for read in step.reads
        )
        live.append(waiting if in_place else waiting + held[place])
        waiting += held[place]
        ended[step.last_use + 1] += held[place]
    return tuple(live)
