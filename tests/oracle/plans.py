"""Steps of a network worked out one tensor at a time, by name, and networks of every kind of step to hold them against.

Slow and literal: who reads a tensor is looked for among all nodes, and what is alive is looked for at every step.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

from accelsim.dims import Dim, Operand
from accelsim.workload.builder import Builder, Tensor
from accelsim.workload.network import INPUT, Network
from accelsim.workload.ops import Bits, Op, deformable, elementwise

__all__ = ["LiteralStep", "graphs", "literal_live", "literal_steps"]

OUTSIDE = -1


@dataclass
class LiteralStep:
    """A step: its name and op, activations that ride on it, and ``(writer, bytes, operand)`` for what it reads."""

    name: str
    op: Op
    streamed: bool = False
    fused: list[Op] = field(default_factory=list)
    reads: list[tuple[int, float, Operand]] = field(default_factory=list)
    inputs: list[tuple[str, float]] = field(default_factory=list)

    @property
    def written(self) -> float:
        """Bytes of the result."""
        return self.op.output_elements * self.op.bits.O / 8

    @property
    def held(self) -> float:
        """Bytes that it takes: those of a row if it is streamed."""
        return self.op.size(Dim.K) * self.op.bits.O / 8 if self.streamed else self.written


def literal_steps(network: Network, fuses: tuple[str, ...]) -> tuple[list[LiteralStep], list[int]]:
    """Return the steps, and the last reader of each; one past the end for a result of the network."""
    steps: list[LiteralStep] = []
    writers: dict[str, list[int]] = {name: [OUTSIDE] for name in network.inputs}
    for node in network:
        readers = sum(other.inputs.count(node.inputs[0]) for other in network)
        readers += (network.outputs or ()).count(node.inputs[0])
        before = writers[node.inputs[0]]
        if node.op.kind in fuses and readers == 1 and len(before) == 1 and before != [OUTSIDE]:
            steps[before[0]].fused.append(node.op)
            writers[node.name] = before
            continue
        if node.op.rule.lower is None:
            made = [(LiteralStep(node.name, node.op), list(node.inputs))]
        else:
            parts = node.op.rule.lower(node.op)
            made = [
                (
                    LiteralStep(f"{node.name}.{part.role}", part.op, part.streamed),
                    [None if place < 0 else node.inputs[place] for place in part.reads],
                )
                for part in parts
            ]
        own = []
        for step, sources in made:
            for place, (source, elements) in enumerate(zip(sources, step.op.fetched, strict=True)):
                operand = Operand.W if step.op.rule.dynamic and place == 1 else Operand.I
                size = elements * getattr(step.op.bits, operand) / 8
                from_steps = [len(steps) - 1] if source is None else writers[source]
                if from_steps == [OUTSIDE] and source is not None:
                    step.inputs.append((source, size))
                parts_of = [1.0 if writer == OUTSIDE else steps[writer].written for writer in from_steps]
                for writer, part in zip(from_steps, parts_of, strict=True):
                    share = size if len(from_steps) == 1 else size * part / sum(parts_of)
                    step.reads.append((writer, share, operand))
            own.append(len(steps))
            steps.append(step)
        handed_on = any(None in sources for _, sources in made)
        writers[node.name] = own[-1:] if handed_on else own
    last = [
        max(
            [place for place, step in enumerate(steps) if any(read[0] == one for read in step.reads)],
            default=len(steps),
        )
        for one in range(len(steps))
    ]
    for name in network.outputs or ():
        for writer in writers[name]:
            last[writer] = len(steps)
    return steps, last


def literal_live(steps: list[LiteralStep], last: list[int]) -> list[float]:
    """Return the bytes alive while each step runs."""
    names = {name for step in steps for name, _ in step.inputs}
    until = {name: max(place for place, step in enumerate(steps) if name in dict(step.inputs)) for name in names}
    size = {name: max(size for step in steps for one, size in step.inputs if one == name) for name in names}
    live = []
    for place, step in enumerate(steps):
        waiting = sum(size[name] for name in names if until[name] >= place)
        waiting += sum(steps[one].held for one in range(place) if last[one] >= place)
        dying = [one for one, _, _ in step.reads if one != OUTSIDE and last[one] == place]
        in_place = not step.op.macs and any(steps[one].written == step.written for one in dying)
        live.append(waiting + (0 if in_place else step.held))
    return live


_KINDS = (
    "conv",
    "relu",
    "hard_swish",
    "prelu",
    "add",
    "concat",
    "attention",
    "upsample",
    "product",
    "deformable",
    "store",
)


@st.composite
def graphs(draw: st.DrawFn) -> Network:
    """Draw a network of a few nodes that read any tensors before them, with some results stated or none."""
    bits = draw(st.sampled_from([Bits(), Bits(4, 8, 16, 24)]))
    shape = (1, 4, 1, 6)
    b = Builder(shape, bits, {"other": shape})
    tensors = [b.input, b.inputs["other"]]
    for place in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(_KINDS))
        x, y = draw(st.sampled_from(tensors)), draw(st.sampled_from(tensors))
        tensors.append(_added(b, kind, str(place), x, y))
    # Something that the array has to do.
    b.linear("last", draw(st.sampled_from(tensors)), 3)
    names = [node.name for node in b.nodes]
    outputs = draw(st.none() | st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True).map(tuple))
    return Network("drawn", tuple(b.nodes), inputs=(INPUT, "other"), outputs=outputs)


def _added(b: Builder, kind: str, role: str, x: Tensor, y: Tensor) -> Tensor:
    """Add a node to ``b``; what cannot be done with tensors of these shapes becomes a convolution."""
    if kind in ("relu", "hard_swish"):
        return b.each(role, kind, x)
    if kind == "prelu":
        return b.each(role, kind, x, affine=1)
    if kind == "add" and x.shape == y.shape:
        return b.combine(role, "add", x, y)
    if kind == "concat" and x.shape[2:] == y.shape[2:]:
        return b.concat(role, x, y)
    if kind == "attention" and x.shape == y.shape and x.channels % 2 == 0:
        return b.attention(role, x, y, y, 2)
    if kind == "upsample" and x.positions < 100:
        return b.transposed(role, x, 4, (1, 3), stride=(1, 2), padding=(0, 1))
    if kind == "product" and y.elements % x.channels == 0:
        return b.matmul(role, x, y)
    if kind == "deformable":
        offsets = deformable("full", x.shape, 4, (1, 3), bits=b.bits)
        moved = b.move(f"{role}.offsets", "pad", (1, 6, 1, x.positions), y)
        return b.add(role, offsets, x, moved)
    if kind == "store":
        b.add(role, elementwise("store", x.shape, bits=b.bits), x)
        return x
    return b.conv(role, x, 4, (1, 3), norm=False)
