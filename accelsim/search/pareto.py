"""Non-dominated sets and their hypervolume. Every objective is to be minimised; maximised ones come negated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accelsim.search.extras import search_extra

__all__ = ["hypervolume", "hypervolume_curve", "non_dominated", "reference_box"]

Array = NDArray[np.float64]


def non_dominated(values: Array) -> NDArray[np.intp]:
    """Return the rows of ``values`` that no other row dominates, in ascending order.

    A row dominates another if it is nowhere greater and somewhere less. Equal rows do not dominate each other, so both
    stay. Rows with a value that is not finite are failed designs and never part of the set.

    Args:
        values: Shape ``(designs, objectives)``, to be minimised.

    Returns:
        Indices into ``values``.
    """
    finite = np.flatnonzero(np.isfinite(values).all(axis=1))
    # In lexicographic order no row dominates an earlier one, so each row left over at its turn is in the set.
    rest = finite[np.lexsort(values[finite].T[::-1])]
    chosen: list[NDArray[np.intp]] = []
    while rest.size:
        first = values[rest[0]]
        same = (values[rest] == first).all(axis=1)
        chosen.append(rest[same])
        rest = rest[~same & (values[rest] < first).any(axis=1)]
    return np.sort(np.concatenate(chosen)) if chosen else finite


def hypervolume(values: Array, reference: Array) -> float:
    """Return the volume that ``values`` dominate within the box that ends at ``reference``.

    One and two objectives are summed exactly here. From three on the sum is ``moocore``'s, the exact algorithm that
    pymoo itself depends on: it is what a published hypervolume is usually computed with.

    Args:
        values: Shape ``(designs, objectives)``, to be minimised; rows beyond the reference add nothing.
        reference: Shape ``(objectives,)``.

    Raises:
        MissingExtraError: Three or more objectives, and the ``search`` extra is not installed.
    """
    inside = values[(values < reference).all(axis=1)] if values.size else values
    if not inside.size:
        return 0.0
    front = inside[non_dominated(inside)]
    if front.shape[1] == 1:
        return float(reference[0] - front.min())
    if front.shape[1] == 2:
        return _sweep(front, reference)
    moocore = search_extra("moocore", "the hypervolume of three or more objectives")
    return float(moocore.hypervolume(front, ref=reference))


def _sweep(front: Array, reference: Array) -> float:
    """Add up the steps of a two-objective front: each is as wide as the way to the next point."""
    ordered = front[np.lexsort((front[:, 1], front[:, 0]))]
    widths = np.diff(np.append(ordered[:, 0], reference[0]))
    return float((widths * (reference[1] - ordered[:, 1])).sum())


def hypervolume_curve(values: Array, reference: Array, ideal: Array) -> Array:
    """Return the hypervolume after each evaluation, as a share of the box from ``ideal`` to ``reference``.

    Args:
        values: Shape ``(evaluations, objectives)`` in order; failed or infeasible ones hold infinity.
        reference: Shape ``(objectives,)``.
        ideal: Shape ``(objectives,)``, less than ``reference`` everywhere.

    Returns:
        Shape ``(evaluations,)``; it never falls.

    Raises:
        MissingExtraError: As ``hypervolume`` does.
    """
    scaled = (values - ideal) / (reference - ideal)
    end = np.ones(scaled.shape[1])
    front = np.empty((0, scaled.shape[1]))
    curve, now = np.zeros(len(scaled)), 0.0
    for place, row in enumerate(scaled):
        new = (row < end).all() and not (front <= row).all(axis=1).any()
        if new:
            front = np.vstack([front[(front < row).any(axis=1)], row])
            now = max(now, hypervolume(front, end))
        curve[place] = now
    return curve


def reference_box(values: Array, margin: float = 0.1) -> tuple[Array, Array] | None:
    """Return the box ``(ideal, reference)`` within which searches of one problem are compared.

    The ideal is the best value of each objective on the non-dominated set of ``values`` (every search's together), and
    the reference lies ``margin`` of the set's extent beyond its worst, so that the ends of the front count too. A few
    terrible designs do not move it.

    Args:
        values: Shape ``(designs, objectives)``, to be minimised.
        margin: Share of the extent.

    Returns:
        Two arrays of shape ``(objectives,)``, or ``None`` if no row is finite.
    """
    front = values[non_dominated(values)]
    if not front.size:
        return None
    ideal, worst = front.min(axis=0), front.max(axis=0)
    extent = np.where(worst > ideal, worst - ideal, np.maximum(np.abs(ideal), 1.0))
    return ideal, worst + margin * extent
