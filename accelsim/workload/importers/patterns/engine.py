"""Applies patterns to a graph until none applies.

A pattern is asked about each call of certain operators, as the last of what it may find, and walks back from there. It
says what it found; that nothing else needs the values in between is checked here, once for all patterns.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from accelsim.registry import Registry
from accelsim.workload.importers.graph import Call, Graph
from accelsim.workload.importers.patterns.index import Index

__all__ = ["PATTERNS", "Match", "Pattern", "pattern", "recompose"]

#: No pattern is longer from its first call to its last.
_LONGEST = 12
#: No pattern has a value inside that more calls read.
_MOST_READERS = 4


@dataclass(frozen=True, slots=True)
class Match:
    """What a pattern found.

    Attributes:
        op: The operator that the calls amount to; empty if the last call only passes on the first of ``inputs``.
        inputs: What it reads.
        parts: The calls that it replaces; the one that the pattern was asked about need not be among them.
        attributes: Its attributes.
        name: Name of the new call; that of the last call where empty.
        like: A value of the shape that the result must have, which the first input need not have; empty if it may
            have any.
    """

    op: str
    inputs: tuple[str, ...]
    parts: tuple[Call, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    like: str = ""


#: Asked about a call; answers with what ends there.
Pattern = Callable[[Index, Call], Match | None]

PATTERNS: Registry[tuple[tuple[str, ...], Pattern]] = Registry(
    "import pattern", builtins="accelsim.workload.importers.patterns.builtin"
)


def pattern(*anchors: str) -> Callable[[Pattern], Pattern]:
    """Return a decorator that registers a pattern under its name, for calls of the operators ``anchors``."""

    def register(function: Pattern) -> Pattern:
        PATTERNS.register(function.__name__)((anchors, function))
        return function

    return register


class _Rewriter:
    """A graph under way. Calls wait in their order, so that what comes first is put together first."""

    def __init__(self, graph: Graph) -> None:
        self.index = Index(graph)
        self._place = {call.name: place for place, call in enumerate(graph.calls)}
        self._patterns: dict[str, list[Pattern]] = {}
        for name in PATTERNS:
            anchors, function = PATTERNS[name]
            for anchor in anchors:
                self._patterns.setdefault(anchor, []).append(function)
        self._waiting = [(place, name) for name, place in self._place.items()]
        self._queued = set(self._place)
        self._furthest = -1

    def run(self) -> list[Call]:
        """Apply patterns until none applies, and return the calls in an order in which they can run."""
        while self._waiting:
            place, name = heapq.heappop(self._waiting)
            self._queued.discard(name)
            self._furthest = max(self._furthest, place)
            last = self.index.calls.get(name)
            if last is not None and last.outputs and last.inputs:
                self._try(last)
        return sorted(self.index.calls.values(), key=lambda call: self._place[call.name])

    def _try(self, last: Call) -> None:
        for function in self._patterns.get(last.op, ()):
            match = function(self.index, last)
            if match is not None and (self._apply(match, last) if match.op else self._bypass(match, last)):
                return

    def _bypass(self, match: Match, last: Call) -> bool:
        """Let the readers of a call that passes its input on read that instead; a result keeps its name."""
        index, source, target = self.index, match.inputs[0], last.outputs[0]
        if not all(index.lies_within(value, ()) for value in last.outputs[1:]):
            return False
        if target in index.outputs:
            maker = index.inner(source)
            if maker is None or len(maker.outputs) != 1:
                return False
            return self._apply(Match(maker.op, maker.inputs, (maker,), maker.attributes, maker.name), last)
        readers = index.readers(target)
        index.remove(last)
        if index.shape(source) is None:
            index.values[source] = replace(index.value(source), shape=index.shape(target))
        index.drop(last.outputs)
        for reader in readers:
            index.remove(reader)
            index.add(replace(reader, inputs=tuple(source if name == target else name for name in reader.inputs)))
        self._wake(index.readers(source) if index.count(source) <= _MOST_READERS else [])
        return True

    def _apply(self, match: Match, last: Call) -> bool:
        """Replace the calls of a match by one, and return whether nothing stood against it."""
        index = self.index
        parts = {part.name: part for part in (*match.parts, last)}
        shapes = index.shape(match.like), index.shape(last.outputs[0])
        if match.like and None not in shapes and shapes[0] != shapes[1]:
            return False
        lost = [value for part in parts.values() for value in part.outputs if value and value != last.outputs[0]]
        if not all(index.lies_within(value, parts) for value in lost):
            return False
        for part in parts.values():
            index.remove(part)
        index.drop(lost)
        parts = dict(sorted(parts.items(), key=lambda item: self._place[item[0]]))
        origin = ", ".join(dict.fromkeys(name for part in parts.values() for name in _origins(part)))
        made = Call(match.name or last.name, match.op, match.inputs, last.outputs[:1], match.attributes, origin)
        self._place[made.name] = self._place[last.name]
        index.add(made)
        self._wake([made])
        self._wake_readers(self._sweep([value for part in parts.values() for value in part.inputs if value]))
        return True

    def _sweep(self, values: list[str]) -> set[str]:
        """Remove calls that nothing needs now that less reads ``values``; return those, and what is read less too.

        An Expand that vanishes leaves behind what worked out its shape.
        """
        index, seen = self.index, set(values)
        while values:
            writer = index.writer(values.pop())
            if writer is not None and all(index.lies_within(value, ()) for value in writer.outputs):
                index.remove(writer)
                index.drop(writer.outputs)
                seen.update(filter(None, writer.inputs))
                values += filter(None, writer.inputs)
        return seen

    def _wake_readers(self, values: Iterable[str]) -> None:
        """Let calls behind values that are read less than before have another turn."""
        index = self.index
        for value in sorted(values):
            if not index.is_constant(value) and index.count(value) <= _MOST_READERS:
                self._wake(index.readers(value))

    def _wake(self, calls: list[Call]) -> None:
        """Let calls, and those a pattern's length behind them, have another turn."""
        seen: set[str] = set()
        for _ in range(_LONGEST):
            # What lies beyond the furthest call looked at is still waiting for its first turn.
            calls = [c for c in calls if c.name not in seen and self._place[c.name] <= self._furthest]
            if not calls:
                return
            behind = []
            for call in calls:
                seen.add(call.name)
                if call.name not in self._queued:
                    self._queued.add(call.name)
                    heapq.heappush(self._waiting, (self._place[call.name], call.name))
                for value in call.outputs:
                    if self.index.count(value) <= _MOST_READERS:
                        behind += self.index.readers(value)
            calls = behind


def _origins(call: Call) -> list[str]:
    return (call.origin or call.op).split(", ")


def recompose(graph: Graph) -> Graph:
    """Return a graph that does the same with fewer calls: every pattern applied as often as it can be.

    Inputs and outputs stay, and so does every constant, read or not. A new call says in ``origin`` what it was made of.
    """
    rewriter = _Rewriter(graph)
    calls = rewriter.run()
    return Graph(graph.name, rewriter.index.values, calls, graph.inputs, graph.outputs)
