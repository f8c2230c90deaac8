"""A chip of several accelerators that share a memory. One object holds a batch of designs, as an accelerator does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError, Problem, shown
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.beside import Abilities
from accelsim.parameters import Point, Points

__all__ = ["Chip", "Hardware", "Rule", "joined", "several", "single"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rule:
    """Where some layers have to run.

    Attributes:
        part: Number of the part.
        layers: Pattern of their names, with ``*`` and ``?``; ``None`` for any.
        op: What they are: a kind of op, or its word in tables such as ``depthwise``; ``None`` for any.
        field: Where it stands in the file, for mistakes.
    """

    part: int
    layers: str | None
    op: str | None
    field: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chip:
    """A batch of chips that differ only in numbers.

    Attributes:
        name: Name of the template.
        parameters: One point per design.
        names: Names of the parts.
        parts: The parts, all of as many designs. Their first memory is the one that they share; its area and leakage
            are those of the first part alone. The other memories have the name of the part before their own.
        rules: Where some layers have to run; the first that fits a layer holds.
    """

    name: str
    parameters: Sequence[Point]
    names: tuple[str, ...]
    parts: tuple[Accelerator, ...]
    rules: tuple[Rule, ...] = ()

    def __len__(self) -> int:
        return len(self.parameters)

    @property
    def abilities(self) -> tuple[Abilities, ...]:
        """What each part can do with ops."""
        return tuple(part.abilities for part in self.parts)

    def take(self, designs: npt.NDArray[np.int64]) -> Chip:
        """Return some of the designs, in the order given."""
        known = self.parameters
        points = known.take(designs) if isinstance(known, Points) else [known[place] for place in designs.tolist()]
        return replace(self, parameters=points, parts=tuple(part.take(designs) for part in self.parts))


#: What networks run on.
Hardware: TypeAlias = Accelerator | Chip


def single(hardware: Hardware, what: str) -> Accelerator:
    """Return the accelerator, where only one makes sense.

    Args:
        hardware: An accelerator.
        what: What it is for, as the end of "a chip of several parts, and ...".

    Raises:
        InputError: It is a chip of several parts, which are named.
    """
    if isinstance(hardware, Accelerator):
        return hardware
    raise InputError(several(hardware.name, hardware.names, what))


def several(chip: str, parts: Sequence[str], what: str) -> Problem:
    """Return the problem that a chip stands where only one accelerator makes sense; ``what`` is that of ``single``."""
    allowed = f"one of them: {', '.join(f'{chip}.{part}' for part in parts)}"
    return Problem(field="hardware", message=f"a chip of several parts, and {what}", got=shown(chip), allowed=allowed)


def joined(
    name: str, names: tuple[str, ...], parts: Sequence[Accelerator], shares: str, rules: tuple[Rule, ...]
) -> Chip:
    """Return a chip of accelerators.

    Args:
        name: Its name.
        names: Names of the parts.
        parts: The parts as they are alone.
        shares: Name of the memory that they share.
        rules: Where some layers have to run.
    """
    own = []
    for place, (of, part) in enumerate(zip(names, parts, strict=True)):
        outer, *inner = part.memories
        nothing = np.zeros(len(part))
        once = outer if place == 0 else replace(outer, area_mm2=nothing, leakage_mw=nothing)
        memories = (replace(once, name=shares), *(replace(one, name=f"{of}.{one.name}") for one in inner))
        own.append(replace(part, memories=memories))
    return Chip(name=name, parameters=parts[0].parameters, names=names, parts=tuple(own), rules=rules)
