"""Axes that a reduction runs over, and constants that lie along some axes."""

from __future__ import annotations

import numpy as np

from accelsim.workload.importers.graph import Call
from accelsim.workload.importers.patterns.index import Index

__all__ = ["along", "reduced", "shape_along"]


def reduced(c: Index, call: Call, of: str) -> tuple[int, ...] | None:
    """Return the axes that a reduction runs over and leaves with length 1, rising.

    They are counted from the end where the file does or the number of axes of ``of`` is known. ``None`` if the file
    does not say them, or the axes go away.
    """
    given = call.attributes.get("axes")
    axes = c.integers(c.operand(call, 1)) if given is None else [int(axis) for axis in np.atleast_1d(given)]
    if not axes or not call.attributes.get("keepdims", 1):
        return None
    shape = c.shape(of)
    if shape is not None:
        if not all(-len(shape) <= axis < len(shape) for axis in axes):
            return None
        axes = [axis % len(shape) - len(shape) for axis in axes]
    return tuple(sorted(set(axes))) if min(axes) >= 0 or max(axes) < 0 else None


def shape_along(c: Index, value: str, axes: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the shape of a value with length 1 along all axes but ``axes``, ``None`` if it is not known."""
    shape = c.shape(value)
    if shape is None or not all(-len(shape) <= axis < len(shape) for axis in axes):
        return None
    kept = {axis % len(shape) for axis in axes}
    return tuple(length if place in kept else 1 for place, length in enumerate(shape))


def along(c: Index, constant: str, value: str, axes: tuple[int, ...]) -> bool:
    """Return whether a constant has one number for each place along ``axes`` of ``value``, and only there.

    A single number is none where the axes have one place: unless it has as many axes as they need, it is a factor
    or a shift for all, not learned.
    """
    shape, wanted = c.shape(constant), shape_along(c, value, axes)
    if shape is None or not c.is_constant(constant):
        return False
    if wanted is None:
        return axes == (-1,) and len(shape) == 1 and shape[0] > 1
    behind = len(wanted) - min(axis % len(wanted) for axis in axes)
    return behind <= len(shape) <= len(wanted) and (1,) * (len(wanted) - len(shape)) + shape == wanted
