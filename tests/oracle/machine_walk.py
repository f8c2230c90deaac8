"""The slow truth of a general machine: runs a nest step by step in all copies of all memories, and counts.

No count here is a formula. Where a load stands is read off the nest as it is written: just inside the innermost loop
that indexes the operand and turns more than once. From then on everything is carried out: a load comes whenever
control comes to it, every copy of a memory has its own tile, a tile may only be filled with what the memory outside
has, and a sum is a number of products that is added up on its way through memories and copies, so that whether it is
complete is seen, not derived.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from accelsim.dims import OPERANDS, WINDOWS, Operand
from accelsim.workload.ops import Op
from oracle.machine_array import Array
from oracle.machine_nest import REDUCED, Box, Copy, Element, Machine, Mapping, Nest, Tensors

__all__ = ["ROLES", "Key", "MachineWalk", "walk_machine"]

#: A memory inside the outermost one (from 1), and an operand that it holds.
Key = tuple[int, Operand]
#: Between a memory and the next one outside that holds the operand: where bits are read and written.
ROLES = ("read outside", "written inside", "read inside", "written outside")
_READ_OUT, _WRITTEN_IN, _READ_IN, _WRITTEN_OUT = ROLES


@dataclass
class MachineWalk:
    """What was counted.

    Attributes:
        moved: For each of ``ROLES``, bits of all copies together.
        one: The same of the first copy: of the memory outside (reading and writing there), or of the memory itself.
        unclipped: As ``one``, had padding been fetched: no more of a tile than the tensor is long.
        busiest: As ``one``, of whichever copy has the most.
        most_held: Most elements in one copy.
        room: The same, had padding been fetched.
        changes: Operands that are loaded more than once by the nest as it is written.
        starts: Tiles of sums, of all copies, that started from zero.
        spilled: Memories that sums left before they were complete.
        first: Bits read from the outermost memory by the first execution of the load next to it; of outputs, those of
            all different elements that copies have room for at this time.
        points: How often each point of the loops was computed.
        real_points: Those of them that read no padding.
        steps: Steps of the array.
        passes: Passes of the array.
        crossing: Elements between the array and the innermost memory that holds them; padding does not cross.
        one_crossing: The same of the first copy of that memory.
        padded_crossing: As ``one_crossing``, had padding crossed.
        busiest_crossing: As ``one_crossing``, of whichever copy has the most.
        fresh: Those of the outputs that started from zero.
        one_fresh: The same of the first copy.
        edge: Bits of sums that the array reads from and writes to the innermost memory that holds outputs.
        one_edge: The same of its first copy.
    """

    moved: dict[str, Counter[Key]] = field(default_factory=lambda: {role: Counter() for role in ROLES})
    one: dict[str, Counter[Key]] = field(default_factory=lambda: {role: Counter() for role in ROLES})
    unclipped: dict[str, Counter[Key]] = field(default_factory=lambda: {role: Counter() for role in ROLES})
    busiest: dict[str, Counter[Key]] = field(default_factory=lambda: {role: Counter() for role in ROLES})
    most_held: Counter[Key] = field(default_factory=Counter)
    room: Counter[Key] = field(default_factory=Counter)
    changes: set[Key] = field(default_factory=set)
    starts: Counter[int] = field(default_factory=Counter)
    spilled: set[int] = field(default_factory=set)
    first: dict[Operand, int] = field(default_factory=dict)
    points: Counter[Element] = field(default_factory=Counter)
    real_points: int = 0
    steps: int = 0
    passes: int = 0
    crossing: Counter[Operand] = field(default_factory=Counter)
    one_crossing: Counter[Operand] = field(default_factory=Counter)
    padded_crossing: Counter[Operand] = field(default_factory=Counter)
    busiest_crossing: Counter[Operand] = field(default_factory=Counter)
    fresh: int = 0
    one_fresh: int = 0
    edge: list[int] = field(default_factory=lambda: [0, 0])
    one_edge: list[int] = field(default_factory=lambda: [0, 0])


@dataclass
class _Load:
    """Where a memory takes in an operand."""

    level: int
    operand: Operand
    parent: int
    #: Place in the nest: as many loops stand outside it.
    position: int
    #: Window axis along which a tile keeps what it shares with the one before, if any.
    slides: int | None
    tiles: dict[Copy, Box] = field(default_factory=dict)
    sums: dict[Copy, dict[Element, int]] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return self.level, self.operand


class _Walker:
    def __init__(self, op: Op, mapping: Mapping, machine: Machine) -> None:
        self.op, self.machine = op, machine
        self.nest = Nest(op, mapping)
        self.tensors = Tensors(op, self.nest.dims)
        self.array = Array(self.nest, machine)
        self.complete = math.prod(op.size(dim) for dim in REDUCED)
        self.found = MachineWalk()
        self.by_copy: dict[tuple[str, Key], Counter[Copy]] = defaultdict(Counter)
        self.loads = {
            (level, operand): self._placed(level, operand)
            for level in range(1, machine.levels + 1)
            for place, operand in enumerate(OPERANDS)
            if machine.holds[level][place]
        }
        self.holders = {operand: machine.parent(machine.levels + 1, operand) for operand in OPERANDS}
        #: Sums in the outermost memory, which stands alone.
        self.outermost: dict[Element, int] = {}
        self.crossings: defaultdict[Operand, Counter[Copy]] = defaultdict(Counter)
        #: Memories of which several copies hold sums of the same element.
        self.split: dict[int, bool] = {0: False}

    def _placed(self, level: int, operand: Operand) -> _Load:
        position, axis = 0, None
        for place, (loop_level, dim) in enumerate(self.nest.loops):
            if loop_level < level and dim in self.tensors.lanes[operand]:
                position = place + 1
                axis = next((axis for axis, (out, _) in enumerate(WINDOWS) if out is self.nest.dims[dim]), None)
        slides = operand is Operand.I and self.tensors.windowed and self.machine.sliding[level]
        if position:
            self.found.changes.add((level, operand))
        return _Load(level, operand, self.machine.parent(level, operand), position, axis if slides else None)

    def run(self) -> MachineWalk:
        self._from(0, 0)
        assert all(count == self.complete for count in self.outermost.values())
        for (role, key), counts in self.by_copy.items():
            self.found.moved[role][key] = sum(counts.values())
            self.found.one[role][key] = sum(count for copy, count in counts.items() if _is_first(copy))
            self.found.busiest[role][key] = max(counts.values())
        for operand, crossings in self.crossings.items():
            self.found.crossing[operand] = sum(crossings.values())
            self.found.one_crossing[operand] = sum(count for copy, count in crossings.items() if _is_first(copy))
            self.found.busiest_crossing[operand] = max(crossings.values())
        return self.found

    def _from(self, position: int, turn: int) -> None:
        """Carry out what stands inside so many loops; ``turn`` is that of the innermost of them."""
        here = [load for load in self.loads.values() if load.position == position]
        for load in here:
            if load.operand is Operand.O:
                self._open(load)
            else:
                self._fill(load, again=turn > 0)
        if position == len(self.nest.loops):
            self._compute()
        else:
            for inner in self.nest.turns(position):
                self._from(position + 1, inner)
        for load in reversed(here):
            if load.operand is Operand.O:
                self._close(load)

    def _fill(self, load: _Load, *, again: bool) -> None:
        """Load a tile of ``W`` or ``I`` into every copy that has work."""
        width = getattr(self.op.bits, load.operand)
        before, load.tiles = load.tiles, {}
        reads: dict[Copy, tuple[Copy, int, int]] = {}
        for copy, box in self.nest.active(load.level):
            load.tiles[copy] = box
            tile = whole = self.tensors.of(load.operand, box)
            old = before[copy] if again and load.slides is not None else None
            if old is not None:
                tile = tile - self.tensors.of(load.operand, old)
            parent = _outside(copy, load.parent)
            assert load.parent == 0 or whole <= self._there(load, parent), "it is there to be read"
            padded = len(whole)
            if load.operand is Operand.I:
                padded = self.tensors.unclipped(box)
                self._most(self.found.room, load.key, padded)
                padded = self.tensors.unclipped(box, old, load.slides)
            else:
                self._most(self.found.room, load.key, padded)
            self._most(self.found.most_held, load.key, len(whole))
            self.by_copy[_WRITTEN_IN, load.key][copy] += width * len(tile)
            if _is_first(copy):
                self.found.unclipped[_WRITTEN_IN][load.key] += width * padded
            reads[self._sharing(load, copy)] = (parent, width * len(tile), width * padded)
        for parent, bits, padded in reads.values():
            self.by_copy[_READ_OUT, load.key][parent] += bits
            if _is_first(parent):
                self.found.unclipped[_READ_OUT][load.key] += padded
        if load.parent == 0:
            self.found.first.setdefault(load.operand, sum(bits for _, bits, _ in reads.values()))

    def _there(self, load: _Load, parent: Copy) -> frozenset[Element]:
        return self.tensors.of(load.operand, self.loads[load.parent, load.operand].tiles[parent])

    @staticmethod
    def _most(most: Counter[Key], key: Key, count: int) -> None:
        most[key] = max(most[key], count)

    def _sharing(self, load: _Load, copy: Copy) -> Copy:
        """Return what is equal for copies of a memory that share a transfer to or from the memory outside."""
        shares, lanes = self.machine.shares(load.operand), self.tensors.lanes[load.operand]
        return _sharing(copy, lanes, [place < load.parent or not shares[place] for place in range(load.level)])

    def _open(self, load: _Load) -> None:
        """Give every copy that has work room for sums; sums from before come back to the first of them."""
        partial = self.op.bits.partial
        load.tiles, load.sums = dict(self.nest.active(load.level)), {}
        elements = {copy: self.tensors.of(Operand.O, box) for copy, box in load.tiles.items()}
        if load.level not in self.split:
            self.split[load.level] = len(set(elements.values())) < len(elements)
        for copy, tile in elements.items():
            self._most(self.found.most_held, load.key, len(tile))
            self._most(self.found.room, load.key, len(tile))
            load.sums[copy] = {}
            if any(any(at[load.parent :]) for dim, at in enumerate(copy) if dim not in self.tensors.lanes[Operand.O]):
                self.found.starts[load.level] += 1
                continue
            parent = _outside(copy, load.parent)
            outside = self._sums(load.parent, parent)
            back = {element: outside.pop(element) for element in tile if element in outside}
            assert len(back) in (0, len(tile)), "a tile comes back whole"
            load.sums[copy] = back
            self.found.starts[load.level] += not back
            self.by_copy[_READ_OUT, load.key][parent] += partial * len(back)
            self.by_copy[_WRITTEN_IN, load.key][copy] += partial * len(back)
        if load.parent == 0:
            self.found.first.setdefault(Operand.O, self.op.bits.O * len(frozenset().union(*elements.values())))

    def _sums(self, level: int, copy: Copy) -> dict[Element, int]:
        return self.outermost if level == 0 else self.loads[level, Operand.O].sums[copy]

    def _close(self, load: _Load) -> None:
        """Send the sums of every copy out, added up where copies are, and add them to what is there already."""
        out: dict[Copy, tuple[Copy, Counter[Element]]] = {}
        for copy, sums in load.sums.items():
            assert sums.keys() == self.tensors.of(Operand.O, load.tiles[copy]), "every element was worked on"
            for count in sums.values():
                self.by_copy[_READ_IN, load.key][copy] += self._width(load.level, count)
                if count < self.complete:
                    self.found.spilled.add(load.level)
            _, merged = out.setdefault(self._sharing(load, copy), (_outside(copy, load.parent), Counter()))
            merged.update(sums)
        load.sums = {}
        for parent, merged in out.values():
            outside = self._sums(load.parent, parent)
            reads, writes = self.by_copy[_READ_OUT, load.key], self.by_copy[_WRITTEN_OUT, load.key]
            for element, count in merged.items():
                reads[parent] += self.op.bits.partial * (element in outside)
                outside[element] = outside.get(element, 0) + count
                writes[parent] += self._width(load.parent, outside[element])

    def _width(self, level: int, count: int) -> int:
        """Return the bits of a sum in a memory; copies that share a sum never treat theirs as complete."""
        bits = self.op.bits
        assert count <= self.complete
        return bits.O if count == self.complete and not self.split[level] else bits.partial

    def _compute(self) -> None:
        """Let all copies of the array work through their parts of the innermost tile, tick by tick together."""
        found, ticks, runs = self.found, set(), set()
        shared: dict[Operand, set[tuple[object, ...]]] = {operand: set() for operand in OPERANDS}
        sums: defaultdict[Copy, Counter[Element]] = defaultdict(Counter)
        lanes, held = self.tensors.lanes, self.machine.flow.held
        for copy, box in self.nest.active(self.machine.levels + 1):
            holders = {operand: _outside(copy, holder) for operand, holder in self.holders.items()}
            ways = {operand: (holders[operand], self._at_the_edge(copy, operand)) for operand in OPERANDS}
            for step in self.array.steps(box):
                ticks.add(step.tick)
                runs.add(step.run)
                when = {operand: 0 if operand in held else step.tick for operand in OPERANDS}
                if Operand.W in held:
                    when[Operand.W] = step.stripe
                for point in step.points:
                    found.points[point] += 1
                    read = self.tensors.read_at(point)
                    found.real_points += read is not None
                    self._is_there(holders, point, read)
                    for operand in OPERANDS:
                        lane = tuple([point[place] for place in lanes[operand]])
                        real = operand is not Operand.I or read is not None
                        shared[operand].add((*ways[operand], when[operand], lane, real))
                    sums[holders[Operand.O]][lane] += 1
        found.steps += len(ticks)
        found.passes += len(runs)
        outputs: Counter[tuple[Copy, Element]] = Counter()
        for operand, crossings in shared.items():
            for holder, _, _, lane, real in crossings:
                self.crossings[operand][holder] += real
                found.padded_crossing[operand] += _is_first(holder)
                if operand is Operand.O:
                    outputs[holder, lane] += 1
        self._add(sums, outputs)

    def _at_the_edge(self, copy: Copy, operand: Operand) -> Copy:
        """Return what is equal for copies of the array that share what crosses between it and a memory."""
        shares, holder = self.machine.shares(operand), self.holders[operand]
        apart = [place < holder or not shares[place] for place in range(self.machine.levels + 1)]
        return _sharing(copy, self.tensors.lanes[operand], apart)

    def _is_there(self, holders: dict[Operand, Copy], point: Element, read: Element | None) -> None:
        """Check that the memories have what the array works on."""
        weight, result = (tuple([point[place] for place in self.tensors.lanes[x]]) for x in (Operand.W, Operand.O))
        for operand, element in ((Operand.W, weight), (Operand.I, read), (Operand.O, result)):
            level = self.holders[operand]
            if level and element is not None:
                box = self.loads[level, operand].tiles[holders[operand]]
                assert element in self.tensors.of(operand, box), (operand, element)

    def _add(self, sums: dict[Copy, Counter[Element]], crossings: Counter[tuple[Copy, Element]]) -> None:
        """Add what the array computed to the sums of the innermost memory that holds outputs."""
        level, found, partial = self.holders[Operand.O], self.found, self.op.bits.partial
        for holder, added in sums.items():
            inside = self._sums(level, holder)
            fresh = len(added.keys() - inside.keys())
            read = written = 0
            for element, count in added.items():
                times = crossings[holder, element]
                read += partial * (times - (element not in inside))
                inside[element] = inside.get(element, 0) + count
                written += partial * (times - 1) + self._width(level, inside[element])
            for total, mine in ((found.edge, 1), (found.one_edge, _is_first(holder))):
                total[0] += read * mine
                total[1] += written * mine
            found.fresh += fresh
            found.one_fresh += fresh * _is_first(holder)


def _outside(copy: Copy, level: int) -> Copy:
    """Return the copy of a memory further out that ``copy`` stands in."""
    return tuple([places[:level] for places in copy])


def _is_first(copy: Copy) -> bool:
    return not any(map(any, copy))


def _sharing(copy: Copy, lanes: tuple[int, ...], apart: list[bool]) -> Copy:
    """Return where a copy stands, but along dims outside ``lanes`` only at the places whose copies stand ``apart``."""
    return tuple(
        [places if dim in lanes else tuple(itertools.compress(places, apart)) for dim, places in enumerate(copy)]
    )


def walk_machine(op: Op, mapping: Mapping, machine: Machine) -> MachineWalk:
    """Run ``op`` as ``mapping`` says on ``machine`` and return what was counted."""
    return _Walker(op, mapping, machine).run()
