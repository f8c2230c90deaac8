"""One evaluated point of a study, as the store keeps it and the report reads it."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.parameters import Point

__all__ = ["Record"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One evaluation.

    Attributes:
        number: Place in the study, counted from 0; the order in which the points were chosen.
        arm: Which search chose it, such as ``grid``, ``nsga2`` or ``random``.
        seed: The seed of that search, as the study states it.
        network: Name of the network.
        hardware: Name of the template.
        point: Values of the parameters that vary, named ``network.width``, ``hardware.rows``, ...
        metrics: Flat metrics (``accelsim.schedule.result.METRICS``, and those of accuracy estimators such as
            ``top1``); ``None`` marks what is not modelled. Empty if the evaluation failed.
        error: Why it failed, or why it cannot be compared with others (then there are metrics); otherwise ``None``.
        feasible: Whether it was evaluated, can be compared and meets every constraint of the study.
    """

    number: int
    arm: str
    seed: int = 0
    network: str
    hardware: str
    point: Point
    metrics: dict[str, float | None]
    error: str | None = None
    feasible: bool = True
