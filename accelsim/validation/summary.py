"""What came of reference sets, in words and numbers: cells of tables, remarks on misses, and plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from accelsim.validation.sets import Agreement, Outcome, Series

__all__ = ["HEAD", "as_dict", "cells", "percent", "points", "remarks"]

#: Columns of a table with a row a series; the first, second and last are words.
HEAD = (
    "figure",
    "of each",
    "points",
    "MAPE",
    "median",
    "90th pct.",
    "bias",
    "within 10 %",
    "Spearman",
    "Kendall",
    "worst",
)
_TOLERANCE = 0.1 + 1e-12
_LISTED = 5


def percent(share: float, *, signed: bool = False) -> str:
    """Return a share in percent; what is not 0 (or 100 %) exactly has two decimals."""
    if share in (0, 1) and not (signed and share):
        return f"{100 * share:.0f} %"
    return f"{100 * share:{'+' if signed else ''}.2f} %"


def cells(series: Series) -> tuple[str, ...]:
    """Return a row of a table, as ``HEAD`` names its columns."""
    errors, worst = series.errors, series.worst
    what = f"{series.what} ({series.unit})" if series.unit else series.what
    if errors is None:
        return (what, str(series.scope), "0", *["-"] * (len(HEAD) - 3))
    return (
        what,
        str(series.scope),
        f"{errors.count:,}",
        percent(errors.mape),
        percent(errors.median),
        percent(errors.p90),
        percent(errors.bias, signed=True),
        percent(errors.within_10),
        *("-" if rank is None else f"{rank:.3f}" for rank in (errors.spearman, errors.kendall)),
        "-" if worst is None else f"{percent(worst[1], signed=True)}: {worst[0]}",
    )


def points(series: Series) -> list[tuple[str, float, float, float | None]]:
    """Return name, prediction, reference and relative error of every point; no error where the reference is 0."""
    rows = zip(series.predicted.tolist(), series.reference.tolist(), strict=True)
    return [
        (series.label(place), ours, theirs, ours / theirs - 1 if theirs else None)
        for place, (ours, theirs) in enumerate(rows)
    ]


def remarks(outcome: Outcome) -> list[str]:
    """Return what a table does not say of a set that was run: misses, words, and points that were left out."""
    if outcome.comparison is None:
        return []
    every = outcome.comparison.series
    said = [remark for series in every for remark in _misses(series)]
    exact = [series.what for series in every if series.errors is not None and series.worst is None]
    if exact:
        said.append(f"Equal on every point: {'; '.join(exact)}.")
    if not any(np.any(np.abs(series.relative) > _TOLERANCE) for series in every):
        said.append("No point is more than 10 % off.")
    said += [remark for series in every for remark in _zeros(series)]
    return said + [_words(agreement) for agreement in outcome.comparison.agreements]


def _misses(series: Series) -> list[str]:
    off = int(np.sum(np.abs(series.relative) > _TOLERANCE))
    if not off or series.worst is None:
        return []
    name, error = series.worst
    worst = f"the worst by {percent(error, signed=True)} ({name})"
    return [f"{series.what}: {off:,} of {int(series.compared.sum()):,} points are more than 10 % off, {worst}."]


def _zeros(series: Series) -> list[str]:
    count, not_zero = series.zeros
    if not count:
        return []
    model = "as the model has" if not not_zero else f"but the model does not in {not_zero:,} of them"
    return [f"{series.what}: {count:,} further points have 0 in the reference, {model}; they have no relative error."]


def _words(agreement: Agreement) -> str:
    misses, count = agreement.misses, len(agreement.names)
    if not misses:
        return f"{agreement.what}: the same for all {count:,} points."
    listed = "; ".join(misses[:_LISTED]) + ("; ..." if len(misses) > _LISTED else "")
    same = f"{count - len(misses):,} of {count:,} points ({percent(agreement.share)})"
    return f"{agreement.what}: the same for {same}. Not for {listed}."


def as_dict(outcomes: Sequence[Outcome], *, with_points: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return outcomes as plain data: shares as shares, not in percent.

    Args:
        outcomes: The outcomes.
        with_points: Names of the sets whose single points are wanted.
    """
    return {
        "sets": [_set(one, one.name in with_points) for one in outcomes if one.comparison is not None],
        "not_run": [{"name": one.name, "reason": one.reason} for one in outcomes if one.comparison is None],
    }


def _set(outcome: Outcome, with_points: bool) -> dict[str, Any]:
    assert outcome.comparison is not None  # noqa: S101 - those that were not run are listed apart
    return {
        "name": outcome.name,
        "title": outcome.set.title,
        "kind": str(outcome.set.kind),
        "source": outcome.set.source,
        "not_modelled": outcome.set.not_modelled,
        "series": [_series(series, with_points) for series in outcome.comparison.series],
        "agreements": [
            {"what": one.what, "count": len(one.names), "share": one.share, "misses": list(one.misses)}
            for one in outcome.comparison.agreements
        ],
    }


def _series(series: Series, with_points: bool) -> dict[str, Any]:
    zeros, not_zero = series.zeros
    found: dict[str, Any] = {
        "what": series.what,
        "unit": series.unit,
        "scope": str(series.scope),
        **_figures(series),
        "zeros": {"count": zeros, "not_zero_in_the_model": not_zero},
        "groups": {name: _figures(one) for name, one in series.by_group().items()},
    }
    if with_points:
        names = ("name", "predicted", "reference", "error")
        found["points"] = [dict(zip(names, row, strict=True)) for row in points(series)]
    return found


def _figures(series: Series) -> dict[str, Any]:
    worst = series.worst
    return {
        "errors": None if series.errors is None else asdict(series.errors),
        "worst_point": None if worst is None else {"name": worst[0], "error": worst[1]},
    }
