"""Whether a mapping fits: one pure function that lists what is violated."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Violation", "violations"]


@dataclass(frozen=True, slots=True)
class Violation:
    """A memory that cannot hold what a mapping needs. Sizes in bytes."""

    level: str
    operands: str
    need_bytes: float
    have_bytes: float

    def __str__(self) -> str:
        return (
            f"memory {self.level!r} needs {self.need_bytes:,.0f} B for its tiles ({self.operands}) "
            f"and has {self.have_bytes:,.0f} B ({self.need_bytes - self.have_bytes:,.0f} B too little)"
        )


def violations(need: dict[str, dict[str, float]], have: dict[str, float | None]) -> list[Violation]:
    """Return the violated limits, the tightest (greatest need over have) first.

    Args:
        need: Memory -> operand -> bytes its tile takes there.
        have: Memory -> bytes free for tiles, ``None`` if there is no limit.
    """
    found = []
    for level, operands in need.items():
        room, total = have[level], sum(operands.values())
        if room is not None and total > room:
            words = ", ".join(f"{operand} {size:,.0f} B" for operand, size in operands.items() if size)
            found.append(Violation(level, words, total, room))
    return sorted(found, key=lambda v: (-(v.need_bytes / v.have_bytes if v.have_bytes else float("inf")), v.level))
