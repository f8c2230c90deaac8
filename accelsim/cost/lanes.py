"""Lanes: figures of a mapping that no order of loops changes, products over its dims of what a cut contributes."""

from __future__ import annotations

__all__ = [
    "ALL",
    "ALONE",
    "COPIES",
    "CROSSING",
    "CYCLES",
    "FAR",
    "HELD_SHARE",
    "NEAR",
    "PARENTS",
    "ROOM",
    "STEPS",
    "WHOLE",
]

#: Of every (level, operand): elements of a tile, and those that a walk moves. Where there are copies, also those
#: that the first copy moves outside and inside, and the copies that sum an output out there and in here.
ROOM, WHOLE, FAR, NEAR, PARENTS, COPIES = range(6)
#: So many of them without copies, and with.
ALONE, ALL = 2, 6
#: Of the array: steps (of one copy); passes, and in the end cycles; the outputs that the first copy holds a sum
#: of; and the elements of ``W I O`` that cross, of all copies and, where there are some, of the first.
STEPS, CYCLES, HELD_SHARE, CROSSING = range(4)
