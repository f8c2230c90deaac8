"""The row-stationary array: the Eyeriss chip's figures, hand-worked passes, the laws, and what is refused."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.dims import Dim
from accelsim.engines.row_stationary import (
    EYERISS,
    Energies,
    Passes,
    RowStationary,
    best,
    energy,
    energy_shares,
    shape_of,
    traverse,
    unsupported,
)
from accelsim.engines.row_stationary.accesses import LEVELS, accesses
from accelsim.engines.row_stationary.traversal import equal_shares
from accelsim.errors import NoMappingError
from accelsim.workload.ops import Bits, Op, make
from accelsim.workload.ops.op import loops

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "eyeriss"
#: AlexNet's convolutions, batch 4 (Chen et al., JSSC 52(1), 2017).
ALEXNET = {
    "CONV1": make.convolution((4, 3, 227, 227), 96, (11, 11), stride=(4, 4), padding=(0, 0)),
    "CONV2": make.convolution((4, 96, 27, 27), 256, (5, 5), groups=2),
    "CONV3": make.convolution((4, 256, 13, 13), 384, (3, 3)),
    "CONV4": make.convolution((4, 384, 13, 13), 384, (3, 3), groups=2),
    "CONV5": make.convolution((4, 384, 13, 13), 256, (3, 3), groups=2),
}
CLOCK_HZ = 200e6
CLASSIFIER = Op("fully_connected", loops(B=4, K=4096, C=9216))
#: A machine of one PE in which every word of a bank counts.
ONE_PE = replace(EYERISS, rows=1, columns=1, banks=100_000, bank_words=1, filter_buffer_words=100_000)


def chosen(op: Op, machine: RowStationary = EYERISS) -> tuple[Passes, int]:
    """Return the candidates of an op and the place of the best."""
    passes = traverse(op, machine)
    return passes, best(passes, energy(op, machine, passes))


def parameters(passes: Passes, place: int) -> tuple[int, ...]:
    """Return m, n, e, p, q, r, t of a candidate, in the order of the paper."""
    return tuple(int(getattr(passes, name)[place]) for name in "mnepqrt")


def milliseconds(op: Op) -> float:
    """Return the chip's processing latency."""
    passes, place = chosen(op)
    return float(passes.cycles[place]) / CLOCK_HZ * 1e3


# ------------------------------------------------------------------------------------------------------ the chip
def test_pes_at_work_are_the_chips() -> None:
    active = {
        name: int(passes.active_pes[place])
        for name, (passes, place) in ((name, chosen(op)) for name, op in ALEXNET.items())
    }
    assert active == {"CONV1": 154, "CONV2": 135, "CONV3": 156, "CONV4": 156, "CONV5": 156}


def test_latency_of_alexnet_is_the_chips_within_four_percent() -> None:
    # JSSC 52(1), 2017: milliseconds of processing, batch 4, 200 MHz.
    measured = {"CONV1": 16.5, "CONV2": 39.2, "CONV3": 21.8, "CONV4": 16.0, "CONV5": 10.0}
    errors = {name: milliseconds(ALEXNET[name]) / value - 1 for name, value in measured.items()}
    assert np.mean(np.abs(list(errors.values()))) <= 0.03
    assert max(map(abs, errors.values())) <= 0.07


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the chip's tables may not be copied, and are not here")
def test_every_row_of_the_chips_table() -> None:
    with (REFERENCE / "alexnet_batch4.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(line for line in file if line.strip()) if row["Layer"] in ALEXNET]
    assert len(rows) == 5
    errors = []
    for row in rows:
        op = ALEXNET[row["Layer"]]
        passes, place = chosen(op)
        assert int(passes.active_pes[place]) == int(row["Num. of Active PEs"])
        assert op.macs / 1e9 == pytest.approx(float(row["Num. of MACs (G)"]), abs=0.006)
        errors.append(abs(milliseconds(op) / float(row["Processing Latency (ms)"]) - 1))
    assert np.mean(errors) <= 0.04


def test_what_stays_in_the_buffer_is_as_published() -> None:
    # JSSC 52(1), 2017: m, n, e of the five layers.
    found = {name: parameters(*chosen(op))[:3] for name, op in ALEXNET.items()}
    assert found == {
        "CONV1": (96, 1, 7),
        "CONV2": (64, 1, 27),
        "CONV3": (64, 4, 13),
        "CONV4": (64, 4, 13),
        "CONV5": (64, 4, 13),
    }


def test_the_whole_mapping_of_three_layers_is_as_published() -> None:
    assert parameters(*chosen(ALEXNET["CONV1"])) == (96, 1, 7, 16, 1, 1, 2)
    assert parameters(*chosen(ALEXNET["CONV4"])) == (64, 4, 13, 16, 3, 2, 2)
    assert parameters(*chosen(ALEXNET["CONV5"])) == (64, 4, 13, 16, 3, 2, 2)


# ------------------------------------------------------------------------------------------------- hand-worked sums
def test_a_pass_of_conv1_by_hand() -> None:
    passes, place = chosen(ALEXNET["CONV1"])
    # Seven strips of 7 rows and one of 6, 4 images, 3 channels, 96 kernels in passes of 32.
    assert passes.passes[place] == 8 * 4 * 3 * 3
    total = 0.0
    for rows, strips in ((7, 7), (6, 1)):
        weights = 32 * 11 * 11 / 4
        window = ((rows - 1) * 4 + 11) * 11
        macs, sums = 16 * 11, rows * 32 / 4
        total += strips * (weights + window + 55 * macs + sums + 11)
    assert passes.cycles[place] == pytest.approx(total * 4 * 3 * 3)


def test_partial_sums_limit_a_pass_that_interleaves_few_channels() -> None:
    # 3 x 14 PEs, four sets: 64 kernels of one channel; 14 x 64 sums a column at 4 a cycle are 224 cycles, MACs 48.
    op = make.convolution((1, 1, 14, 14), 64, (3, 3))
    passes = traverse(op, EYERISS)
    (place,) = np.flatnonzero((passes.t == 4) & (passes.p == 16))
    assert passes.cycles[place] == 64 * 9 / 4 + 16 * 3 + (14 * 224 + 48) + 3
    wide = traverse(op, replace(EYERISS, sum_words_per_cycle=64))
    assert wide.cycles[place] == 64 * 9 / 4 + 16 * 3 + (14 * 48 + 14) + 3


def test_inputs_limit_a_pass_with_one_kernel() -> None:
    op = make.convolution((1, 4, 14, 14), 1, (3, 3))
    passes = traverse(op, EYERISS)
    (place,) = np.flatnonzero((passes.q == 4) & (passes.r == 1))
    # Four channels of 16 x 16 at a word a cycle are 1024 cycles; the MACs of 14 columns only 168.
    assert passes.cycles[place] == 36 / 4 + 16 * 4 * 3 + 1024 + 3


def test_one_pe_does_one_mac_after_the_other() -> None:
    op = make.convolution((1, 1, 1, 8), 1, (1, 3), padding=(0, 0))
    passes = traverse(op, ONE_PE)
    # A quarter of three weights, the first three inputs, 6 outputs of 3 MACs, the last sum, one row up.
    assert set(passes.cycles) == {3 / 4 + 3 + 6 * 3 + 1 / 4 + 1}
    assert set(passes.active_pes) == {1}
    assert set(passes.room_words) == {6 + 8}


def test_wide_sets_are_folded_and_narrow_ones_stand_side_by_side() -> None:
    def active(side: int, window: int) -> int:
        passes = traverse(make.convolution((1, 64, side, side), 64, (window, window)), EYERISS)
        return int(passes.active_pes.max())

    assert active(13, 3) == 3 * 13 * 4
    assert active(7, 3) == 3 * 7 * 2 * 4
    assert active(27, 5) == 5 * 27
    assert active(28, 3) == 3 * 28 * 2
    assert active(6, 11) == 11 * 6 * 2


def test_banks_hold_inputs_or_sums() -> None:
    # CONV4: 64 kernels of 4 images of 13 x 13 take 22 banks. Six channels of 4 inputs of 15 x 15 take 3, eight would 4.
    passes = traverse(ALEXNET["CONV4"], EYERISS)
    assert set(passes.m) == {64}
    assert (passes.q * passes.r).max() == 6
    assert (passes.room_words <= 25 * 2048).all()


def test_a_filter_too_large_for_the_array_runs_in_parts() -> None:
    op = make.convolution((1, 2, 64, 64), 4, (25, 25))
    shape = shape_of(op, EYERISS)
    # Three parts of 9 rows, three of 9 columns: as if there were nine times the channels.
    assert (shape.filter_rows, shape.filter_columns, shape.channels) == (9, 9, 18)
    passes = traverse(op, EYERISS)
    assert (passes.cycles >= op.macs / EYERISS.pes).all()


def test_planes_are_images_and_filter_planes_channels() -> None:
    shape = shape_of(make.convolution((2, 8, 6, 14, 14), 16, (3, 3, 3)), EYERISS)
    assert (shape.images, shape.channels) == (12, 24)


def test_accesses_of_one_pe_by_hand() -> None:
    op = make.convolution((1, 2, 1, 8), 3, (1, 3), padding=(0, 0))
    passes = traverse(op, ONE_PE)
    (place,) = np.flatnonzero((passes.p == 3) & (passes.q == 2))
    found = {
        level: {name: float(words[place]) for name, words in moved.items()}
        for level, moved in accesses(op, ONE_PE, passes).items()
    }
    # 3 x 2 x 3 weights, 2 x 8 inputs, 3 x 6 outputs of 6 MACs each, all in one pass.
    assert found == {
        "mac": {"O": 108},
        "pads": {"W": 108 + 18, "I": 108 + 16, "O": 216},
        "array": {"W": 18, "I": 16, "O": 18},
        "buffer": {"W": 36, "I": 32, "O": 36},
        "dram": {"W": 18, "I": 16, "O": 18},
    }
    assert energy(op, ONE_PE, passes)[place] == 108 + 466 + 2 * 52 + 6 * 104 + 200 * 52


def test_kernels_in_two_passes_fetch_inputs_from_the_buffer_twice() -> None:
    op = make.convolution((1, 1, 1, 8), 48, (1, 3), padding=(0, 0))
    passes = traverse(op, ONE_PE)
    place = int(np.argmax(passes.p))
    moved = accesses(op, ONE_PE, passes)
    assert passes.p[place] == 24
    assert passes.passes[place] == 2
    assert moved["dram"]["I"][place] == 8
    assert moved["array"]["I"][place] == 16
    assert moved["buffer"]["I"][place] == 8 + 16


# ---------------------------------------------------------------------------------------------------------- energy
def test_a_price_is_paid_for_each_access() -> None:
    # ISCA 2016: 1, 1, 2, 6, 200.
    op = ALEXNET["CONV3"]
    passes = traverse(op, EYERISS)
    moved = {level: np.asarray(sum(words.values())) for level, words in accesses(op, EYERISS, passes).items()}
    prices = {"mac": 1, "pads": 1, "array": 2, "buffer": 6, "dram": 200}
    assert energy(op, EYERISS, passes) == pytest.approx(sum(prices[level] * moved[level] for level in LEVELS))
    for level in LEVELS:
        alone = Energies(**{**dict.fromkeys(LEVELS, 0.0), level: 3.0})
        assert energy(op, EYERISS, passes, alone) == pytest.approx(3 * moved[level])
        assert energy_shares(op, EYERISS, passes, alone)[level] == pytest.approx(np.ones(len(passes)))


def test_pads_take_most_in_convolutions_and_dram_in_a_classifier() -> None:
    # ISCA 2016: the register files dominate convolutions, DRAM fully connected layers.
    for name, op in ALEXNET.items():
        passes, place = chosen(op)
        shares = {level: float(share[place]) for level, share in energy_shares(op, EYERISS, passes).items()}
        assert sum(shares.values()) == pytest.approx(1)
        assert max(shares, key=lambda level: shares[level]) == "pads", name
        assert shares["pads"] > 0.5
    passes, place = chosen(CLASSIFIER)
    shares = {level: float(share[place]) for level, share in energy_shares(CLASSIFIER, EYERISS, passes).items()}
    assert shares["dram"] > 0.5


def test_dram_accesses_a_mac_are_of_the_chips_order() -> None:
    # JSSC 52(1), 2017: 0.0029 accesses a MAC on AlexNet, with maps compressed, which is not modelled.
    words = 0.0
    for op in ALEXNET.values():
        passes, place = chosen(op)
        words += sum(float(moved[place]) for moved in accesses(op, EYERISS, passes)["dram"].values())
    rate = words / sum(op.macs for op in ALEXNET.values())
    assert 0.0029 <= rate <= 2 * 0.0029


# ------------------------------------------------------------------------------------------------------------- laws
LAYERS = [
    *ALEXNET.values(),
    CLASSIFIER,
    make.convolution((1, 96, 28, 28), 96, (3, 3), groups=96),
    make.convolution((3, 64, 56, 56), 37, (1, 1), stride=(2, 2)),
    make.convolution((1, 16, 65, 33), 24, (7, 1), dilation=(3, 1)),
    Op("matmul", loops(G=8, K=49, C=32, OX=49)),
    Op("fully_connected", loops(B=1, K=1, C=1)),
]


@pytest.mark.parametrize("op", LAYERS, ids=lambda op: f"{op.label}{op.sizes}")
def test_no_candidate_beats_the_array_or_moves_less_than_there_is(op: Op) -> None:
    passes = traverse(op, EYERISS)
    assert len(passes)
    assert (passes.active_pes <= EYERISS.pes).all()
    assert (passes.cycles >= op.macs / EYERISS.pes).all()
    assert (passes.cycles * passes.active_pes >= op.macs).all()
    moved = accesses(op, EYERISS, passes)
    kernels, taps = op.size(Dim.G) * op.size(Dim.K), op.size(Dim.C) * op.size(Dim.FY) * op.size(Dim.FX)
    assert (moved["dram"]["W"] >= kernels * taps).all()
    assert (moved["dram"]["O"] == op.output_elements).all()
    assert (moved["buffer"]["I"] >= 2 * moved["dram"]["I"]).all()
    assert (moved["pads"]["O"] == 2 * op.macs).all()


@pytest.mark.parametrize("op", LAYERS, ids=lambda op: f"{op.label}{op.sizes}")
def test_candidates_keep_to_pads_banks_and_array(op: Op) -> None:
    passes, shape = traverse(op, EYERISS), shape_of(op, EYERISS)
    taps = shape.filter_columns
    assert (passes.q * taps <= EYERISS.input_spad_words).all()
    assert (passes.p * passes.q * taps <= EYERISS.filter_spad_words).all()
    assert (passes.p <= EYERISS.sum_spad_words).all()
    assert (passes.room_words <= EYERISS.banks * EYERISS.bank_words).all()
    filters = passes.p * passes.t * passes.q * passes.r * shape.filter_rows * taps
    assert (filters <= EYERISS.filter_buffer_words).all()


@pytest.mark.parametrize("op", LAYERS, ids=lambda op: f"{op.label}{op.sizes}")
def test_a_larger_buffer_never_fetches_more_and_wider_buses_never_take_longer(op: Op) -> None:
    def fetched(machine: RowStationary) -> float:
        moved = accesses(op, machine, traverse(op, machine))["dram"]
        return float((moved["W"] + moved["I"]).min())

    larger = replace(EYERISS, banks=50)
    assert fetched(larger) <= fetched(EYERISS)
    assert fetched(replace(larger, rows=24, columns=28)) <= fetched(larger)
    slow = traverse(op, EYERISS).cycles
    for name in ("input_words_per_cycle", "filter_words_per_cycle", "sum_words_per_cycle"):
        assert (traverse(op, replace(EYERISS, **{name: 8})).cycles <= slow).all()


def test_more_pes_never_slow_down_the_fastest_where_the_same_stays_in_the_buffer() -> None:
    compared = 0
    for op in ALEXNET.values():
        more = replace(EYERISS, rows=24, filter_buffer_words=2 * EYERISS.filter_buffer_words)
        few, many = traverse(op, EYERISS), traverse(op, more)
        if set(zip(few.n, few.m, few.e, strict=True)) == set(zip(many.n, many.m, many.e, strict=True)):
            compared += 1
            assert many.cycles.min() <= few.cycles.min()
    assert compared >= 3


@pytest.mark.parametrize("total", [1, 2, 7, 55, 96, 1000])
def test_equal_shares_are_all_there_are(total: int) -> None:
    every = sorted({-(-total // count) for count in range(1, total + 1)}, reverse=True)
    assert equal_shares(total, most=10_000) == every
    assert equal_shares(total)[0] == total
    assert equal_shares(total)[-1] == 1


# ---------------------------------------------------------------------------------------------------------- refused
def test_what_the_array_cannot_run_is_said_in_words(problems_of: Any) -> None:
    pool = make.pool("max_pool", (1, 8, 8, 8), (2, 2))
    wide = replace(ALEXNET["CONV3"], bits=Bits(W=32, I=16))
    for words, op in (("not max_pool", pool), ("16 bits, not 32", wide)):
        assert words in (unsupported(op, EYERISS.word_bits) or "")
        (problem,) = problems_of(traverse, op, EYERISS)
        assert words in problem.message
    assert unsupported(CLASSIFIER, EYERISS.word_bits) is None


def test_a_row_that_does_not_fit_the_buffer_has_no_mapping() -> None:
    with pytest.raises(NoMappingError, match="25 banks"):
        traverse(make.convolution((1, 1, 1, 60_000), 1, (1, 1)), EYERISS)


@pytest.mark.parametrize("value", [0, -1, 1.5, "12", True])
def test_a_size_of_nonsense_is_refused(problems_of: Any, value: object) -> None:
    (problem,) = problems_of(replace, EYERISS, rows=value)
    assert problem.field == "row_stationary.rows"


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_price_of_nonsense_is_refused(problems_of: Any, value: float) -> None:
    (problem,) = problems_of(Energies, dram=value)
    assert problem.field == "energies.dram"


def test_shares_of_nothing_are_refused(problems_of: Any) -> None:
    passes = traverse(CLASSIFIER, EYERISS)
    free = Energies(mac=0, pads=0, array=0, buffer=0, dram=0)
    assert not energy(CLASSIFIER, EYERISS, passes, free).any()
    (problem,) = problems_of(energy_shares, CLASSIFIER, EYERISS, passes, free)
    assert problem.field == "energies"


def test_the_chip_has_its_published_sizes() -> None:
    assert EYERISS.pes == 168
    assert (EYERISS.banks * EYERISS.bank_words + EYERISS.filter_buffer_words) * 2 == 108 * 1024
    # JSSC 52(1), 2017: 181.5 KB of SRAM in all, filter pads included.
    assert (EYERISS.filter_spad_words * 2 * EYERISS.pes + 108 * 1024) / 1024 == 181.5
