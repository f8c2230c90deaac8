"""``accelsim evaluate``: one network on one accelerator, a table per layer and the totals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.cli.design import HardwareName, Settings, Transforms, network_and_design
from accelsim.units import human

if TYPE_CHECKING:
    from accelsim.schedule.result import Evaluation, LayerResult, Utilization

__all__ = ["evaluate"]


def evaluate(
    network: Annotated[str, typer.Argument(help="A network's name, or the path of its YAML file.")],
    hardware: HardwareName,
    settings: Settings = None,
    transforms: Transforms = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Print what a network costs on an accelerator, layer by layer and in total."""
    from accelsim.schedule.evaluate import evaluate as evaluate_one

    result = evaluate_one(*network_and_design(network, hardware, settings, transforms))
    if as_json:
        typer.echo(json.dumps(result.as_dict(), indent=2))
    else:
        _print(result)


def _print(result: Evaluation) -> None:
    from rich.console import Console
    from rich.table import Table

    levels = _levels(result)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("layer", *(["on"] if result.parts else []), "op", "shape"):
        table.add_column(name, no_wrap=True)
    for name in ("MACs", "cycles", "util S%", "T%", "O%", *(f"{level} B" for level in levels), "energy uJ"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("bottleneck", no_wrap=True)
    for layer in result.layers:
        table.add_row(*_row(layer, levels))
    console = Console(width=max(200, Console().width), highlight=False)
    console.print(f"{result.network} on {result.hardware}   " + _parameters(result), markup=False)
    console.print(table)
    console.print(_totals(result), markup=False)


def _levels(result: Evaluation) -> dict[str, list[str]]:
    """Return column -> the memories in it: each its own, but those of a chip's parts all together."""
    shared, *inner = result.bandwidth_bytes_per_cycle
    return {shared: [shared], "on chip": inner} if result.parts else {name: [name] for name in (shared, *inner)}


def _parameters(result: Evaluation) -> str:
    return " ".join(f"{k}={v}" for k, v in {**result.network_parameters, **result.hardware_parameters}.items())


def _row(layer: LayerResult, levels: dict[str, list[str]]) -> list[str]:
    metrics = layer.metrics
    shares = [f"{100 * share:.1f}" if metrics.utilization.overall else "-" for share in _three(metrics.utilization)]
    moved = [human(sum(layer.bytes_by_level[name] for name in names)) for names in levels.values()]
    macs, cycles = human(metrics.macs) if metrics.macs else "-", f"{metrics.latency_cycles:,.0f}"
    energy = f"{metrics.energy_pj / 1e6:.2f}"
    on = [] if layer.part is None else [layer.part]
    return [layer.name, *on, layer.op, layer.shape, macs, cycles, *shares, *moved, energy, layer.waits_for]


def _three(utilization: Utilization) -> tuple[float, float, float]:
    return utilization.spatial, utilization.temporal, utilization.overall


def _totals(result: Evaluation) -> str:
    totals = result.totals
    spatial, temporal, overall = (f"{100 * share:.1f} %" for share in _three(totals.utilization))
    area = "not modelled" if totals.area_mm2 is None else f"{totals.area_mm2:.2f} mm2"
    missing = result.not_modelled
    clock, peak = f"{result.clock_hz / 1e6:g} MHz", f"{result.peak_macs_per_cycle:,.0f} MACs/cycle"
    return "\n".join(
        [
            "",
            f"parameters   {totals.params:,}",
            f"MACs         {totals.macs:,}",
            f"latency      {totals.latency_ms:.3f} ms = {totals.latency_cycles:,.0f} cycles at {clock}",
            f"utilization  spatial {spatial} x temporal {temporal} = overall {overall} of {peak}",
            f"energy       {totals.energy_pj / 1e9:.3f} mJ"
            + (f" (not modelled: {', '.join(missing)})" if missing else ""),
            f"             {_shares(result.energy_pj, totals.energy_pj)}",
            f"{next(iter(result.bandwidth_bytes_per_cycle))} traffic".ljust(12) + f" {totals.dram_bytes / 1e6:.2f} MB",
            f"peak memory  {totals.peak_memory_bytes / 1024:,.0f} KiB of activations",
            f"area         {area}",
            f"             {_parts(result.area_mm2)}",
        ]
    )


def _shares(energies: dict[str, float | None], total: float) -> str:
    """Return what takes how much of the energy, the most first."""
    known = {name: energy for name, energy in energies.items() if energy}
    return ", ".join(f"{name} {100 * energy / total:.1f} %" for name, energy in known.items())


def _parts(areas: dict[str, float | None]) -> str:
    return ", ".join(f"{name} {'not modelled' if area is None else f'{area:.3g} mm2'}" for name, area in areas.items())
