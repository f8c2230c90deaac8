"""The same mappings in Timeloop (v3.0.3): cycles and words moved are equal on every row."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from accelsim.errors import InputError
from accelsim.validation.timeloop import Figures, figures, layer_of

_FILE = Path(__file__).parent.parent / "reference" / "timeloop_fixed_mapping.csv"


def rows() -> Iterator[dict[str, str]]:
    with _FILE.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def computed(row: dict[str, str]) -> Figures:
    channels, kernels, size, stride, high, wide = (int(row[name]) for name in ("c", "k", "f", "s", "oh", "ow"))
    op = layer_of((high, wide), channels, kernels, size, stride, depthwise=row["kind"] == "dw")
    assert op.macs == int(row["macs"])
    down, across = map(int, row["array"].split("x"))
    return figures(op, row["mapping"], down * across)


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: f"{row['network']} {row['layer']} {row['dataflow']}")
def test_every_figure_is_equal(row: dict[str, str]) -> None:
    found = computed(row)
    assert found.cycles == int(row["cycles"])
    assert f"{found.utilization:.2f}" == row["utilization"]
    assert found.outer_reads == float(row["dram_scalar_reads"])
    assert found.outer_updates == float(row["dram_scalar_updates_fills"])
    assert found.buffer_reads == float(row["gbuf_scalar_reads"])
    assert found.buffer_fills == float(row["gbuf_scalar_fills"])
    assert found.buffer_updates == float(row["gbuf_scalar_updates"])


def test_there_are_all_rows() -> None:
    assert len(list(rows())) == 122


_LAYER = layer_of((2, 2), 2, 2, 1, 1)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("DRAM temporal C2 | Cache temporal K2", "Cache temporal K2"),
        ("DRAM temporal C2 | GBuf twice K2", "GBuf twice K2"),
        ("DRAM temporal C2 | GBuf temporal X2", "GBuf temporal X2"),
        ("DRAM temporal C2 | GBuf temporal K2 P2", "factors of OY cover 1 of 2"),
        ("DRAM temporal C2 | GBuf temporal K2 P2 Q2 K2", "named twice"),
        ("DRAM temporal C2 | GBuf temporal K2 | GBuf temporal P2 Q2", "named twice"),
        ("DRAM temporal C2 K2 P2 Q2", "an outer and an inner level"),
        ("DRAM temporal C2 | GBuf temporal P2 Q2 | GBuf spatial C4 K2 | WReg temporal N1", "at most 4 PEs"),
        ("DRAM temporal C2 K2 P2 | GBuf temporal Q2 |", "a level of DRAM"),
        ("", "a level of DRAM"),
    ],
)
def test_mistakes_in_a_mapping_are_named(written: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        figures(_LAYER, written, 4)


def test_a_mapping_by_hand() -> None:
    """Two kernels over two columns of PEs, two channels one after the other; rows and columns of pixels in the buffer.

    Inputs cross once for both PEs: 2 channels x 4 pixels; weights at every step: 4 pixels x 4. Sums of channel 0 leave
    for the buffer and come back for channel 1: 8 words each way, besides the final 8.
    """
    written = "DRAM temporal N1 | GBuf temporal C2 Q2 P2 | GBuf spatial K2 | AReg temporal N1"
    found = figures(_LAYER, written, 2)
    assert found == Figures(
        cycles=8,
        utilization=1.0,
        outer_reads=4 + 8,
        outer_updates=8,
        buffer_reads=8 + 4 * 4 + 8,
        buffer_fills=4 + 8,
        buffer_updates=8 + 8,
    )
