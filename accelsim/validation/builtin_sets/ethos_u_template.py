"""Arm Ethos-U through hardware templates: what an evaluation says, against estimates of the vendor's compiler."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from accelsim.validation.builtin_sets.ethos_u import FILES, SAME_SIZES, SIZES, spelt
from accelsim.validation.builtin_sets.table import Floats, Row, Table, read_table
from accelsim.validation.sets import SETS, Comparison, Files, Kind, ReferenceSet, Scope, Series

if TYPE_CHECKING:
    from accelsim.hardware.accelerator import Accelerator
    from accelsim.workload.network import Network
    from accelsim.workload.ops import Op

__all__ = ["compare"]

#: A network of the files -> the bundled one.
_BUNDLED = {f"gen_{name}": name for name in ("mobilenet_v1", "resnet18", "resnet50")}
#: The compiler's runs were given more on-chip memory than they needed.
_SRAM_KIB = 8192


def compare(files: Files) -> Comparison:
    """Return cycles of layers alone, of ops of networks, and of networks.

    Raises:
        InputError: A column is missing, or a cell is no such number, layer, network or machine.
    """
    return Comparison((*_layers(files), *_networks(files)))


@dataclass(frozen=True, slots=True)
class _Cycles:
    """Cycles of steps, shape ``(steps,)``: of the NPU alone, and with memories that are slower."""

    npu: Floats
    all: Floats


def _cycles(network: Network, design: Accelerator) -> _Cycles:
    from accelsim.schedule.run import run
    from accelsim.schedule.steps import plan

    steps = plan(network, design.abilities)
    found = run([steps], design)
    mapped = [found.mapped(place, 0) for place in range(len(steps.steps))]
    return _Cycles(np.array([front.demand.cycles[row] for front, row in mapped]), found.latency_cycles[:, 0])


def _design(row: Row, machine: str, system_config: str) -> Accelerator:
    """Return the design of a template with the MACs, the clock and the memories of a row."""
    from accelsim.engines.ethos_u import npu, system
    from accelsim.hardware.load import accelerator_template

    name, around = npu(spelt(row[machine])), system(spelt(row[system_config]))
    family = name.family.rpartition("-")[2]
    port = {"u55": 8, "u65": 16, "u85": 16}[family]
    share = around.weights.bytes_per_cycle / port
    given: dict[str, float] = {"macs": name.macs, "clock_mhz": int(around.clock_hz / 1e6), "sram_kib": _SRAM_KIB}
    given["flash_share" if family == "u55" else "dram_share"] = share
    if family == "u85":
        given |= {"sram_ports": around.sram.bytes_per_cycle / port, "sram_latency": around.sram.read_latency}
    return accelerator_template(f"ethos_{family}").instantiate(given)


# ------------------------------------------------------------------------------------------------ layers alone
def _layers(files: Files) -> list[Series]:
    from accelsim.workload.network import INPUT, Network, Node

    columns = ("layer", "kind", "accelerator", "system_config", "fw", *SIZES, "npu_cycles", "op_cycles")
    table = read_table(files["layers"], columns)
    found = [
        _cycles(Network("alone", (Node("only", _op(row), (INPUT,)),)), _design(row, "accelerator", "system_config"))
        for row in table.rows
    ]
    return _series("layers", table, table.words("layer"), found, "accelerator")


def _op(row: Row) -> Op:
    """Return a layer by its loops: its windows may reach further over one edge than over the other."""
    from accelsim.workload.ops import Op
    from accelsim.workload.ops.op import loops

    high, wide, deep, out, down, stride, rows, columns = (row.whole(name) for name in SIZES)
    across = row.whole("fw")
    if row["kind"] == "fc":
        return Op("fully_connected", loops(C=deep, K=out))
    if row["kind"] not in ("dw", "conv"):
        raise row.mistake("kind", "dw, conv, fc")
    alone = row["kind"] == "dw"
    channels = {"G": deep} if alone else {"C": deep, "K": out}
    over = [
        max((outputs - 1) * stride + taps - size, 0)
        for outputs, taps, size in ((rows, down, high), (columns, across, wide))
    ]
    return Op(
        "convolution",
        loops(**channels, OY=rows, OX=columns, FY=down, FX=across),
        stride=(1, stride, stride),
        padding=(0, over[0] // 2, over[1] // 2),
        extent=(1, high, wide),
    )


def _series(what: str, table: Table, names: tuple[str, ...], found: list[_Cycles], machine: str) -> list[Series]:
    """Return the cycles of steps, those of all networks one after the other."""
    return [
        Series(
            what=f"{what}: {words}",
            unit="",
            scope=Scope.LAYER,
            names=names,
            groups=tuple(map(spelt, table.words(machine))),
            predicted=np.concatenate([getattr(one, figure) for one in found]),
            reference=table.numbers(column),
        )
        for figure, words, column in (("npu", "NPU cycles", "npu_cycles"), ("all", "cycles", "op_cycles"))
    ]


# ---------------------------------------------------------------------------------------------- whole networks
def _networks(files: Files) -> list[Series]:
    machine = "accelerator_configuration"
    totals = read_table(files["totals"], ("model", machine, "system_config", "cycles_npu", "cycles_total"))
    ops = read_table(files["ops"], ("model", "accelerator", "npu_op", "name", "npu_cycles", "op_cycles"))
    found: list[_Cycles] = []
    rows: list[Row] = []
    for total in totals.rows:
        network, design = _network(total), _design(total, machine, "system_config")
        if total["model"] in SAME_SIZES:
            design = _with_deviation(design, SAME_SIZES[total["model"]][1])
        found.append(_cycles(network, design))
        own = [row for row in ops.where("model", total["model"]).rows if _same(row["accelerator"], total[machine])]
        rows += _shortcuts_last(own)
        if len(own) != len(found[-1].npu):
            raise total.mistake("model", f"a network of {len(found[-1].npu)} ops in the file of ops")
    table = Table(ops.file, tuple(rows))
    names = tuple(f"{'/'.join(row['name'].split('/')[-2:])} of {row['model']}" for row in rows)
    series = _series("ops of networks", table, names, found, "accelerator")
    for figure, words, column in (("npu", "NPU cycles", "cycles_npu"), ("all", "cycles", "cycles_total")):
        series.append(
            Series(
                what=f"networks: {words}",
                unit="",
                scope=Scope.NETWORK,
                names=totals.words("model"),
                groups=tuple(map(spelt, totals.words(machine))),
                predicted=np.array([getattr(one, figure).sum() for one in found]),
                reference=totals.numbers(column),
            )
        )
    return series


def _same(one: str, other: str) -> bool:
    return spelt(one) == spelt(other)


def _network(row: Row) -> Network:
    """Return the network of a row; one whose file has no sizes is its twin without the classifier."""
    from accelsim.workload.load import load_network
    from accelsim.workload.network import Network

    model = row["model"]
    known = SAME_SIZES[model][0] if model in SAME_SIZES else model
    if known not in _BUNDLED:
        raise row.mistake("model", ", ".join((*_BUNDLED, *SAME_SIZES)))
    network = load_network(_BUNDLED[known])
    return network if known == model else Network(model, tuple(network.nodes[:-1]))


def _with_deviation(design: Accelerator, deviation: float) -> Accelerator:
    """Return a design with the standard deviation that the weights of a network have."""
    blocks = design.array.blocks
    if blocks is None:
        return design
    settings = tuple(
        (name, np.array([deviation]) if name == "weight_deviation" else value) for name, value in blocks.settings
    )
    return replace(design, array=replace(design.array, blocks=replace(blocks, settings=settings)))


def _shortcuts_last(rows: list[Row]) -> list[Row]:
    """Return rows with the convolution of a shortcut behind the others of its block, as bundled networks have it."""
    ordered: list[Row] = []
    waiting: list[Row] = []
    for row in rows:
        if row["name"].endswith("_ds"):
            waiting.append(row)
            continue
        if row["npu_op"] == "Add":
            ordered += waiting
            waiting = []
        ordered.append(row)
    return [*ordered, *waiting]


SETS.register("ethos_u_template")(
    ReferenceSet(
        title="Arm Ethos-U through its hardware templates",
        kind=Kind.VENDOR,
        source="Arm Vela 5.2.0 (Apache-2.0), int8: the same files as `ethos_u`",
        compared="What `accelsim evaluate` says with the templates `ethos_u55`, `ethos_u65` and `ethos_u85` at the "
        "compiler's machines: single layers, and the bundled MobileNetV1, ResNet-18 and ResNet-50, "
        "op by op and in total. Residency, the order of steps and what a layer leaves to the next are those of every "
        "evaluation. Weights are spread as in `ethos_u`.",
        not_modelled="As in `ethos_u`. The compiler runs the convolution of a ResNet's shortcut before the others of "
        "its block, the bundled networks behind them, so that other weights come under other layers.",
        compare=compare,
        files=FILES,
    )
)
