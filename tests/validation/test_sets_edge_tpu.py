"""The Edge TPU against the chip: figures that were asked for, in cross-validation, and the preset's provenance."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from accelsim.hardware.load import hardware_template, load_hardware
from accelsim.nas import Scorer
from accelsim.validation.builtin_sets.edge_tpu import FITTED, coral
from accelsim.validation.builtin_sets.measured import compare_networks
from accelsim.validation.sets import SETS, Comparison, Series, run_set, search_folders
from accelsim.workload.load import network_template
from accelsim.workload.spaces.nasbench201 import from_arch_string
from tests.conftest import Write

SHARED = Path(__file__).parents[2].parent / "shared" / "reference"
here = pytest.mark.skipif(not SHARED.is_dir(), reason="the measured latencies may not be copied, and are not here")


@cache
def compared() -> Comparison:
    found = run_set("edge_tpu", search_folders([SHARED])).comparison
    assert found is not None
    return found


def as_asked(series: Series) -> bool:
    """Return whether the figures asked for are reached."""
    errors = series.errors
    assert errors is not None and errors.spearman is not None
    return errors.mape <= 0.05 and errors.spearman >= 0.98 and errors.within_10 >= 0.9


@here
def test_networks_that_the_fit_did_not_see_are_met_as_far_as_asked() -> None:
    preset, unseen = compared().series
    assert len(preset.names) == len(unseen.names) == 200
    assert as_asked(preset) and as_asked(unseen)


@here
def test_counting_macs_ranks_the_same_networks_far_worse() -> None:
    """The mechanisms carry the result."""
    from scipy.stats import spearmanr

    _, unseen = compared().series
    space = network_template("nasbench201")
    macs = [space.build(point).macs for point in map(_point, unseen.names)]
    assert abs(spearmanr(macs, unseen.reference)[0]) < 0.5


def _point(name: str) -> dict[str, str]:
    from accelsim.workload.spaces.nasbench201 import from_index

    return {key: str(value) for key, value in from_index(int(name.split()[-1])).items()}


def test_googles_three_networks_are_within_15_percent() -> None:
    (series,) = compare_networks(hardware_template("edge_tpu_coral"), coral({}), {}).series
    assert np.all(np.abs(series.relative) <= 0.15)


def test_a_network_with_larger_windows_than_the_fit_saw_is_foretold_within_10_percent() -> None:
    """5 x 5 windows on 14 x 14 pixels reach over whole parts; sent to each taker apart, borders would be 16 % off."""
    found = run_set("coral", search_folders([])).comparison
    assert found is not None
    fitted, unseen = found.series
    assert (len(fitted.names), unseen.names) == (3, ("efficientnet_edgetpu_s",))
    assert abs(unseen.relative[0]) < 0.1


def test_no_more_than_eight_parameters_are_fitted_and_the_preset_has_just_these() -> None:
    assert len(FITTED) <= 8
    sources = hardware_template("edge_tpu_coral").spec.sources
    ours = {name for name, source in sources.items() if source.mark == "measured"}
    assert {name.removeprefix("parameters.") for name in ours} == set(FITTED)


def test_the_data_is_not_drawn() -> None:
    assert not SETS["edge_tpu"].plotted
    assert SETS["coral"].plotted


def milliseconds(*edges: str) -> float:
    names = dict(zip((f"edges_{place}" for place in range(1, 7)), edges, strict=True))
    return Scorer("edge_tpu_coral")(network_template("nasbench201").build(names)).latency_ms


def test_what_the_chip_shows_follows_from_the_mechanisms() -> None:
    """Beside each other, two 3 x 3 convolutions of one map share its borders; in a row, each has a map of its own."""
    none, skip, three, one = "none", "skip_connect", "nor_conv_3x3", "nor_conv_1x1"
    beside = milliseconds(none, three, none, three, none, skip)
    chained = milliseconds(three, none, none, skip, three, none)
    single = milliseconds(none, none, none, three, none, none)
    nothing = milliseconds(none, none, none, skip, none, none)
    assert single - nothing > 1.5 * (beside - milliseconds(none, three, none, skip, none, skip))
    assert chained > beside
    small = milliseconds(none, none, none, one, none, none)
    assert nothing < small < single, "a pointwise convolution reads no borders"
    pooled = milliseconds(none, none, none, "avg_pool_3x3", none, none)
    assert pooled - nothing > 2 * (single - nothing), "pools take longest, with a ninth of the channels' products"


def test_dead_edges_cost_nothing() -> None:
    none, skip, three = "none", "skip_connect", "nor_conv_3x3"
    assert milliseconds(three, none, three, skip, none, none) == milliseconds(none, none, none, skip, none, none)


def test_measurements_in_the_benchmark_s_own_notation(write: Write) -> None:
    from accelsim.validation.measurements import read_measurements

    arch = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"
    path = write(f"arch_idx,arch_str,latency_ms\n7,{arch},1.5\n", "chip.csv")
    (network,) = read_measurements(path).networks
    assert network == network_template("nasbench201").build(from_arch_string(arch))


def test_networks_with_other_parameters_may_share_a_table(write: Write) -> None:
    """A cell that a network has no use for is empty."""
    from accelsim.validation.measurements import read_measurements

    arch = "|none~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|"
    text = f"network,arch_str,width,latency_ms\nmobilenet_v2,,0.5,1\n,{arch},,2\nresnet18,,,3\n"
    found = read_measurements(write(text, "chip.csv"))
    assert found.names == ("mobilenet_v2", "nasbench201", "resnet18")
    assert found.networks[0].parameters["width"] == 0.5


def test_the_chip_has_its_published_peak_and_8_bits() -> None:
    design = load_hardware("edge_tpu_coral")
    assert design.pes[0] == 4096 and design.bits == (8,)
