"""The calls of a graph by what they write and read, kept up to date while calls are replaced."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from accelsim.workload.importers.graph import Call, Graph, Value

__all__ = ["Index"]

#: Exporters round constants to half precision at worst: 11 bits.
_TOLERANCE = 1e-3


class Index:
    """What patterns ask about a graph.

    Attributes:
        values: Every value by name.
        calls: The calls there are now, by name.
        outputs: Results of the graph.
    """

    def __init__(self, graph: Graph) -> None:
        self.values = dict(graph.values)
        self.outputs = frozenset(graph.outputs)
        self.calls: dict[str, Call] = {}
        self._writers: dict[str, Call] = {}
        self._readers: dict[str, dict[str, None]] = {}
        for call in graph.calls:
            self.add(call)

    def add(self, call: Call) -> None:
        """Take in a call whose name is not in use."""
        self.calls[call.name] = call
        for value in filter(None, call.outputs):
            self._writers[value] = call
        for value in filter(None, call.inputs):
            self._readers.setdefault(value, {})[call.name] = None

    def remove(self, call: Call) -> None:
        """Take out a call."""
        del self.calls[call.name]
        for value in filter(None, call.outputs):
            del self._writers[value]
        for value in filter(None, call.inputs):
            self._readers[value].pop(call.name, None)

    def drop(self, values: Iterable[str]) -> None:
        """Forget values that nothing writes any more."""
        for value in values:
            self.values.pop(value, None)

    def writer(self, value: str, *operators: str) -> Call | None:
        """Return the call that writes ``value`` if it is one of ``operators`` and reads something.

        Where no operators are given, any call will do.
        """
        call = self._writers.get(value)
        return call if call is not None and (not operators or (call.op in operators and call.inputs)) else None

    def readers(self, value: str) -> list[Call]:
        """Return the calls that read ``value``, each once."""
        return [self.calls[name] for name in self._readers.get(value, ())]

    def count(self, value: str) -> int:
        """Return how many calls read ``value``."""
        return len(self._readers.get(value, ()))

    def inner(self, value: str, *operators: str) -> Call | None:
        """Return the writer of a value that a single call reads and that is no result, if it is of ``operators``."""
        if self.count(value) != 1 or value in self.outputs:
            return None
        return self.writer(value, *operators)

    def lies_within(self, value: str, names: Iterable[str]) -> bool:
        """Return whether nothing but the calls called ``names`` needs ``value``."""
        return value not in self.outputs and self._readers.get(value, {}).keys() <= set(names)

    def value(self, name: str) -> Value:
        """Return a value; one of which nothing is known if the graph does not list it."""
        return self.values.get(name) or Value(name)

    def is_constant(self, name: str) -> bool:
        """Return whether a value comes with the network."""
        return self.value(name).constant

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Return the shape of a value, ``None`` if it is not known."""
        return self.value(name).shape

    def data(self, name: str) -> npt.NDArray[np.generic] | None:
        """Return the numbers of a small constant, ``None`` if they are not known."""
        return self.value(name).data

    def integers(self, name: str) -> list[int] | None:
        """Return a constant list of whole numbers, ``None`` if it is not known."""
        data = self.data(name)
        return None if data is None or data.dtype.kind not in "iu" else [int(n) for n in data.reshape(-1)]

    def number(self, name: str) -> float | None:
        """Return a constant of one element as a number, ``None`` if the value is anything else."""
        data = self.data(name)
        return float(data.reshape(-1)[0]) if data is not None and data.size == 1 and data.dtype.kind in "fiu" else None

    def is_number(self, name: str, wanted: float) -> bool:
        """Return whether a value is the constant ``wanted``, as near as exporters write it."""
        number = self.number(name)
        return number is not None and math.isclose(number, wanted, rel_tol=_TOLERANCE)

    @staticmethod
    def close(a: float, b: float) -> bool:
        """Return whether two numbers are the same, as near as exporters write them."""
        return math.isclose(a, b, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE**2)

    @staticmethod
    def setting(call: Call, name: str, default: float) -> float | None:
        """Return an attribute that is a number, ``None`` if it is there and is none."""
        given = call.attributes.get(name, default)
        return float(given) if isinstance(given, int | float | np.number) else None

    @staticmethod
    def operand(call: Call, place: int) -> str:
        """Return the input of a call at ``place``, empty if it has none there."""
        return call.inputs[place] if place < len(call.inputs) else ""

    def squared(self, call: Call) -> str:
        """Return what a Pow or Mul squares; empty if it does not."""
        a, b = call.inputs[0], self.operand(call, 1)
        return a if (self.is_number(b, 2) if call.op == "Pow" else a == b) else ""

    @staticmethod
    def orders(call: Call) -> list[tuple[str, str]]:
        """Return the operands of a call of two in both orders; only as they stand where the order matters."""
        if len(call.inputs) != 2:
            return []
        a, b = call.inputs
        return [(a, b), (b, a)] if call.op in ("Add", "Mul", "Max", "Min") else [(a, b)]
