"""Figures of inferences that do not all go the same way: early exits and cascades, on average."""

from __future__ import annotations

import math
from collections.abc import Sequence

from accelsim.hardware.chip import Hardware
from accelsim.schedule.evaluate import evaluate_totals
from accelsim.schedule.result import Evaluation, Metrics, Utilization
from accelsim.workload.expected import Expected, check_probabilities

__all__ = ["evaluate_expected", "expected", "in_sequence"]


def expected(results: Sequence[Evaluation | Metrics], probabilities: Sequence[float]) -> Metrics:
    """Return the figures of an average inference: of each case, probability times cost, summed.

    Latency, energy, bytes and MACs (rounded to a whole number) are averages; utilizations are those of many inferences
    together. What has to be there for every case is the most of any: learned values, memory, area. The energy-delay
    product that follows is that of the averages.

    Args:
        results: One evaluation, or its totals, for each case, all on the same hardware.
        probabilities: How often each case happens.

    Raises:
        InputError: There is not a probability for each case, or they do not sum to 1.
    """
    check_probabilities(probabilities, len(results))
    totals = [result.totals if isinstance(result, Evaluation) else result for result in results]
    return _weighted(totals, probabilities, max(total.params for total in totals))


def in_sequence(results: Sequence[Evaluation | Metrics]) -> Metrics:
    """Return the figures of networks run one after the other on the same hardware."""
    totals = [result.totals if isinstance(result, Evaluation) else result for result in results]
    return _weighted(totals, [1.0] * len(totals), sum(total.params for total in totals))


def evaluate_expected(cases: Expected, hardware: Hardware) -> Metrics:
    """Return the figures of an average inference on one design.

    Raises:
        NoMappingError: A layer does not fit.
        ValueError: ``hardware`` is a batch of several designs.
    """
    totals = {network: evaluate_totals(network, hardware) for case in cases.cases for network in case.networks}
    ways = [in_sequence([totals[network] for network in case.networks]) for case in cases.cases]
    return expected(ways, cases.probabilities)


def _weighted(totals: Sequence[Metrics], weights: Sequence[float], params: int) -> Metrics:
    def total(name: str) -> float:
        return math.fsum(weight * getattr(one, name) for one, weight in zip(totals, weights, strict=True))

    areas = [one.area_mm2 for one in totals if one.area_mm2 is not None]
    return Metrics(
        params=params,
        macs=round(total("macs")),
        latency_cycles=total("latency_cycles"),
        latency_ms=total("latency_ms"),
        energy_pj=total("energy_pj"),
        utilization=_utilization(totals, weights),
        dram_bytes=total("dram_bytes"),
        peak_memory_bytes=max(one.peak_memory_bytes for one in totals),
        area_mm2=max(areas) if len(areas) == len(totals) else None,
    )


def _utilization(totals: Sequence[Metrics], weights: Sequence[float]) -> Utilization:
    """Return the utilizations over all cycles: busy ones over all, and useful PEs over busy ones."""
    cycles = [weight * one.latency_cycles for one, weight in zip(totals, weights, strict=True)]
    whole = math.fsum(cycles)
    busy = math.fsum(part * one.utilization.temporal for part, one in zip(cycles, totals, strict=True))
    useful = math.fsum(part * one.utilization.overall for part, one in zip(cycles, totals, strict=True))
    if not busy or not whole:
        return Utilization(0.0, 0.0, 0.0)
    return Utilization(useful / busy, busy / whole, useful / whole)
