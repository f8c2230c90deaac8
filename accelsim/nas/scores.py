"""Figures of many networks on one accelerator, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.errors import BrokenLawError
from accelsim.mapping.nest import Ints
from accelsim.schedule.result import METRICS, Metrics, Utilization

__all__ = ["Scores", "hold_against", "joined", "metrics_of", "scores_of"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Many networks on one accelerator.

    Attributes:
        metrics: Metric (a name of ``METRICS``) -> shape ``(networks,)``; NaN where it is not modelled, and where a
            layer of a network has no mapping.
        legal: Shape ``(networks,)``: whether every layer has a mapping.
    """

    metrics: dict[str, Floats]
    legal: Flags

    def __len__(self) -> int:
        return len(self.legal)

    def take(self, places: Ints) -> Scores:
        """Return the networks at ``places``, in that order."""
        return Scores({name: values[places] for name, values in self.metrics.items()}, self.legal[places])


def scores_of(rows: Sequence[Metrics | None]) -> Scores:
    """Return figures of single networks as columns; ``None`` is a network without a mapping."""
    flat = [None if row is None else row.flat() for row in rows]
    metrics = {name: np.array([None if row is None else row[name] for row in flat], dtype=float) for name in METRICS}
    return Scores(metrics, np.array([row is not None for row in flat], dtype=np.bool_))


def joined(parts: Sequence[Scores]) -> Scores:
    """Return scores one behind the other; there may be none."""
    if len(parts) == 1:
        return parts[0]
    every = [scores_of([]), *parts]
    metrics = {name: np.concatenate([part.metrics[name] for part in every]) for name in METRICS}
    return Scores(metrics, np.concatenate([part.legal for part in every]))


def metrics_of(found: Mapping[str, float]) -> Metrics:
    """Return the figures of one network; NaN is an area that is not modelled."""
    area = found["area_mm2"]
    return Metrics(
        params=int(found["params"]),
        macs=int(found["macs"]),
        latency_cycles=found["latency_cycles"],
        latency_ms=found["latency_ms"],
        energy_pj=found["energy_pj"],
        utilization=Utilization(*(found[f"utilization_{which}"] for which in ("spatial", "temporal", "overall"))),
        dram_bytes=found["dram_bytes"],
        peak_memory_bytes=found["peak_memory_bytes"],
        area_mm2=None if np.isnan(area) else area,
    )


def hold_against(found: Scores, wanted: Scores, name: str) -> None:
    """Hold the figures of a batch against those of evaluations.

    Raises:
        BrokenLawError: One of them differs; ``name`` says whose they are.
    """
    law = "the figures of a scorer are those of an evaluation"
    for metric, values in found.metrics.items():
        others = wanted.metrics[metric]
        different = np.flatnonzero((values != others) & ~(np.isnan(values) & np.isnan(others)))
        if len(different):
            place = different[0]
            raise BrokenLawError(name, f"{law} ({metric} of number {place})", values[place], others[place])
