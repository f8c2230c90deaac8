"""NVIDIA's performance workbook (nvdla/hw, ``perf``): its sheets, figures quoted from them, and the NVDLA primer."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from accelsim.engines.nvdla.workbook import Figures, Step, Workbook, figures, sram_images
from accelsim.errors import InputError
from accelsim.workload.ops import Bits, Op, make
from accelsim.workload.ops.op import loops

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "nvdla"
absent = pytest.mark.skipif(not REFERENCE.is_dir(), reason="NVIDIA's sheets may not be copied, and are not here")

Row = list[str]


def conv(channels: int, side: int, kernels: int, window: int, stride: int = 1, *, same: bool = True) -> Op:
    """Return a square convolution of one image; without padding, the last rows may stay unseen."""
    outputs = -(-side // stride) if same else (side - window) // stride + 1
    before = max(0, ((outputs - 1) * stride + window - side) // 2)
    sizes = loops(K=kernels, C=channels, OY=outputs, OX=outputs, FY=window, FX=window)
    return Op("convolution", sizes, (1, stride, stride), padding=(0, before, before), extent=(1, side, side))


def read(network: str) -> tuple[list[Row], list[Step]]:
    """Return the lines of a sheet and the layers they are about."""
    with (REFERENCE / f"nvdla_sheet_{network}.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if len(row) > 40 and (row[3] == "fc" or row[3].startswith("conv"))]
    steps = []
    for row in rows:
        channels, height, _, kernels, window = (int(float(cell)) for cell in row[4:9])
        if row[3] == "fc":
            steps.append(Step(op=Op("fully_connected", loops(K=kernels, C=channels * height * height))))
            continue
        op = conv(channels, height, kernels, window, int(row[11]), same=row[10] == "True")
        stored = kernels * int(row[20]) * int(row[21]) if row[15] == "True" else None
        steps.append(Step(op=op, stored=stored, added="elwise" in row[3]))
    return rows, steps


def book(**cells: Any) -> Workbook:
    """Return the head of the given sheets: 2048 multipliers, 512 KB, 10 GB/s."""
    return Workbook(**cells)


#: Network, head of the sheet, columns of MAC cycles, of the most cycles, of the long pole; frames per second.
SHEETS = [
    ("alexnet", {"pixel_channels": 3, "classified": 16, "sram_kib": 4096, "images": 18}, (36, 37, 38), 1690.686925),
    ("alexnet", {"pixel_channels": 3, "classified": 16}, (42, 43, 44), 1116.764966),
    ("resnet50", {"classified": 16, "sram_kib": 4096}, (35, 36, 37), 193.740478),
    ("resnet50", {"cell_multipliers": 16}, (43, 44, 45), 140.574),
]


@absent
@pytest.mark.parametrize(("network", "cells", "columns", "rate"), SHEETS)
def test_every_layer_of_every_sheet_has_its_mac_cycles_and_its_long_pole(
    network: str, cells: dict[str, Any], columns: tuple[int, int, int], rate: float
) -> None:
    rows, steps = read(network)
    found = figures(steps, book(**cells))
    assert len(found) == {"alexnet": 11, "resnet50": 54}[network]
    for row, layer in zip(rows, found, strict=True):
        assert layer.mac_cycles == float(row[columns[0]]), row[2]
        assert layer.most_cycles == pytest.approx(float(row[columns[1]]), abs=1.5), row[2]
        assert layer.long_pole == row[columns[2]], row[2]
    assert 1e9 / sum(layer.most_cycles for layer in found) == pytest.approx(rate, rel=1e-5)


@absent
def test_traffic_of_the_sheets_is_that_of_the_model() -> None:
    rows, steps = read("resnet50")
    for row, layer in zip(rows, figures(steps, book(classified=16, sram_kib=4096)), strict=True):
        assert layer.dram_kib == pytest.approx(float(row[29]), abs=1e-3), row[2]
        assert layer.sram_read_kib == pytest.approx(float(row[31]), abs=1e-3), row[2]
        assert layer.sram_write_kib == pytest.approx(float(row[33]), abs=0.01), row[2]
    for row, layer in zip(rows, figures(steps, book()), strict=True):
        assert layer.dram_kib == pytest.approx(float(row[40]), abs=0.01), row[2]


@absent
def test_images_that_share_weights_are_as_many_as_the_sram_holds() -> None:
    _, steps = read("alexnet")
    assert sram_images(steps, book(pixel_channels=3, sram_kib=4096)) == 18


@absent
def test_the_primers_frame_rates_come_out_of_the_same_arithmetic() -> None:
    _, steps = read("resnet50")
    found = []
    with (REFERENCE / "primer_configs.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            cells = book(
                multipliers=int(row["macs_int8"]),
                buffer_kib=float(row["conv_buffer_KB"]),
                dram=float(row["sdram_bw_GBps"]),
                winograd=int(row["macs_int8"]) == 2048,
                cell_multipliers=16,
            )
            rate = 1e9 / sum(layer.most_cycles for layer in figures(steps, cells))
            found.append(rate / float(row["resnet50_int8_fps_at_1GHz"]))
    assert found == pytest.approx([1.0, 1.0, 1.03], abs=0.002)


def one(op: Op, **cells: Any) -> Figures:
    """Return the figures of a layer that reads the image from DRAM."""
    return figures([Step(op=op)], book(**cells))[0]


def test_quoted_first_layers() -> None:
    # ResNet-50 conv1: 112 x 112 x 64 outputs, 7 x 7 x 4 (a pixel has four bytes) each, at 2048 a cycle.
    assert one(conv(3, 224, 64, 7, 2)).mac_cycles == 76_832
    # The filter becomes 8 x 8, so that the stride divides it: 64 x 4 x 64 bytes, beside an image of 196 KiB.
    assert one(conv(3, 224, 64, 7, 2), sram_kib=4096).dram_kib == 196 + 16
    # AlexNet conv1: (224 - 11) / 4 + 1 = 54 outputs without padding, three bytes a pixel.
    assert one(conv(3, 224, 96, 11, 4, same=False), pixel_channels=3).mac_cycles == 49_617.5625


def test_a_winograd_layer_takes_four_ninths_of_the_cycles_and_sixteen_ninths_of_the_weights() -> None:
    layer = conv(256, 13, 384, 3)
    with_it, without = one(layer), one(layer, winograd=False)
    assert with_it.mac_cycles == 32_448
    assert without.mac_cycles == 32_448 * 2.25
    features = (256 + 384) * 169 / 1024
    assert without.dram_kib - features == pytest.approx(864)
    assert with_it.dram_kib - features == pytest.approx(1536)


def test_the_larger_operand_is_read_again_where_neither_fits() -> None:
    # Res3a_branch1: 784 KiB in, 512 KiB of weights (1 x 1 of stride 2 becomes 2 x 2), 392 KiB out. Of 512 KiB, 28 hold
    # the least of the input (two rows), so the weights come in two shares and the input twice.
    layer = conv(256, 56, 512, 1, 2)
    assert one(layer).dram_kib == 2 * 784 + 512 + 392
    assert one(layer, buffer_kib=541).dram_kib == 784 + 512 + 392
    # In 20 KiB not even two rows fit; the weights then pass in ceil(512 / 20) + 1 shares.
    assert one(layer, buffer_kib=20).dram_kib == 27 * 784 + 512 + 392


def test_features_stay_in_the_sram_until_it_has_passed_more_than_it_holds() -> None:
    layers = [Step(op=conv(64, 56, 64, 3)) for _ in range(4)]
    small, none = figures(layers, book(sram_kib=500)), figures(layers, book())
    # Each map has 196 KiB: the first layer writes one, the others read one and write one: 196, 588, 980, ...
    assert [layer.dram_kib for layer in small] == [196 + 64, 64, 64 + 196, 64 + 196]
    assert [layer.sram_read_kib for layer in small] == [0, 196, 196, 196]
    assert [layer.sram_write_kib for layer in small] == [196] * 4
    assert [layer.dram_kib for layer in none] == [64 + 2 * 196] * 4


def test_an_addition_reads_its_second_tensor_only_without_an_sram() -> None:
    plain, added = (Step(op=conv(64, 56, 256, 1), added=flag) for flag in (False, True))
    assert figures([added], book())[0].dram_kib - figures([plain], book())[0].dram_kib == 784
    assert figures([added], book(sram_kib=4096)) == figures([plain], book(sram_kib=4096))


def test_pooling_on_the_way_makes_the_result_small() -> None:
    op = conv(64, 56, 64, 3)
    assert figures([Step(op=op, stored=64 * 28 * 28)], book())[0].dram_kib == 196 + 64 + 49


def test_weights_are_shared_by_the_images_of_a_batch() -> None:
    fc = Op("fully_connected", loops(K=4096, C=9216))
    # AlexNet fc1 of 16 images: 36864 / 16 + 9 KiB, as the sheet has it; 10 GB/s are 10.24 bytes per nanosecond.
    layer = figures([Step(op=conv(256, 6, 256, 1)), Step(op=fc)], book(classified=16, sram_kib=4096))[1]
    assert layer.dram_kib == 2313
    assert layer.cycles == {"MAC": 18_432, "DRAM": 231_300, "CVSRAM-R": 360, "CVSRAM-W": 160}
    assert layer.long_pole == "DRAM"


def test_few_kernels_leave_multipliers_idle_only_where_the_sheet_says_so() -> None:
    assert one(conv(64, 56, 64, 1)).mac_cycles == 56 * 56 * 64 * 64 / 2048
    assert one(conv(64, 56, 64, 1), cell_multipliers=16).mac_cycles == 56 * 56 * 64 * 64 / 1024
    assert one(conv(64, 56, 128, 1), cell_multipliers=16) == one(conv(64, 56, 128, 1))
    assert one(conv(64, 56, 64, 1), cell_multipliers=16, multipliers=256).mac_cycles == 56 * 56 * 64 * 64 / 256


def test_cycles_and_traffic_keep_to_the_laws() -> None:
    for op in (conv(64, 56, 64, 3), conv(512, 14, 1024, 1, 2), conv(3, 224, 64, 7, 2)):
        layer = one(op)
        assert layer.mac_cycles >= op.macs / 2048 / 2.25
        assert layer.dram_kib * 1024 >= op.weights + op.output_elements
        for more in ({"multipliers": 4096}, {"buffer_kib": 1024}, {"dram": 20}):
            assert one(op, **more).most_cycles <= layer.most_cycles


def test_a_layer_that_no_sheet_has_is_refused(problems_of: Any) -> None:
    pool = make.pool("max_pool", (1, 64, 56, 56), (2, 2))
    wide = replace(conv(64, 56, 64, 3), bits=Bits(W=16, I=16, O=16))
    batch = Op("fully_connected", loops(B=2, K=8, C=8))
    for op in (wide, batch, pool):
        (problem,) = problems_of(figures, [Step(op=op)], book())
        assert problem.field == "workbook.step"
        assert "one image" in problem.message


@pytest.mark.parametrize("cell", ["multipliers", "buffer_kib", "dram", "sram_read", "images", "cell_multipliers"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_cell_of_nonsense_is_refused(problems_of: Any, cell: str, value: float) -> None:
    (problem,) = problems_of(Workbook, **{cell: value})
    assert problem.field == f"workbook.{cell}"


def test_an_sram_has_no_negative_size() -> None:
    with pytest.raises(InputError, match="sram_kib"):
        Workbook(sram_kib=-1)
