"""From a network to the steps an accelerator runs: activations ride along, tensors live from writer to last reader."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from accelsim.dims import Operand
from accelsim.errors import InputError, Problem
from accelsim.workload.network import INPUT, Network, Node
from accelsim.workload.ops import OP_KINDS, Op

__all__ = ["Plan", "Step", "check_fuses", "plan"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing the accelerator does.

    Attributes:
        name: Name of the layer.
        op: The op.
        fused: Activations applied to its result on the way out.
        reads: Steps whose results it reads; -1 is the network's input.
        last_use: The last step that reads its result; one past the end for a result of the network.
    """

    name: str
    op: Op
    fused: tuple[Op, ...]
    reads: tuple[int, ...]
    last_use: int

    @property
    def label(self) -> str:
        """The op and its fused activations in words."""
        return " + ".join([self.op.label, *(op.label for op in self.fused)])

    @property
    def output_bytes(self) -> float:
        """Size of the result."""
        return self.op.bytes_of(Operand.O)

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
    readers: dict[str, int] = {}
    for node in network:
        for source in node.inputs:
            readers[source] = readers.get(source, 0) + 1
    groups: list[list[Node]] = []
    group_of: dict[str, int] = {INPUT: -1}
    for node in network:
        source = node.inputs[0]
        rides = node.op.kind in fuses and node.op.rule.activation and source != INPUT and readers[source] == 1
        if not rides:
            groups.append([])
        place = group_of[source] if rides else len(groups) - 1
        groups[place].append(node)
        group_of[node.name] = place
    reads = [tuple(group_of[source] for source in group[0].inputs) for group in groups]
    last_use = [len(groups)] * len(groups)
    for place, sources in enumerate(reads):
        for writer in sources:
            if writer >= 0:
                last_use[writer] = place
    steps = tuple(
        Step(group[0].name, group[0].op, tuple(node.op for node in group[1:]), sources, last)
        for group, sources, last in zip(groups, reads, last_use, strict=True)
    )
    return Plan(steps, _live(steps))


def _live(steps: tuple[Step, ...]) -> tuple[float, ...]:
    input_bytes = steps[0].op.bytes_of(Operand.I)
    input_last = max(place for place, step in enumerate(steps) if -1 in step.reads)
    live = []
    for place, step in enumerate(steps):
        waiting = sum(s.output_bytes for s in steps[:place] if s.last_use >= place)
        waiting += input_bytes if input_last >= place else 0.0
        ending = {source for source in step.reads if source >= 0 and steps[source].last_use == place}
        in_place = not step.op.macs and any(steps[source].op.output_shape == step.op.output_shape for source in ending)
        live.append(waiting + (0.0 if in_place else step.output_bytes))
    return tuple(live)
