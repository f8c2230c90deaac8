"""Studies and evaluations made by hand, with figures that can be worked out on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accelsim.config.source import Source
from accelsim.config.spec import parse
from accelsim.report.findings import Design, Findings
from accelsim.schedule.result import Evaluation, LayerResult, LedgerLine, Metrics, Utilization
from accelsim.study.goals import resolve_criteria
from accelsim.study.record import Record
from accelsim.study.result import StudyResult
from accelsim.study.spec import StudySpec

PEAK, BANDWIDTH = 16.0, 4.0
CLOCK_HZ = 1e9


def record(
    number: int,
    latency_ms: float = 1.0,
    energy_pj: float = 1e9,
    *,
    network: str = "net",
    hardware: str = "machine",
    arm: str = "grid",
    seed: int = 0,
    feasible: bool = True,
    error: str | None = None,
    point: dict[str, Any] | None = None,
    **more: float | None,
) -> Record:
    """Return a record; a failed one has no metrics. EDP is the product unless it is given."""
    metrics: dict[str, float | None] = {
        "params": 1000,
        "macs": 12600,
        "latency_cycles": latency_ms * 1e6,
        "latency_ms": latency_ms,
        "energy_pj": energy_pj,
        "edp_pj_ms": latency_ms * energy_pj,
        "utilization_spatial": 0.8,
        "utilization_temporal": 0.5,
        "utilization_overall": 0.4,
        "dram_bytes": 3500.0,
        "peak_memory_bytes": 4096.0,
        "area_mm2": 2.0,
    }
    return Record(
        number=number,
        arm=arm,
        seed=seed,
        network=network,
        hardware=hardware,
        point={"hardware.rows": number} if point is None else point,
        metrics={} if error else metrics | more,
        error=error,
        feasible=feasible and error is None,
    )


def result_of(records: list[Record], *, complete: bool = True, trust: str = "", name: str = "made_up", **keys: Any):
    """Return the result of a study with these records; ``keys`` are keys of the study file."""
    data = {
        "schema_version": 1,
        "networks": sorted({r.network for r in records}) or ["net"],
        "hardware": sorted({r.hardware for r in records}) or ["machine"],
        **keys,
    }
    source = Source(Path("made_up.yaml"), data, {})
    spec = parse(StudySpec, source)
    problems: list[Any] = []
    criteria = resolve_criteria(source, spec, problems)
    assert not problems
    return StudyResult(
        name=name,
        folder=Path("results"),
        spec=spec,
        criteria=criteria,
        records=tuple(records),
        total=len(records) if complete else len(records) + 7,
        complete=complete,
        trust=trust,
    )


def layer(
    name: str,
    op: str,
    macs: int,
    cycles: float,
    dram_bytes: float,
    bottleneck: str,
    utilization: tuple[float, float] = (0.0, 0.0),
) -> LayerResult:
    """Return a layer; its utilization is given as spatial and temporal."""
    spatial, temporal = utilization
    return LayerResult(
        name=name,
        op=op,
        shape="8x4x4 -> 8x4x4",
        metrics=Metrics(
            params=10,
            macs=macs,
            latency_cycles=cycles,
            latency_ms=cycles / CLOCK_HZ * 1e3,
            energy_pj=cycles,
            utilization=Utilization(spatial, temporal, spatial * temporal),
            dram_bytes=dram_bytes,
            peak_memory_bytes=256.0,
            area_mm2=2.0,
        ),
        bottleneck=bottleneck,
        slack=float("inf") if bottleneck == "vector" else 1.5,
        bytes_by_level={"dram": dram_bytes, "buffer": 64.0},
        peak_macs_per_cycle=16,
        mapping="buffer[K8] dram[C8]" if macs else "",
    )


#: 3000 cycles. MACs per cycle: 8, 2, 4, -, 3.2. MACs per DRAM byte: 8, 2, 1, -, no traffic.
LAYERS = (
    layer("conv", "conv2d + relu", 8000, 1000, 1000, "compute", (0.8, 0.625)),
    layer("dw", "depthwise + relu", 1000, 500, 500, "compute", (0.25, 0.5)),
    layer("fc", "fully_connected", 2000, 500, 2000, "dram:W", (1.0, 0.25)),
    layer("add", "add", 0, 500, 0, "vector"),
    layer("pw", "pointwise", 1600, 500, 0, "compute", (0.5, 0.4)),
)


def line(component: str, operand: str, action: str, count: float, pj: float | None) -> LedgerLine:
    """Return a line of an energy ledger."""
    return LedgerLine(component=component, operand=operand, action=action, count=count, pj_per_action=pj)


#: dram 20000 (W) + 10000 (I) + 5000 (O), buffer 100 (W) + 100 (I), mac 6300, leakage 3000: 44500 pJ in all.
LEDGER = (
    line("buffer", "W", "read", 100, 1.0),
    line("buffer", "I", "read", 20, 2.0),
    line("buffer", "I", "write", 30, 2.0),
    line("buffer", "O", "write", 40, None),
    line("dram", "W", "read", 2000, 10.0),
    line("dram", "I", "read", 1000, 10.0),
    line("dram", "O", "write", 500, 10.0),
    line("interconnect", "", "move", 0, None),
    line("leakage of logic", "", "hold", 3e-3, 1e6),
    line("mac", "", "compute", 12600, 0.5),
    line("registers", "", "access", 12600, None),
)
TOTAL_PJ = 44500.0


def evaluation(network: str = "net", hardware: str = "machine", **changes: Any) -> Evaluation:
    """Return the evaluation of the five layers and the ledger above."""
    values: dict[str, Any] = {
        "network": network,
        "hardware": hardware,
        "network_parameters": {"width": 1.0},
        "hardware_parameters": {"rows": 4, "columns": 4},
        "totals": Metrics(
            params=50,
            macs=12600,
            latency_cycles=3000,
            latency_ms=3e-3,
            energy_pj=TOTAL_PJ,
            utilization=Utilization(0.6, 0.4375, 0.2625),
            dram_bytes=3500,
            peak_memory_bytes=256,
            area_mm2=2.0,
        ),
        "layers": LAYERS,
        "ledger": LEDGER,
        "peak_macs_per_cycle": PEAK,
        "clock_hz": CLOCK_HZ,
        "bandwidth_bytes_per_cycle": {"dram": BANDWIDTH, "buffer": None},
        "area_mm2": {"array": 0.5, "buffer": 1.5},
    }
    return Evaluation(**(values | changes))


def design(chosen: Record, *, champion: bool = True, role: str = "", **changes: Any) -> Design:
    """Return a design with the evaluation above."""
    return Design(
        record=chosen,
        evaluation=evaluation(chosen.network, chosen.hardware, **changes),
        champion=champion,
        role=role,
    )


def two_by_two() -> list[Record]:
    """Return twelve feasible records of two networks on two templates, and one that failed."""
    records = []
    for network, weight in (("alpha", 1.0), ("beta", 10.0)):
        for hardware, speed in (("slow", 1.0), ("fast", 0.25)):
            for rows in (8, 16, 32):
                number = len(records)
                records.append(
                    record(
                        number,
                        weight * speed * 8 / rows,
                        weight * 1e8 * rows,
                        network=network,
                        hardware=hardware,
                        point={"hardware.rows": rows, "hardware.kind": "even" if rows % 16 == 0 else "odd"},
                        utilization_overall=1 / rows,
                    )
                )
    failure = record(12, network="beta", hardware="slow", error="beta does not fit slow: layer conv: buffer", point={})
    return [*records, failure]


def findings_by_hand(**keys: Any) -> Findings:
    """Return the findings of ``two_by_two``, with the least EDP of each pair as designs (all tie, so the first)."""
    records = two_by_two()
    result = result_of(records, **keys)
    chosen = [records[place] for place in (0, 3, 6, 9)]
    return Findings(result, tuple(design(r, champion=r.hardware == "fast") for r in chosen))
