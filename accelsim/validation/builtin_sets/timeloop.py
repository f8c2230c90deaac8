"""Timeloop's model: layers whose mapping is written down."""

from __future__ import annotations

import numpy as np

from accelsim.validation.builtin_sets.table import Row, read_table
from accelsim.validation.sets import SETS, Comparison, Files, Kind, ReferenceFile, ReferenceSet, Scope, Series

__all__ = ["compare"]

_SIZES = ("c", "k", "f", "s", "oh", "ow")
#: Column -> what it is, and the figure of the model.
_COUNTS = {
    "cycles": ("cycles", "cycles"),
    "dram_scalar_reads": ("DRAM reads", "outer_reads"),
    "dram_scalar_updates_fills": ("DRAM writes", "outer_updates"),
    "gbuf_scalar_reads": ("buffer reads", "buffer_reads"),
    "gbuf_scalar_fills": ("buffer fills", "buffer_fills"),
    "gbuf_scalar_updates": ("buffer updates", "buffer_updates"),
}


def compare(files: Files) -> Comparison:
    """Return cycles and words moved of layers with a written mapping.

    Raises:
        InputError: A column is missing, or a cell is no such number or no mapping.
    """
    needed = ("network", "layer", "kind", "array", "dataflow", "mapping", *_SIZES, *_COUNTS)
    table = read_table(files["fixed_mapping"], needed)
    found = np.array([_figures(row) for row in table.rows])
    names = tuple(
        f"{network} {layer}" for network, layer in zip(table.words("network"), table.words("layer"), strict=True)
    )
    series = [
        Series(
            what=what,
            unit="" if column == "cycles" else "words",
            scope=Scope.LAYER,
            names=names,
            groups=table.words("dataflow"),
            predicted=found[:, place],
            reference=table.numbers(column),
        )
        for place, (column, (what, _)) in enumerate(_COUNTS.items())
    ]
    return Comparison(tuple(series))


def _figures(row: Row) -> list[float]:
    from accelsim.validation.timeloop import figures, layer_of

    channels, kernels, size, stride, high, wide = (row.whole(name) for name in _SIZES)
    down, by, across = row["array"].partition("x")
    if not (by and down.isdecimal() and across.isdecimal()):
        raise row.mistake("array", "rows and columns, such as 32x32")
    with row.placed():
        op = layer_of((high, wide), channels, kernels, size, stride, depthwise=row["kind"] == "dw")
        found = figures(op, row["mapping"], int(down) * int(across))
    return [float(getattr(found, figure)) for _, figure in _COUNTS.values()]


SETS.register("timeloop")(
    ReferenceSet(
        title="Given mappings: Timeloop 3.0.3",
        kind=Kind.TOOL,
        source="Timeloop 3.0.3 (NVlabs/timeloop), its model without its mapper",
        compared="The same loop nest, level by level, on 32 x 32 weight- and output-stationary machines with an 8 MB "
        "buffer: the model's own counts of steps and of words moved, in the conventions of that tool "
        "(`accelsim/validation/timeloop.py`).",
        not_modelled="Its energy (Accelergy tables) is not compared, and neither is its mapper. It adds the time of no "
        "level to another's: where the array waits for the first tile, it and this set do not count it.",
        compare=compare,
        files=(ReferenceFile("fixed_mapping", ("timeloop_fixed_mapping.csv", "timeloop/fixed_mapping.csv")),),
    )
)
