"""How far a model is from what was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Errors", "errors_of"]

Floats = npt.NDArray[np.float64]
_WITHIN = 0.1 + 1e-12  # ten per cent itself, however it is rounded
#: Fewest points whose order means anything.
_ORDERED = 3


@dataclass(frozen=True, slots=True)
class Errors:
    """How far predictions are from measurements; relative errors are ``predicted / measured - 1``.

    Attributes:
        count: Number of points.
        mape: Mean of the relative errors' sizes.
        median: Median of the relative errors' sizes.
        p90: The size that nine relative errors in ten do not exceed.
        worst: The largest size.
        bias: Mean of the relative errors.
        within_10: Share of the points with a relative error of at most 10 %.
        spearman: Correlation of the ranks; ``None`` with fewer than three points, or if one side is all the same.
        kendall: Kendall's tau-b, the same.
    """

    count: int
    mape: float
    median: float
    p90: float
    worst: float
    bias: float
    within_10: float
    spearman: float | None
    kendall: float | None


def errors_of(predicted: Floats, measured: Floats) -> Errors:
    """Return how far predictions are from measurements.

    Args:
        predicted: Shape ``(points,)``.
        measured: The same, above 0.

    Raises:
        ValueError: The shapes differ, there are no points, or a measurement is not above 0.
    """
    if predicted.shape != measured.shape or measured.ndim != 1 or not len(measured):
        raise ValueError("predictions and measurements need the same shape (points,), and at least one point")
    if not np.all(measured > 0):
        raise ValueError("measurements must be above 0")
    relative = predicted / measured - 1
    size = np.abs(relative)
    spearman, kendall = _ranks(predicted, measured)
    return Errors(
        count=len(measured),
        mape=float(size.mean()),
        median=float(np.median(size)),
        p90=float(np.quantile(size, 0.9)),
        worst=float(size.max()),
        bias=float(relative.mean()),
        within_10=float(np.mean(size <= _WITHIN)),
        spearman=spearman,
        kendall=kendall,
    )


def _ranks(predicted: Floats, measured: Floats) -> tuple[float | None, float | None]:
    if len(measured) < _ORDERED or np.all(predicted == predicted[0]) or np.all(measured == measured[0]):
        return None, None
    from scipy.stats import kendalltau, spearmanr

    return float(spearmanr(predicted, measured).statistic), float(kendalltau(predicted, measured).statistic)
