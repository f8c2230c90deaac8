"""One design that networks are scored on: all that depends on it alone is worked out once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.cost.area import total_area_mm2
from accelsim.cost.energy import leakage_pj, op_pj
from accelsim.cost.prices import Bills, Prices, prices
from accelsim.cost.rows import machine_of, worth
from accelsim.cost.store import Store, store_of
from accelsim.hardware.accelerator import Accelerator
from accelsim.mapping.nest import Ints
from accelsim.schedule.again import again_of, inside_of, with_stripes
from accelsim.schedule.borders import border_bytes, borders_of, with_borders
from accelsim.schedule.catalog import Catalog
from accelsim.schedule.figures import Macs, columns
from accelsim.schedule.planner import Planned
from accelsim.schedule.ranking import Charges, Ranking, Totals, add_totals
from accelsim.schedule.residency import Residency, Stay
from accelsim.schedule.run import in_order
from accelsim.schedule.table import Steps, opens, widths_of
from accelsim.schedule.vector import unit_of, vector_cost
from accelsim.workload.ops import Op

__all__ = ["Design"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class _Ranked(NamedTuple):
    """What depends on what leaks, and so on the widths of the PEs: the order of mappings, and charges."""

    ranking: Ranking
    charges: Charges


class _Known:
    """A figure, not negative, of each plain op by its number, worked out when it is first asked for."""

    def __init__(self, kind: type[np.int64] | type[np.float64]) -> None:
        self._figures = np.zeros(0, dtype=kind)

    def of(self, numbers: Ints, ops: Sequence[Op], figure: Callable[[Op], float]) -> npt.NDArray[Any]:
        """Return the figures of ops.

        Args:
            numbers: Their numbers.
            ops: Ops by number.
            figure: What works out the figure of an op that was not asked for yet.
        """
        if len(self._figures) < len(ops):
            more = np.full(2 * len(ops) - len(self._figures), -1, dtype=self._figures.dtype)
            self._figures = np.concatenate([self._figures, more])
        found = self._figures[numbers]
        if found.size and found.min() < 0:
            for number in np.unique(numbers[found < 0]).tolist():
                self._figures[number] = figure(ops[number])
            found = self._figures[numbers]
        return found

    def forget(self) -> None:
        """Forget all figures."""
        self._figures[:] = -1


class Design:
    """One design.

    Args:
        accelerator: The design.
        catalog: Ops by number, as the plans of networks have them.

    Raises:
        ValueError: ``accelerator`` is a batch of several designs.
    """

    def __init__(self, accelerator: Accelerator, catalog: Catalog) -> None:
        if len(accelerator) != 1:
            raise ValueError(f"one design is wanted, got a batch of {len(accelerator)}")
        self._accelerator, self._catalog = accelerator, catalog
        self._residency = Residency(accelerator)
        self._machine = machine_of(accelerator)
        self._prices = prices(accelerator, np.zeros(1))
        self._unit, self._borders = unit_of(accelerator), borders_of(accelerator)
        self._inside = inside_of(accelerator)
        sizes = [memory.size_bytes for memory in accelerator.memories]
        self._sizes = np.array([np.inf if size is None else float(size[0]) for size in sizes])
        self._store: Store | None = None
        #: Places of plain ops in the store.
        self._places = _Known(np.int64)
        #: Their energy that no mapping changes, in pJ.
        self._base = _Known(np.float64)
        #: Their MACs, as many as the array could do at its peak.
        self._worth = _Known(np.float64)
        self._rankings: dict[tuple[float, ...], _Ranked] = {}
        self._charges: dict[tuple[float, ...], Prices] = {}
        self._areas: dict[tuple[float, ...], float] = {}

    def metrics(self, planned: Planned) -> tuple[dict[str, Floats], Flags]:
        """Return the figures of networks, all of which have a step made of MACs.

        Returns:
            Metric (a name of ``METRICS``) -> shape ``(networks,)``, NaN where it is not modelled and where a network
            has no mapping; and whether every layer of a network has one.
        """
        bits, width = widths_of(planned.steps)
        totals, legal = self.totals(planned.part, planned.steps, bits, width)
        counted, accelerator = Macs(planned.macs, self._at_peak(planned)), self._accelerator
        found = columns(accelerator.clock_hz, accelerator.peak_macs, totals, planned.parameters, counted, planned.peak)
        found["area_mm2"] = np.array([self._area(widths) for widths in bits])[width]
        if not legal.all():
            found = {name: np.where(legal, values, np.nan) for name, values in found.items()}
        return found, legal

    def totals(self, parts: Ints, steps: Steps, bits: Floats, width: Ints, beside: float = 0.0) -> tuple[Totals, Flags]:
        """Return what networks cost, and which of them have a mapping for every layer.

        Args:
            parts: Shape ``(steps,)``: numbers of the parts of ops.
            steps: Their steps.
            bits: Shape ``(widths, 4)``: widths of ``W I O`` and partial sums that the PEs may have.
            width: Shape ``(networks,)``: which of them they have.
            beside: Leakage of the rest of the chip, in pJ a cycle.
        """
        stays = self._residency.stay(steps)
        found, legal = self._totals(parts, steps, bits, width, beside, stays)
        if stays.in_stripes:
            stays = self._residency.stay(steps, stripes=False)
            whole, fits = self._totals(parts, steps, bits, width, beside, stays)
            worse = fits & (~legal | (found.latency_cycles > whole.latency_cycles))
            found = Totals(*(np.where(worse, *both) for both in zip(whole, found, strict=True)))
            legal |= fits
        return found, legal

    def _totals(
        self, parts: Ints, steps: Steps, bits: Floats, width: Ints, beside: float, stays: Stay
    ) -> tuple[Totals, Flags]:
        """Return what ``totals`` does, if ``stays`` says what stays on chip."""
        places = np.flatnonzero(steps.on_array)
        store = self._stored(stays.levels)
        fronts = np.full(len(steps.on_array), -1)
        free = self._sizes[:, None, None] - stays.used_bytes[:, places]
        numbers = self._catalog.records.plain[parts[places]]
        ops = self._places.of(numbers, self._catalog.plain, store.place)
        base = self._base.of(numbers, self._catalog.plain, self._base_pj)
        pes = np.zeros_like(ops) if len(bits) == 1 else np.repeat(width, np.diff(steps.starts))[places]
        bills = Bills([self._charged(widths, beside) for widths in bits], pes, base)
        begins = opens(steps, places) if store.hands_on else None
        fronts[places] = store.which(ops, stays.kept(places), free, bills, begins)[:, 0]
        vector = vector_cost(steps, self._prices, self._unit, stays)
        if self._borders is not None:
            vector = with_borders(vector, border_bytes(steps, self._borders, stays), self._borders)
        vector = with_stripes(vector, again_of(steps, stays, self._prices, self._inside))
        count = len(steps.starts) - 1
        totals, legal = Totals(*(np.zeros(count) for _ in range(4))), np.zeros(count, dtype=np.bool_)
        for number, widths in enumerate(bits):
            ranking, charges = self._ranked(widths, beside, store)
            networks = np.flatnonzero(width == number)
            add_totals(networks, steps, fronts, stays.used_bytes, vector, ranking.ranked, charges, totals, legal)
        return totals, legal

    def _charged(self, bits: Floats, beside: float) -> Prices:
        """Return what the design charges with PEs of some widths."""
        key = (*bits.tolist(), beside)
        if key not in self._charges:
            leakage = leakage_pj(self._accelerator, bits) + beside
            self._charges[key] = self._prices._replace(leakage=leakage)
        return self._charges[key]

    def _base_pj(self, op: Op) -> float:
        return op_pj(op, self._accelerator.technology)

    def _worth_macs(self, op: Op) -> float:
        return op.macs * float(worth(self._accelerator, op)[0])

    def _at_peak(self, planned: Planned) -> Floats:
        """Return the MACs that the array could have done at its peak, shape ``(networks,)``; see ``Macs``."""
        if self._accelerator.one_peak:
            return planned.array_macs
        records, steps = self._catalog.records, planned.steps
        each = self._worth.of(records.plain[planned.part], self._catalog.plain, self._worth_macs)
        return in_order(np.where(steps.away, 0.0, each), steps.starts)

    def _stored(self, levels: tuple[int, int, int]) -> Store:
        """Return the fronts; where they have grown too many, from now on those of a new store."""
        if self._store is None or self._store.full:
            self._store = store_of(self._machine, levels)
            self._places.forget()
            self._rankings.clear()
        return self._store

    def _area(self, bits: Floats) -> float:
        """Return the area with PEs of some widths; NaN if it is not modelled."""
        key = tuple(bits.tolist())
        if key not in self._areas:
            area = total_area_mm2(self._accelerator, bits)
            self._areas[key] = float("nan") if area is None else float(area[0])
        return self._areas[key]

    def _ranked(self, bits: Floats, beside: float, store: Store) -> _Ranked:
        key, accelerator = (*bits.tolist(), beside), self._accelerator
        if key not in self._rankings:
            charged = self._charged(bits, beside)
            charges = Charges(
                float(charged.leakage[0]),
                self._unit.each_pj,
                self._unit.paces[:, 0],
                float(accelerator.array.dispatch_cycles[0]),
                float(accelerator.invocation_cycles[0]),
                self._sizes,
            )
            ranking = Ranking(store, charged, accelerator.technology)
            self._rankings[key] = _Ranked(ranking, charges)
        return self._rankings[key]
