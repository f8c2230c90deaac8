"""What is asked of every pair of a level and an operand: how often, and how much, moves in which role."""

from __future__ import annotations

__all__ = ["FIRST_INSIDE", "FIRST_OUTSIDE", "READ", "ROLES", "SHARE", "UP", "WRITTEN"]

#: Reads outside, writes inside, what copies give up; then the same for the
#: first copy of the memory outside (its reads; its share of the elements) and inside.
READ, WRITTEN, UP, FIRST_OUTSIDE, SHARE, FIRST_INSIDE = range(6)
ROLES = 6
