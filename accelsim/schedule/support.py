"""What hardware can do with the ops of a network: which it applies in passing, which it refuses and why."""

from __future__ import annotations

from collections.abc import Iterable

from accelsim.engines.engine import traversal
from accelsim.errors import InputError, Problem
from accelsim.hardware.accelerator import Abilities
from accelsim.workload.ops import OP_KINDS, Op

__all__ = ["REASONS", "check_abilities", "on_array", "reason_of"]

#: Code of a reason for which an op leaves for the host -> what it means.
REASONS: dict[str, str] = {
    "kind": "the accelerator cannot run this kind of op",
    "bits": "the accelerator does not compute with these widths",
    "engine": "the engine has no way to run this op",
}


def check_abilities(abilities: Abilities) -> None:
    """Refuse kinds of op that there are not; a template alone does not know which there are.

    Raises:
        InputError: A word is no activation, no kind of op, or one that the vector unit has nothing to do with.
    """
    kinds = {name: OP_KINDS[name] for name in OP_KINDS}
    activations = [name for name, kind in kinds.items() if kind.activation]
    vector = [name for name, kind in kinds.items() if kind.vector_work]
    problems = [
        *_unknown("vector.fuses[{place}]", abilities.fuses, activations, "unknown activation"),
        *_unknown("vector.fuses_inputs[{place}]", abilities.fuses_inputs, activations, "unknown activation"),
        *_unknown("vector.rates.{name}", abilities.rated, vector, "no kind of op that runs on the vector unit"),
        *_unknown("supports.without[{place}]", abilities.without, kinds, "unknown kind of op"),
    ]
    if problems:
        raise InputError(problems)


def _unknown(field: str, names: Iterable[str], known: Iterable[str], what: str) -> list[Problem]:
    allowed = list(known)
    return [
        Problem.unknown(field.format(place=place, name=name), name, allowed, what)
        for place, name in enumerate(names)
        if name not in allowed
    ]


def reason_of(op: Op, abilities: Abilities) -> str | None:
    """Return the code of the reason (a key of ``REASONS``) for which an op cannot run; ``None`` if it can.

    An op of several parts runs whole or not at all.
    """
    parts = [op] if op.rule.lower is None else [op, *(part.op for part in op.rule.lower(op))]
    if any(part.kind in abilities.without for part in parts):
        return "kind"
    if abilities.bits is not None and any(_widths(part) - set(abilities.bits) for part in parts):
        return "bits"
    if abilities.engine is not None and abilities.host:
        name, words = abilities.engine
        if any(part.macs and traversal(name).unsupported(part, words) for part in parts if part.rule.lower is None):
            return "engine"
    return None


def on_array(op: Op, abilities: Abilities) -> bool:
    """Return whether an op of one part that stays on the accelerator runs on the array, not on the vector unit.

    Ops without MACs do where the engine takes them.
    """
    if op.macs or abilities.engine is None:
        return op.macs > 0
    name, words = abilities.engine
    return traversal(name).takes(op, words)


def _widths(op: Op) -> set[int]:
    """Return the widths of what an op reads and writes; partial sums are the array's own affair."""
    bits = op.bits
    return {bits.I, bits.O} | ({bits.W} if op.rule.weights is not None else set())
