"""What an evaluation returns: totals, one row a layer, and the energy ledger. Units are in the names."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from accelsim.parameters import Point

__all__ = ["METRICS", "Evaluation", "LayerResult", "LedgerLine", "Metrics", "Outcome", "Utilization"]

#: Every metric of a design by its flat name -> what it means, for tables, axes and the names of objectives.
METRICS: dict[str, str] = {
    "params": "learned values of the network",
    "macs": "multiply-accumulates per inference of the whole batch",
    "latency_cycles": "cycles per inference of the whole batch",
    "latency_ms": "milliseconds per inference of the whole batch",
    "energy_pj": "picojoules per inference: the sum of the energy ledger",
    "edp_pj_ms": "energy-delay product: energy_pj x latency_ms",
    "utilization_spatial": "useful PEs / PEs while computing, averaged over compute time",
    "utilization_temporal": "compute cycles / total cycles",
    "utilization_overall": "MACs / (peak MACs per cycle x total cycles) = spatial x temporal",
    "dram_bytes": "bytes moved to and from the outermost memory",
    "peak_memory_bytes": "most bytes of activations alive at once, weights not counted",
    "area_mm2": "modelled area: PEs, vector unit and on-chip memories",
}


@dataclass(frozen=True, slots=True)
class Utilization:
    """The three utilizations, each in [0, 1]; ``overall`` = ``spatial`` x ``temporal``. An op without MACs has 0."""

    spatial: float
    temporal: float
    overall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The figures of a layer or of a whole network; ``METRICS`` says what each means."""

    params: int
    macs: int
    latency_cycles: float
    latency_ms: float
    energy_pj: float
    utilization: Utilization
    dram_bytes: float
    peak_memory_bytes: float
    area_mm2: float | None

    def flat(self) -> dict[str, float | None]:
        """Return name -> value with the names of ``METRICS``."""
        used = self.utilization
        known = {
            "edp_pj_ms": self.energy_pj * self.latency_ms,
            "utilization_spatial": used.spatial,
            "utilization_temporal": used.temporal,
            "utilization_overall": used.overall,
        }
        return {name: known[name] if name in known else getattr(self, name) for name in METRICS}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerResult:
    """One step of the schedule: an op, with the activations the hardware applies to its result on the way out.

    What happens once an inference, where the template says so, is the last row, called ``invocation``.

    Attributes:
        name: Name of the layer in the network.
        op: What it is, such as ``depthwise`` or ``pointwise + relu6``.
        shape: Input shape, filter and output shape in words, such as ``32x112x112 -> 64x112x112``.
        metrics: The figures.
        bottleneck: What the layer waits for: ``compute``, ``vector``, ``dispatch``, ``borders``, ``stripes`` (what is
            done once more for each), ``host work``, ``hand-over``, or a memory and the operand that moves most bytes
            through it, such as ``dram:I``.
        slack: Cycles of the busiest resource over those of the next one, at least 1.
        bytes_by_level: Bytes moved in and out of each memory.
        peak_macs_per_cycle: Multiply-accumulates a cycle of the array that works on it.
        mapping: The chosen mapping in words; empty for a step that is not on the array.
        host_reason: Code of the reason (a key of ``accelsim.schedule.support.REASONS``) for which it runs on the host;
            ``None`` if it runs on the accelerator.
        part: Name of the part that runs it, on a chip of several; ``None`` on a single accelerator.
        stripes: In how many stripes of rows it runs, together with layers before or behind it that run in as many; 1 if
            it runs by itself.
    """

    name: str
    op: str
    shape: str
    metrics: Metrics
    bottleneck: str
    slack: float
    bytes_by_level: dict[str, float]
    peak_macs_per_cycle: float
    mapping: str = ""
    host_reason: str | None = None
    part: str | None = None
    stripes: int = 1

    @property
    def waits_for(self) -> str:
        """The bottleneck in words, and whether the layer runs on the host or in stripes."""
        if self.host_reason is not None:
            return f"{self.bottleneck} (on the host: {self.host_reason})"
        return self.bottleneck if self.stripes == 1 else f"{self.bottleneck} (in {self.stripes} stripes)"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """One line of the energy ledger: ``count`` x ``pj_per_action``.

    Attributes:
        component: A memory's name, ``mac``, ``registers``, ``vector``, ``host work``, ``borders``, ``leakage of
            logic``, ``leakage of memories`` or ``interconnect``; on a chip, behind the name of the part and a dot, but
            for the memory that the parts share.
        operand: ``W``, ``I`` or ``O`` for a memory; empty otherwise.
        action: ``read``, ``write``, ``compute``, ``access``, ``hold`` or ``move``.
        count: How many actions (bytes for a memory and its wires, bits for registers, ms for leakage).
        pj_per_action: Energy of one action; ``None`` if it is not modelled.
    """

    component: str
    operand: str
    action: str
    count: float
    pj_per_action: float | None

    @property
    def energy_pj(self) -> float | None:
        """Energy of the line, ``None`` if it is not modelled."""
        return None if self.pj_per_action is None else self.count * self.pj_per_action


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One network on one accelerator.

    Attributes:
        network: Name of the network.
        hardware: Name of the accelerator's template.
        network_parameters: Values of the network's parameters.
        hardware_parameters: Values of the template's parameters.
        totals: The figures of the whole network.
        layers: One row a step, in the order they run.
        ledger: The energy ledger; its modelled lines sum to ``totals.energy_pj``.
        peak_macs_per_cycle: Multiply-accumulates the array can do in a cycle, or those of all parts of a chip together.
        clock_hz: Clock frequency; of a chip, that of its first part, whose cycles all figures are.
        bandwidth_bytes_per_cycle: Bandwidth of each memory, outermost first; ``None`` if it has no limit.
        area_mm2: Component -> its area, ``None`` if it is not modelled; they sum to ``totals.area_mm2``.
        parts: Of a chip: name of a part -> its share of ``peak_macs_per_cycle``; empty for a single accelerator.
    """

    network: str
    hardware: str
    network_parameters: Point
    hardware_parameters: Point
    totals: Metrics
    layers: tuple[LayerResult, ...]
    ledger: tuple[LedgerLine, ...]
    peak_macs_per_cycle: float
    clock_hz: float
    bandwidth_bytes_per_cycle: dict[str, float | None]
    area_mm2: dict[str, float | None]
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def energy_pj(self) -> dict[str, float | None]:
        """Component of the ledger -> energy of its modelled lines, ``None`` if it has none; the largest first."""
        found: dict[str, float | None] = {}
        for line in self.ledger:
            before, more = found.get(line.component), line.energy_pj
            found[line.component] = before if more is None else (before or 0.0) + more
        return dict(sorted(found.items(), key=lambda item: -(item[1] or 0.0)))

    @property
    def not_modelled(self) -> tuple[str, ...]:
        """Components of the ledger with a line that is not modelled, and so is not in the energy."""
        return tuple(dict.fromkeys(line.component for line in self.ledger if line.energy_pj is None))

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "network": self.network,
            "hardware": self.hardware,
            "network_parameters": self.network_parameters,
            "hardware_parameters": self.hardware_parameters,
            "totals": asdict(self.totals),
            "layers": [
                {
                    "name": layer.name,
                    "op": layer.op,
                    "shape": layer.shape,
                    **asdict(layer.metrics),
                    "bytes_by_level": layer.bytes_by_level,
                    "bottleneck": layer.bottleneck,
                    "slack": layer.slack,
                    "mapping": layer.mapping,
                    "host_reason": layer.host_reason,
                    "part": layer.part,
                    "stripes": layer.stripes,
                }
                for layer in self.layers
            ],
            "ledger": [{**asdict(line), "energy_pj": line.energy_pj} for line in self.ledger],
            "energy_pj": self.energy_pj,
            "not_modelled": list(self.not_modelled),
            "area_mm2": self.area_mm2,
            "parts": self.parts,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one design of a batch: its flat metrics (see ``METRICS``), or why there are none."""

    metrics: dict[str, float | None] | None
    error: str | None = None
