"""Reading a sheet of the performance workbook: one by hand, and what is wrong with a damaged one."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.dims import Dim
from accelsim.errors import InputError
from accelsim.validation.builtin_sets.nvdla_sheet import Sheet, read_sheet
from accelsim.validation.sets import Comparison, run_set
from tests.conftest import Write

HEAD = """\
,Convolution input buffer (KB),512
,Number of Multiplier(16bit),2048
,Frequency,1000
,CVSRAM read BW limitation,25
,CVSRAM write BW Limitation,25
,DRAM BW Limitation,10,,,SRAM=4M
,FC batch size,2,,,4096
"""
COLUMNS = (
    "Layer,Layer attribute,#input feature maps C,Input Height H,#output feature maps K,Filter Height R,Zero Padding Z,"
    "Vertical  Conv Srtide H,Pooling after Conv,Height after Pooling A,Height after Pooling B,Input data size,"
    "DRAM Traffic,MAC cycles,MAX Cycles,Long Pole,DRAM Traffic,MAC Cycles,MAX Cycle,Long Pole\n"
)
#: 8 x 8 pixels of three bytes, 32 kernels of 3 x 3; its results are pooled to 4 x 4. Two of 4 x 4 x 32 to 64 follow.
FIRST = "one,conv,3,8,32,3,True,1,True,4,4,0.1875,1,2,3,MAC,4,5,6,DRAM\n"
SECOND = "two,conv + elwise,32,4,64,1,False,1,False,4,4,0.5,1,2,3,MAC,4,5,6,MAC\n"
LAST = "three,fc,64,4,10,4,False,1,False,1,1,1,1,2,3,DRAM,4,5,6,DRAM\n"
RATES = ",,FPS,100,FPS,,,FPS,50\n"
SHEET = HEAD + COLUMNS + FIRST + SECOND + LAST + RATES


def read(write: Write, text: str = SHEET) -> Sheet:
    """Return a sheet with this text."""
    return read_sheet(write(text, "sheet.csv"))


def test_the_head_of_a_sheet(write: Write) -> None:
    sheet = read(write)
    assert sheet.head == {
        "buffer_kib": 512,
        "multipliers": 2048,
        "clock_mhz": 1000,
        "sram_read": 25,
        "sram_write": 25,
        "dram": 10,
        "classified": 2,
    }
    assert sheet.sram_kib == 4096
    assert sheet.pixel_channels == 3


def test_the_layers_of_a_sheet(write: Write) -> None:
    sheet = read(write)
    assert sheet.names == ("one", "two", "three")
    one, two, three = sheet.steps
    assert (one.op.size(Dim.OY), one.op.size(Dim.C), one.op.size(Dim.K), one.op.size(Dim.FX)) == (8, 3, 32, 3)
    assert one.stored == 32 * 4 * 4 and not one.added
    assert two.op.size(Dim.OX) == 4 and two.stored is None and two.added
    assert three.op.kind == "fully_connected" and three.op.size(Dim.C) == 64 * 4 * 4


def test_what_a_sheet_says_with_an_sram_and_without(write: Write) -> None:
    sheet = read(write)
    assert sheet.with_sram.dram_kib == (1, 1, 1) and sheet.with_sram.long_pole == ("MAC", "MAC", "DRAM")
    assert sheet.without_sram.most_cycles == (6, 6, 6) and sheet.without_sram.mac_cycles == (5, 5, 5)
    assert (sheet.with_sram.rate, sheet.without_sram.rate) == (100, 50)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",Frequency,1000\n", "", r"frequency\n  the head of the sheet has no such cell"),
        (",,,4096", "", "size of the SRAM"),
        ("Layer attribute", "Attribute", "no row names the columns"),
        ("MAX Cycle,", "MIN Cycle,", "max cycles\n  no second such column"),
        ("Input data size", "Input size", "input data size\n  no such column"),
        ("one,conv,3,", "one,conv,x,", "channels\n  got 'x'"),
        (FIRST + SECOND + LAST, "", "no layer is a conv or fc"),
        (RATES, ",,FPS,100\n", "two frame rates"),
    ],
)
def test_a_damaged_sheet_is_refused(write: Write, old: str, new: str, said: str) -> None:
    assert old in SHEET
    with pytest.raises(InputError, match=said):
        read(write, SHEET.replace(old, new))


def found_in(folder: Path) -> Comparison:
    """Return what comes of the set with the files of a folder."""
    found = run_set("nvdla", [folder]).comparison
    assert found is not None
    return found


def test_the_set_of_sheets_of_ones_own(write: Write, tmp_path: Path) -> None:
    for name in ("alexnet", "resnet50"):
        write(SHEET, f"nvdla_sheet_{name}.csv")
    write("macs_int8,conv_buffer_KB,sdram_bw_GBps,resnet50_int8_fps_at_1GHz\n2048,512,20,100\n", "primer_configs.csv")
    found = found_in(tmp_path)
    cycles = found.series[0]
    # 8 x 8 x 32 results of 9 x 3 products, 4 x 4 x 64 of 32, and 10 of 1024, on 2048 multipliers.
    by_hand = [8 * 8 * 32 * 27 / 2048, 4 * 4 * 64 * 32 / 2048, 10 * 1024 / 2048]
    assert cycles.predicted[:6].tolist() == by_hand * 2
    # The other sheet has its habit without an SRAM: 16 multipliers a kernel.
    assert cycles.predicted[9:].tolist() == [by_hand[0] * 4, by_hand[1] * 2, by_hand[2]]
    assert cycles.groups == ("SRAM of 4096 KiB",) * 3 + ("no SRAM",) * 3 + ("SRAM of 4096 KiB",) * 3 + ("no SRAM",) * 3
    (poles,) = found.agreements
    assert poles.reference[:3] == ("MAC", "MAC", "DRAM") and len(poles.names) == 12
    rates = next(one for one in found.series if one.what == "frames per second, primer")
    assert rates.names == ("ResNet-50 on 2048 MACs",) and rates.reference.tolist() == [100]
