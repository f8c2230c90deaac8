"""Members of a search space as numbers: no network is built, only what its layers are made of is looked up.

Members of a space differ in few layers, and a layer depends on few parameters. So the points are taken layer by layer:
how often it repeats, what each repetition states, and which ops follow from that and from the shapes it reads, is asked
once for every combination that turns up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from accelsim.errors import InputError
from accelsim.mapping.nest import Ints
from accelsim.nas.assembly import NOWHERE, assemble
from accelsim.nas.codes import Coded, Coder, Column, grouped
from accelsim.nas.parts import Kind, NotByParts, PartLibrary, other_names
from accelsim.parameters import Point, Value
from accelsim.schedule.catalog import Catalog
from accelsim.schedule.planner import Nodes
from accelsim.workload.layers import LayerPlan
from accelsim.workload.load import NetworkTemplate
from accelsim.workload.network import INPUT
from accelsim.workload.stated import names_of

__all__ = ["Members"]

#: Members of more nodes are not put together.
MOST_NODES = 20_000
#: Repetitions that do not stand, and those that cannot be computed.
_ABSENT, _WRONG = -1, -2


class _Tensors(NamedTuple):
    """A tensor of each member: the slot that writes it (below 0 an input, -1 the first), and the number of its kind."""

    slot: Ints
    kind: Ints

    def put(self, at: Ints, slot: Ints | int, kind: Ints) -> None:
        """Replace the tensors of some members."""
        self.slot[at], self.kind[at] = slot, kind

    def copy(self) -> _Tensors:
        """Return the same tensors in arrays of their own."""
        return _Tensors(self.slot.copy(), self.kind.copy())


class Members:
    """Puts members of a space together.

    Args:
        template: The network file.
        catalog: Ops by number.

    Raises:
        NotByParts: The file has a base or transforms, or its layers cannot be told apart by name.
    """

    def __init__(self, template: NetworkTemplate, catalog: Catalog) -> None:
        spec = template.spec
        self.template, self.catalog, self.library = template, catalog, PartLibrary(catalog)
        self.inputs = (INPUT, *spec.inputs)
        self._coder = Coder(template.space)
        self._names = frozenset(template.space.names)
        named = [str(plan.layer["name"]) for plan in template.plans if "name" in plan.layer]
        distinct = len({*self.inputs, *named}) == len(self.inputs) + len(named)
        if spec.base is not None or spec.transforms or not distinct or any("." in name for name in named):
            raise NotByParts
        stated = [spec.input, list(spec.inputs.values()), spec.batch, spec.bits.model_dump()]
        self.of_inputs = self.parameters(names_of(stated))

    def parameters(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return those of ``names`` that are parameters."""
        return tuple(self._names.intersection(names))

    def nodes(self, points: Sequence[Mapping[str, Value]]) -> tuple[Nodes, Ints]:
        """Return the nodes of the members that can be put together, and the places of their points.

        The others are mistakes, or have something that only a built network can say.

        Raises:
            NotByParts: A block is made of parts itself.
        """
        if self.library.full:
            self.library = PartLibrary(self.catalog)
        batch = _Batch(self, self._coder.coded(points))
        batch.begin()
        for plan in self.template.plans:
            batch.layer(plan)
        return batch.nodes()


class _Batch:
    """Members in the making.

    Args:
        space: Their space.
        points: Their points.
    """

    def __init__(self, space: Members, points: Coded) -> None:
        self._space, self._library, self._points = space, space.library, points
        self._count = len(points.wrong)
        self._good = ~points.wrong
        self._widths = np.zeros(self._count, dtype=np.int64)
        #: Of each slot: the part that stands there, and what it reads.
        self._slots: list[Ints] = []
        self._operands: list[list[Ints]] = []
        self._named: dict[str, _Tensors] = {}
        self._current = self._nowhere()

    def _nowhere(self) -> _Tensors:
        return _Tensors(np.full(self._count, NOWHERE), np.zeros(self._count, dtype=np.int64))

    def _asked(self, names: Sequence[str], at: Ints, ask: Callable[[Point], int]) -> Ints:
        """Return the answer for each of some points, asked once for each combination of some parameters."""
        members, group = grouped(self._points.of(names, at), len(at))
        found = []
        for member in at[members].tolist():
            try:
                found.append(ask(self._points.point(member)))
            except InputError:  # to be told by whoever builds the network
                found.append(_WRONG)
        return np.array(found, dtype=np.int64)[group]

    def begin(self) -> None:
        """Put the inputs in place."""
        at, library, inputs = np.flatnonzero(self._good), self._library, self._space.inputs
        for place, name in enumerate(inputs):

            def kind(point: Point, name: str = name) -> int:
                tensor = self._space.template.begin(point).tensors[name]
                return library.kinds[Kind(tensor.shape, None)]

            found = self._asked(self._space.of_inputs, at, kind)
            self._good[at[found < 0]] = False
            self._named[name] = self._nowhere()
            self._named[name].put(at, -1 - place, found)

        def widths(point: Point) -> int:
            return library.widths[self._space.template.begin(point).bits]

        self._widths[at] = self._asked(self._space.of_inputs, at, widths)
        self._current = self._named[inputs[0]].copy()

    def layer(self, plan: LayerPlan) -> None:
        """Add a layer."""
        x = (self._current if plan.source is None else self._named.get(plan.source, self._nowhere())).copy()
        at = np.flatnonzero(self._good)
        repeats = np.zeros(self._count, dtype=np.int64)
        repeats[at] = self._asked(self._space.parameters(plan.deciding()), at, plan.repeat)
        self._good &= repeats >= 0
        stands = np.zeros(self._count, dtype=np.bool_)
        for number in range(1, repeats.max(initial=0) + 1):
            at = np.flatnonzero(self._good & (repeats >= number))
            names = self._space.parameters(plan.deciding(number))
            turn = self._asked(names, at, partial(self._turn, plan, number))
            self._good[at[turn == _WRONG]] = False
            at, turn = at[turn >= 0], turn[turn >= 0]
            self._slot(at, turn, x)
            stands[at] = True
        # The next layer reads the last one that stands. One that does not stand is, by name, what it would have read.
        at = np.flatnonzero(stands)
        self._current.put(at, x.slot[at], x.kind[at])
        if "name" in plan.layer:
            self._named[plan.name] = x

    def _turn(self, plan: LayerPlan, number: int, point: Point) -> int:
        turn = plan.turn(number, point)
        return _ABSENT if turn is None else self._library.turns[turn]

    def _slot(self, at: Ints, turn: Ints, x: _Tensors) -> None:
        """Add a repetition to some members; it reads ``x``, which becomes its result."""
        number, before = len(self._slots), x.copy()
        self._slots.append(np.full(self._count, -1))
        self._operands.append([])
        by_names: dict[tuple[str, ...], list[int]] = {}
        for one in np.unique(turn).tolist():
            by_names.setdefault(other_names(self._library.turns.each[one]), []).append(one)
        for names, members in by_names.items():
            some = np.isin(turn, members) if len(by_names) > 1 else slice(None)
            others = [self._named.get(name, self._nowhere()) for name in names]
            self._add(number, at[some], turn[some], [before, *others], x)

    def _add(self, number: int, at: Ints, turn: Ints, read: Sequence[_Tensors], x: _Tensors) -> None:
        there = np.all([tensors.slot[at] != NOWHERE for tensors in read], axis=0)
        self._good[at[~there]] = False
        at, turn = at[there], turn[there]
        library = self._library
        columns: list[Column] = [(turn, len(library.turns)), (self._widths[at], len(library.widths))]
        columns += [(tensors.kind[at], len(library.kinds)) for tensors in read]
        for place, tensors in enumerate(read):
            same = np.full(len(at), place)
            for earlier in reversed(range(place)):
                same[tensors.slot[at] == read[earlier].slot[at]] = earlier
            columns.append((same, len(read)))
        members, group = grouped(columns, len(at))
        keys = np.stack([codes[members] for codes, _ in columns], axis=1)
        made = np.array([library.made(tuple(key)) for key in keys.tolist()], dtype=np.int64).reshape(-1, 2)[group]
        self._good[at[made[:, 0] < 0]] = False
        self._slots[number][at] = made[:, 0]
        operands = self._operands[number]
        while len(operands) < len(read):
            operands.append(np.full(self._count, NOWHERE))
        for values, tensors in zip(operands, read, strict=False):
            values[at] = tensors.slot[at]
        x.put(at, number, made[:, 1])

    def nodes(self) -> tuple[Nodes, Ints]:
        """Return the nodes, and which members they are."""
        at = np.flatnonzero(self._good)
        width = max((len(operands) for operands in self._operands), default=1)
        operands = np.full((len(at), len(self._slots), width), NOWHERE)
        for slot, values in enumerate(self._operands):
            for place, one in enumerate(values):
                operands[:, slot, place] = one[at]
        stated = self._space.template.spec.results
        results = [*(self._named.get(name, self._nowhere()) for name in stated), self._current]
        nodes = assemble(
            self._library.parts,
            self._space.catalog.records.lasting,
            np.stack([values[at] for values in self._slots], axis=1),
            operands,
            np.stack([tensors.slot[at] for tensors in results], axis=1),
            bool(stated),
            MOST_NODES,
        )
        some = np.diff(nodes.starts) > 0
        starts, first = nodes.starts[1:][some], nodes.first_result[1:][some]
        return nodes._replace(starts=_from_0(starts), first_result=_from_0(first)), at[some]


def _from_0(ends: Ints) -> Ints:
    return np.concatenate([np.zeros(1, dtype=np.int64), ends])
