"""A network on a chip: every op runs on one of the parts, one after the other, and so that energy x delay is least."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt

from accelsim.cost.energy import leakage_pj
from accelsim.errors import InputError, Problem
from accelsim.hardware.chip import Chip, Rule
from accelsim.mapping.nest import Ints
from accelsim.schedule.assign import descend
from accelsim.schedule.catalog import Catalog, catalog_of
from accelsim.schedule.design import Design
from accelsim.schedule.figures import Part
from accelsim.schedule.planner import Nodes, nodes_of, plan_steps
from accelsim.schedule.run import run
from accelsim.schedule.share import share_of
from accelsim.schedule.steps import Plan, with_work
from accelsim.schedule.support import REASONS
from accelsim.workload.network import Network, Node
from accelsim.workload.ops import OP_KINDS

__all__ = ["Assignment", "check_rules", "on_parts"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
#: Steps costed at once.
_AT_ONCE = 100_000
#: What a table may call a convolution.
_WORDS = ("depthwise", "grouped", "pointwise", "conv1d", "conv2d", "conv3d")


def on_parts(network: Network, chip: Chip) -> tuple[Part, ...]:
    """Return what each part of one chip runs of a network, and what that costs.

    Raises:
        InputError: No layer is made of MACs that a part can do, no part and no host can run an op, or a rule names
            what there is not, or asks of a part what it cannot do.
    """
    asked = Assignment(network, chip)
    plan = with_work(Plan(network, asked.catalog, asked.best()))
    shares = [plan.share(place) for place in range(len(chip.parts))]
    return tuple(
        Part(name, share, part, run([share], part, bits=bits, beside=beside), beside)
        for name, share, part, bits, beside in zip(
            chip.names, shares, chip.parts, asked.bits, asked.beside, strict=True
        )
    )


class Assignment:
    """Which ops of a network may run on which parts of one chip, and what an assignment costs.

    Args:
        network: The network.
        chip: One chip.

    Attributes:
        catalog: Ops by number.
        allowed: Shape ``(ops, parts)``: the parts that can run an op, and if there are none, those with a host.
        bits: Shape ``(parts, 4)``: widths of the PEs: those of the first op made of MACs that the part can run.
        beside: Shape ``(parts, 1)``: leakage of the other parts, in pJ a cycle of the part.

    Raises:
        InputError: As ``on_parts``.
        ValueError: ``chip`` is a batch of several designs.
    """

    def __init__(self, network: Network, chip: Chip) -> None:
        check_rules(chip)
        self._network, self._chip = network, chip
        self.catalog: Catalog = catalog_of(*chip.abilities)
        self._nodes: Nodes = nodes_of([network], self.catalog)
        self._records, self._parts = self.catalog.records, range(len(chip.parts))
        self._designs = [Design(part, self.catalog) for part in chip.parts]
        self.allowed = self._allowed()
        self.bits = np.stack([self._widths(part) for part in self._parts])
        clocks = np.array([part.clock_hz for part in chip.parts])
        power = clocks * [leakage_pj(part, bits) for part, bits in zip(chip.parts, self.bits, strict=True)]
        others = [power[[other for other in self._parts if other != part]].sum(axis=0) for part in self._parts]
        self.beside = np.stack(others) / clocks

    def best(self) -> Ints:
        """Return an assignment of little energy x delay, shape ``(ops,)``: no worse than all ops on one part."""
        alone = np.stack([self._alone(part) for part in self._parts], axis=1)
        each = np.where(self.allowed, alone, np.inf)
        each = np.argmin(np.where(self.allowed & ~np.isfinite(each), np.finfo(float).max, each), axis=1)
        led = self._led()
        after = np.where(self.allowed[np.arange(len(led)), each[led]], each[led], each)
        starts = [after, *(np.where(self.allowed[:, part], part, after) for part in self._parts)]
        alike = np.unique(self._nodes.op, return_inverse=True)[1].reshape(-1)
        return descend(np.stack(starts), self.allowed, (led, alike, alike[led]), self.cost)

    def cost(self, assignments: Ints) -> Floats:
        """Return the energy x delay of assignments, shape ``(some,)``; infinite where a layer has no mapping.

        Args:
            assignments: Shape ``(some, ops)``: the part of each op.
        """
        most = max(1, _AT_ONCE // assignments.shape[1])
        parts = [self._cost(assignments[start : start + most]) for start in range(0, len(assignments), most)]
        return np.concatenate(parts)

    def _cost(self, assignments: Ints) -> Floats:
        (count, ops), results = assignments.shape, len(self._nodes.result)
        return self._product(
            Nodes(
                np.arange(count + 1) * ops,
                (self._nodes.op + assignments).reshape(-1),
                np.tile(self._nodes.source, count),
                np.arange(count + 1) * results,
                np.tile(self._nodes.result, count),
            )
        )

    def _alone(self, part: int) -> Floats:
        """Return the energy x delay of each op on its own on a part, shape ``(ops,)``."""
        inputs = self._records.inputs[self._nodes.op]
        count, first = len(inputs), np.cumsum(inputs) - inputs
        source = np.repeat(first, inputs) - np.arange(inputs.sum()) - 1
        every = np.arange(count + 1)
        return self._product(Nodes(every, self._nodes.op + part, source, every, np.zeros(count, dtype=np.int64)))

    def _product(self, nodes: Nodes) -> Floats:
        """Return the energy x delay of networks whose ops have the numbers of parts."""
        planned = plan_steps(nodes, self._records)
        count = len(nodes.starts) - 1
        seconds, energy, legal = np.zeros(count), np.zeros(count), np.ones(count, dtype=np.bool_)
        same = np.zeros(count, dtype=np.int64)
        for part, design in enumerate(self._designs):
            steps, bits = share_of(planned, part), self.bits[[part]]
            totals, possible = design.totals(planned.part, steps, bits, same, float(self.beside[part, 0]))
            seconds += totals.latency_cycles / self._chip.parts[part].clock_hz
            energy += totals.energy_pj
            legal &= possible
        return np.where(legal, seconds * energy, np.inf)

    def _led(self) -> Ints:
        """Return for each op the one to whose result it may be applied in passing, by way of others; or itself."""
        op, source = self._nodes.op, self._nodes.source
        first = np.cumsum(self._records.inputs[op]) - self._records.inputs[op]
        rides = np.any([self._records.rides[op + part] for part in self._parts], axis=0)
        led = np.arange(len(op))
        for place in np.flatnonzero(rides):
            if source[first[place]] >= 0:
                led[place] = led[source[first[place]]]
        return led

    def _widths(self, part: int) -> Floats:
        records = self._records
        for able in (True, False):
            for number in (self._nodes.op + part).tolist():
                for place in range(records.first_part[number], records.end_part[number]):
                    if records.macs[records.plain[place]] and not (able and records.away[number]):
                        return np.asarray(records.bits[records.plain[place]])
        return np.zeros(4)  # nothing for an array to do, which is refused

    def _allowed(self) -> Flags:
        away = np.stack([self._records.away[self._nodes.op + part] for part in self._parts], axis=1)
        hosts = np.array([one.host for one in self._chip.abilities])
        nowhere = np.all(away, axis=1, keepdims=True)
        allowed = np.array(np.where(nowhere, hosts, ~away))
        problems = [self._refused(place) for place in np.flatnonzero(~allowed.any(axis=1)).tolist()]
        ruled = np.zeros(len(allowed), dtype=np.bool_)
        for rule in self._chip.rules:
            here = np.array([_fits(rule, node) for node in self._network.nodes])
            problems += [*_unknown(rule, self._network, here), *self._unable(rule, here & ~ruled, allowed)]
            allowed[here & ~ruled] = np.arange(len(self._parts)) == rule.part
            ruled |= here
        if problems:
            raise InputError(problems)
        return allowed

    def _reason(self, place: int, part: int) -> str:
        number = self._nodes.op[place] + part
        reason = self.catalog.reasons[self._records.first_part[number]]
        return "" if reason is None else f"{REASONS[reason]} ({reason})"

    def _refused(self, place: int) -> Problem:
        node = self._network.nodes[place]
        why = ", ".join(f"{self._chip.names[part]}: {self._reason(place, part)}" for part in self._parts)
        message = f"no part of {self._chip.name} can run it, and there is no host that could ({why})"
        return Problem(field=f"{self._network.name}.{node.name}", message=message, got=node.op.label)

    def _unable(self, rule: Rule, here: Flags, allowed: Flags) -> Iterator[Problem]:
        """Yield the layers that a rule puts on a part that cannot run them."""
        for place in np.flatnonzero(here & ~allowed[:, rule.part]).tolist():
            node = self._network.nodes[place]
            able = [name for name, can in zip(self._chip.names, allowed[place], strict=True) if can]
            yield Problem(
                field=rule.field,
                message=f"{node.name} cannot run on {self._chip.names[rule.part]}: {self._reason(place, rule.part)}",
                got=node.op.label,
                allowed=", ".join(able),
            )


def _fits(rule: Rule, node: Node) -> bool:
    named = rule.layers is None or fnmatchcase(node.name, rule.layers)
    return named and (rule.op is None or rule.op in (node.op.kind, node.op.label))


def check_rules(chip: Chip) -> None:
    """Refuse rules for kinds of op that there are not; a template alone does not know which there are.

    Raises:
        InputError: With every such rule.
    """
    known = [*_WORDS, *OP_KINDS]
    problems = [
        Problem.unknown(f"{rule.field}.op", rule.op, known, "unknown kind of op")
        for rule in chip.rules
        if rule.op is not None and rule.op not in known
    ]
    if problems:
        raise InputError(problems)


def _unknown(rule: Rule, network: Network, here: Flags) -> Iterator[Problem]:
    """Yield the layers that a rule names and the network has not."""
    if rule.layers is not None and not here.any():
        names = [node.name for node in network.nodes]
        yield Problem.unknown(f"{rule.field}.layers", rule.layers, names, f"no such layer in {network.name}")
