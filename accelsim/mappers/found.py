"""What the exact mapper hands back: the best mapping, and the count of all others that proves it."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.mapping.nest import Mappings

__all__ = ["Certificate", "Found"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """Where every mapping of the space went. Counts are whole numbers of any length; a *way* is a mapping.

    Attributes:
        space: All ways: every chain of tiles of every dim, every deal of dims to copies, every order of loops.
        alike: Ways that cost the same as one that is counted below: they differ only in an order of loops, or in a deal
            of dims to axes of copies, that costs nothing.
        dominated: Ways with a cut of a dim that another cut beats in every factor.
        no_room: Ways that do not fit, or that need more copies than there are.
        bounded: Ways that a lower bound rules out.
        searched: Ways that were costed one by one.
        bound: No way scores less.
        score: Score of the best way found.
        whole: Whether the space is that of all mappings; where memories or arrays stand in copies, or more than two
            memories are inside the outermost one, and beyond some length, loops are cut in regular ways only
            (``accelsim.mappers.deals``).
        boxes: Sets of ways that were bounded together.
    """

    space: int
    alike: int
    dominated: int
    no_room: int
    bounded: int
    searched: int
    bound: float
    score: float
    whole: bool = True
    boxes: int = 0

    @property
    def unseen(self) -> int:
        """Ways that were left when the search came to its limit."""
        return self.space - self.alike - self.dominated - self.no_room - self.bounded - self.searched

    @property
    def proven(self) -> bool:
        """Whether no way is better than the one that was found."""
        return self.bound >= self.score


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The best mapping of an op on one design.

    Attributes:
        mapping: The mapping, a single row.
        latency_cycles: Cycles from the first fetch to the last write.
        energy_pj: Energy, leakage included.
        score: What the objective makes of them.
        certificate: Why there is none better.
    """

    mapping: Mappings
    latency_cycles: float
    energy_pj: float
    score: float
    certificate: Certificate
