"""The network: a graph of ops. networkx inside, a small frozen surface outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from accelsim.dims import Operand
from accelsim.errors import InputError, Problem
from accelsim.parameters import Point
from accelsim.workload.ops import Op

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["INPUT", "Network", "Node"]

#: Name by which a node refers to the network's input tensor; others, such as a cache, have names of their own.
INPUT = "input"


@dataclass(frozen=True, slots=True)
class Node:
    """An op in its place: ``inputs`` are names of the nodes it reads, or of an input of the network."""

    name: str
    op: Op
    inputs: tuple[str, ...]


def _reading_problems(where: str, node: Node, written: Mapping[str, int | None]) -> list[Problem]:
    """Return what is wrong with the inputs of ``node``; ``written`` holds the elements of each tensor before it."""
    needed = node.op.elements_read
    if len(node.inputs) != len(needed):
        message = f"{node.op.kind} reads {len(needed)} tensors, not {len(node.inputs)}"
        return [Problem(field=where, message=message)]
    problems = []
    for source, elements in zip(node.inputs, needed, strict=True):
        if source not in written:
            problems.append(Problem.unknown(where, source, written, "reads a layer that does not stand before it"))
        elif written[source] not in (None, elements):
            message = f"reads {elements} values of {source!r}, which writes {written[source]}"
            problems.append(Problem(field=where, message=message))
    return problems


@dataclass(frozen=True)
class Network:
    """A network in an order in which it can run.

    Attributes:
        name: Name of the network.
        nodes: The ops; every node stands after the nodes it reads.
        parameters: Values of the parameters it was built with.
        inputs: Names of the tensors that come from outside.
        outputs: Names of the nodes whose results leave the network; ``None`` means every node that no other reads.

    Raises:
        InputError: Two nodes share a name, a node reads one that does not exist or does not stand before it, reads
            too many or too few tensors or one of another size, an output is no node, or the network is empty.
    """

    name: str
    nodes: tuple[Node, ...]
    parameters: Point = field(default_factory=dict, hash=False)
    inputs: tuple[str, ...] = (INPUT,)
    outputs: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        problems = [] if self.nodes else [Problem(field=self.name, message="the network has no layers")]
        written: dict[str, int | None] = dict.fromkeys(self.inputs)
        for node in self.nodes:
            # Asked quickly first: every network built in a search comes through here.
            if tuple(map(written.get, node.inputs)) != node.op.elements_read or node.name in written:
                where = f"{self.name}.{node.name}"
                if node.name in written:
                    problems.append(Problem(field=where, message="this name is used twice"))
                problems += _reading_problems(where, node, written)
            written[node.name] = node.op.output_elements
        if self.outputs is not None:
            problems += self._output_problems()
        if problems:
            raise InputError(problems)

    def _output_problems(self) -> list[Problem]:
        where, names = f"{self.name}.outputs", {node.name: None for node in self.nodes}
        if not self.outputs:
            return [Problem(field=where, message="a network without results is of no use")]
        return [Problem.unknown(where, name, names, "no such layer") for name in self.outputs if name not in names]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def params(self) -> int:
        """Learned values: weights, biases, and two per channel of a batch norm."""
        return sum(node.op.parameters for node in self.nodes)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference of the whole batch."""
        return sum(node.op.macs for node in self.nodes)

    @property
    def peak_layer_bytes(self) -> float:
        """Greatest input plus output of a single op made of MACs, in bytes."""
        return max((sum(sizes) for _, sizes in self._activation_bytes()), default=0.0)

    @property
    def peak_layer_bytes_in_place(self) -> float:
        """As ``peak_layer_bytes``, but a depthwise layer writes over its input, and takes the larger of the two.

        So run microcontrollers (TinyEngine, arXiv 2007.10319).
        """
        peaks = (max(sizes) if op.label == "depthwise" else sum(sizes) for op, sizes in self._activation_bytes())
        return max(peaks, default=0.0)

    def _activation_bytes(self) -> Iterator[tuple[Op, tuple[float, float]]]:
        """Yield the ops made of MACs with the bytes of their inputs and of their output."""
        for node in self.nodes:
            if node.op.macs:
                yield node.op, (node.op.bytes_of(Operand.I), node.op.bytes_of(Operand.O))

    @cached_property
    def results(self) -> tuple[str, ...]:
        """Names of the nodes whose results leave the network: ``outputs``, or every node that no other reads."""
        if self.outputs is not None:
            return self.outputs
        read = {source for node in self.nodes for source in node.inputs}
        return tuple([node.name for node in self.nodes if node.name not in read])

    @cached_property
    def last_use(self) -> tuple[int, ...]:
        """Position of the last node that reads each node's output; one past the end for a result of the network."""
        place = {node.name: i for i, node in enumerate(self.nodes)}
        last = list(range(len(self.nodes)))
        for i, node in enumerate(self.nodes):
            for source in node.inputs:
                if source in place:
                    last[place[source]] = i
        for name in self.results:
            last[place[name]] = len(self.nodes)
        return tuple(last)

    def graph(self) -> nx.DiGraph[str]:
        """Return the graph: nodes carry their ``op``, edges are tensors."""
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph()
        for node in self.nodes:
            graph.add_node(node.name, op=node.op)
            graph.add_edges_from((source, node.name) for source in node.inputs)
        return graph
