"""How accurate a network would be, without training it: estimators by name, each saying how far to trust it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from accelsim.registry import Registry
from accelsim.workload.network import Network

__all__ = ["ESTIMATORS", "AccuracyEstimator", "Estimate"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimated accuracy, or why there is none.

    Attributes:
        value: The estimate in the metric's unit, percent for ``top1``; ``None`` if the estimator will not guess.
        reason: In words why there is no value; empty if there is one.
    """

    value: float | None
    reason: str = ""


class AccuracyEstimator(Protocol):
    """Estimates one accuracy metric of a network.

    Attributes:
        metric: Name under which the estimate joins the metrics of a design, such as ``top1``.
    """

    metric: str

    def estimate(self, network: Network) -> Estimate:
        """Return the estimate for ``network``; outside what it knows, a reason instead of a guess."""
        ...

    def trust(self) -> str:
        """Return in a sentence or two where the estimate comes from and how large its error is known to be."""
        ...


#: Accuracy estimators by name. Each member is a factory without arguments.
ESTIMATORS: Registry[Callable[[], AccuracyEstimator]] = Registry(
    "accuracy estimator", builtins="accelsim.search.mobilenet_v2_grid"
)
