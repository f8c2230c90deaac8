"""Arm Ethos-U: estimates of the vendor's compiler, of single layers and of whole networks."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from accelsim.validation.builtin_sets.table import Row, Table, read_table
from accelsim.validation.sets import SETS, Comparison, Files, Kind, ReferenceFile, ReferenceSet, Scope, Series

if TYPE_CHECKING:
    from accelsim.engines.ethos_u import Estimate, Layer, Spread
    from accelsim.engines.ethos_u import Kind as LayerKind

__all__ = ["FILES", "SAME_SIZES", "SIZES", "compare", "spelt"]

#: Single layers, ops of networks, and totals.
FILES = (
    ReferenceFile("layers", ("ethos_u/single_layers.csv", "single_layers.csv")),
    ReferenceFile("ops", ("ethos_u/networks_per_op.csv", "networks_per_op.csv")),
    ReferenceFile("totals", ("ethos_u/networks_summary.csv", "networks_summary.csv")),
)
#: Columns with the sizes of a layer.
SIZES = ("ih", "iw", "c", "k", "fh", "stride", "oh", "ow")
#: Figure -> what it is, and the columns that make it up, in the file of single layers and in that of ops.
_CYCLES = {
    "npu_cycles": ("NPU cycles", ("npu_cycles",), ("npu_cycles",)),
    "sram_cycles": ("SRAM cycles", ("sram_access_cycles",), ("sram_ac_cycles",)),
    "far_cycles": (
        "flash and DRAM cycles",
        ("dram_access_cycles", "offchip_flash_cycles"),
        ("dram_ac_cycles", "offchip_flash_ac_cycles"),
    ),
    "cycles": ("cycles", ("op_cycles",), ("op_cycles",)),
}
#: Figure -> what it is, its unit, and the columns of the file of totals.
_TOTALS = {
    "cycles": ("cycles", "", ("cycles_total",)),
    "sram_bytes": ("SRAM bytes", "B", ("sram_total_bytes",)),
    "far_bytes": ("flash and DRAM bytes", "B", ("dram_total_bytes", "off_chip_flash_total_bytes")),
}
#: A network whose file has no sizes -> the network with the same, and the deviation of its weights. Its weights are
#: published; they take 5.74 bits each in the compiler's code, as normal weights of this deviation do.
SAME_SIZES = {"mobilenet_v1_1.0_224_quant_embedding_extractor": ("gen_mobilenet_v1", 9.8)}


def compare(files: Files) -> Comparison:
    """Return cycles of layers and ops, and cycles and bytes of networks.

    Raises:
        InputError: A column is missing, or a cell is no such number, layer or machine.
    """
    return Comparison((*_layers(files), *_networks(files)))


# ------------------------------------------------------------------------------------------------ layers alone
def _layers(files: Files) -> list[Series]:
    from accelsim.engines.ethos_u import Kind as LayerKind
    from accelsim.engines.ethos_u import estimate, npu, system

    columns = (name for _, names, _ in _CYCLES.values() for name in names)
    table = read_table(files["layers"], ("layer", "kind", "accelerator", "system_config", "fw", *SIZES, *columns))
    kinds = {"dw": LayerKind.DEPTHWISE, "conv": LayerKind.CONVOLUTION, "fc": LayerKind.FULLY_CONNECTED}
    found = []
    for row in table.rows:
        if row["kind"] not in kinds:
            raise row.mistake("kind", ", ".join(kinds))
        with row.placed():
            layer = _layer(row, kinds[row["kind"]], row.whole("fw"))
            found.append(estimate(layer, npu(spelt(row["accelerator"])), system(spelt(row["system_config"]))))
    return [
        _series(f"layers: {what}", "", Scope.LAYER, table, table.words("layer"), found, figure, names)
        for figure, (what, names, _) in _CYCLES.items()
    ]


def _layer(row: Row, kind: LayerKind, across: int) -> Layer:
    from accelsim.engines.ethos_u import Layer

    high, wide, deep, out, down, stride, rows, columns = (row.whole(name) for name in SIZES)
    return Layer(
        kind=kind, ifm=(high, wide, deep), ofm=(rows, columns, out), kernel=(down, across), stride=(stride, stride)
    )  # fmt: skip


def spelt(name: str) -> str:
    """Return a name of the compiler as the engine spells it."""
    return name.lower().replace("_", "-")


def _series(
    what: str,
    unit: str,
    scope: Scope,
    table: Table,
    names: tuple[str, ...],
    found: list[Estimate],
    figure: str,
    columns: tuple[str, ...],
) -> Series:
    return Series(
        what=what,
        unit=unit,
        scope=scope,
        names=names,
        groups=tuple(spelt(name) for name in table.words("accelerator")),
        predicted=np.array([float(getattr(one, figure)) for one in found]),
        reference=np.sum([table.numbers(name) for name in columns], axis=0),
    )


# ---------------------------------------------------------------------------------------------- whole networks
def _networks(files: Files) -> list[Series]:
    from accelsim.engines.ethos_u import chain, npu, system

    cycles = (name for _, _, names in _CYCLES.values() for name in names)
    ops = read_table(files["ops"], ("model", "accelerator", "npu_op", "name", *SIZES, *cycles))
    sums = (name for _, _, names in _TOTALS.values() for name in names)
    totals = read_table(files["totals"], ("model", "accelerator_configuration", "system_config", *sums))
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in ops.rows:
        groups[row["model"], spelt(row["accelerator"])].append(row)
    done: dict[tuple[str, str], list[Estimate]] = {}
    for total in totals.rows:
        key = (total["model"], spelt(total["accelerator_configuration"]))
        if key not in groups:
            raise total.mistake("model", "a network that the file of ops has, on the same machine")
        layers, spread = _layers_of(key, groups)
        with total.placed():
            done[key] = chain(layers, npu(key[1]), system(spelt(total["system_config"])), spread)
    kept = [
        (key, row, one) for key, rows in groups.items() if key in done for row, one in zip(rows, done[key], strict=True)
    ]
    table = Table(ops.file, tuple(row for _, row, _ in kept))
    # An op is named after the path of its tensor, whose end says which it is.
    names = tuple(f"{'/'.join(row['name'].split('/')[-2:])} of {key[0]}" for key, row, _ in kept)
    found = [one for _, _, one in kept]
    series = [
        _series(f"ops of networks: {what}", "", Scope.LAYER, table, names, found, figure, columns)
        for figure, (what, _, columns) in _CYCLES.items()
    ]
    for figure, (what, unit, columns) in _TOTALS.items():
        series.append(
            Series(
                what=f"networks: {what}",
                unit=unit,
                scope=Scope.NETWORK,
                names=totals.words("model"),
                groups=tuple(machine for _, machine in done),
                predicted=np.array([float(sum(getattr(one, figure) for one in network)) for network in done.values()]),
                reference=np.sum([totals.numbers(name) for name in columns], axis=0),
            )
        )
    return series


def _layers_of(key: tuple[str, str], groups: dict[tuple[str, str], list[Row]]) -> tuple[list[Layer], Spread]:
    """Return the layers of a network on a machine, and how its weights are spread."""
    from accelsim.engines.ethos_u import Spread

    model, machine = key
    rows = groups[key]
    if model not in SAME_SIZES:
        return _chained(rows), Spread()
    twin, deviation = SAME_SIZES[model]
    if (twin, machine) not in groups:
        raise rows[0].mistake("model", f"the sizes of {twin} on the same machine")
    return _chained(groups[twin, machine][: len(rows)]), Spread(deviation)


def _chained(rows: list[Row]) -> list[Layer]:
    """Return layers one after the other. Sums and pools have no sizes in the file: they take what came before."""
    from accelsim.engines.ethos_u import Kind as LayerKind
    from accelsim.engines.ethos_u import Layer

    kinds = {
        "Conv2D": LayerKind.CONVOLUTION,
        "DepthwiseConv2D": LayerKind.DEPTHWISE,
        "FullyConnected": LayerKind.FULLY_CONNECTED,
    }
    layers: list[Layer] = []
    for row in rows:
        op = row["npu_op"]
        if op in kinds:
            layers.append(_layer(row, kinds[op], row.whole("fh")))
            continue
        if not layers or op not in ("Add", "MaxPool", "AvgPool"):
            raise row.mistake("npu_op", f"{', '.join(kinds)}, and after these Add, MaxPool, AvgPool")
        shape = layers[-1].ofm
        high, wide, deep = shape
        if op == "Add":
            layers.append(Layer(kind=LayerKind.ADD, ifm=shape, ofm=shape, inputs=2))
        elif op == "MaxPool":
            halved = (high // 2, wide // 2, deep)
            layers.append(Layer(kind=LayerKind.MAX_POOL, ifm=shape, ofm=halved, kernel=(3, 3), stride=(2, 2)))
        else:
            layers.append(Layer(kind=LayerKind.AVERAGE_POOL, ifm=shape, ofm=(1, 1, deep), kernel=(high, wide)))
    return layers


SETS.register("ethos_u")(
    ReferenceSet(
        title="Arm Ethos-U: estimates of the vendor's compiler",
        kind=Kind.VENDOR,
        source="Arm Vela 5.2.0 (Apache-2.0), int8: cycles of every resource by op, and totals of networks",
        compared="Networks of one layer, and MobileNetV1, ResNet-18 and ResNet-50, layer by layer and in total, with "
        "the block and the staging of weights that the model itself chooses. How many bits the weights take is the law "
        "of normal weights: deviation 30 as the generated networks have, and for the trained MobileNetV1 one deviation "
        "(9.8) for all layers, which gives the 5.74 bits a weight that it takes.",
        not_modelled="The compiler is itself an estimate: these are its figures, not a chip's. The model does not know "
        "the weights of each layer of the trained network: where it stages others of them than the compiler does, "
        "cycles and bytes of the memories are off for that op. Windows of pools and operands of sums are not in the "
        "files and are those of the published networks.",
        compare=compare,
        files=FILES,
    )
)
