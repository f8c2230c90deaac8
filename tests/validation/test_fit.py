"""Calibration: parameters that made the measurements are found again, and what cannot be told is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import yaml

from accelsim.config.source import Source
from accelsim.errors import InputError
from accelsim.hardware.load import HardwareTemplate, hardware_template
from accelsim.validation.fit import Calibration, calibrate
from accelsim.validation.measurements import Measurements
from accelsim.validation.predict import Predictor
from accelsim.validation.preset import preset_text
from accelsim.workload.load import load_network
from accelsim.workload.network import Network
from tests.conftest import ProblemsOf, Write

Floats = npt.NDArray[np.float64]
#: A machine whose weights stay on chip while they fit, and come over a link where not.
MACHINE = """\
schema_version: 1
parameters:
  rows: {default: 64, choices: [16, 32, 64, 128]}
  columns: {default: 64, choices: [16, 32, 64, 128]}
  parameter_kib: {default: 6144, choices: [1024, 2048, 4096, 6144, 8192]}
  activation_kib: {default: 2048, range: [512, 8192], scale: pow2}
  link_gbps: {default: 0.4, choices: [0.04, 0.4, 1, 4, 16]}
  clock_mhz: {default: 500, choices: [250, 480, 500, 800, 1066]}
clock: clock_mhz MHz
technology: cmos_45nm
memories:
  - {name: host, holds: [W, I, O], bandwidth: link_gbps GB/s, kind: host_link}
  - {name: parameters, holds: [W], size: parameter_kib KiB, bandwidth: rows * columns / 4 B/cycle, kind: sram,
     double_buffered: true, keeps: [W], keep_share: 0.9}
  - {name: activations, holds: [I, O], size: activation_kib KiB, bandwidth: 2 * rows + 4 * columns B/cycle, kind: sram,
     double_buffered: true, keeps: [I, O], keep_share: 0.75}
array: {engine: cells, rows: rows, columns: columns, hold_limit: 64, dispatch_cycles: 3000}
vector: {lanes: columns, fuses: [relu, relu6]}
"""
TEMPLATE = HardwareTemplate(Source.parse(MACHINE, Path("linked.yaml")))
TRUTH = {"link_gbps": 1.7, "clock_mhz": 640.0}


@pytest.fixture(scope="module")
def networks() -> list[Network]:
    """Return networks of which some are bound by the link and some by the array."""
    small = [load_network("mobilenet_v2", resolution=r, width=w) for r in (96, 160, 224) for w in (0.5, 1.0, 1.4)]
    return [*small, load_network("resnet18"), load_network("resnet34"), load_network("resnet50")]


def measured(networks: list[Network], values: Floats) -> Measurements:
    """Return measurements of networks."""
    return Measurements(Path("chip.csv"), "latency_ms", tuple(n.name for n in networks), tuple(networks), values)


def made(networks: list[Network]) -> Measurements:
    """Return what the model says with the true parameters, as if it had been measured."""
    return measured(networks, Predictor(TEMPLATE, networks, "latency_ms", {})([TRUTH])[:, 0])


def values(found: Calibration) -> dict[str, float]:
    """Return the fitted values."""
    return {one.name: one.value for one in found.parameters}


def test_the_parameters_that_made_the_measurements_are_found(networks: list[Network]) -> None:
    found = calibrate(TEMPLATE, made(networks), list(TRUTH))
    assert values(found) == pytest.approx(TRUTH, rel=1e-3)
    assert found.before.mape > 0.1
    assert found.after.mape < 1e-3 and found.held_out.mape < 1e-3
    assert not found.warnings


def test_confidence_intervals_hold_the_truth_and_grow_with_the_noise(networks: list[Network]) -> None:
    clean = made(networks)
    widths = []
    for noise in (0.005, 0.02):
        factor = 1 + noise * np.random.default_rng(3).standard_normal(len(networks))
        found = calibrate(TEMPLATE, measured(networks, clean.values * factor), list(TRUTH))
        for one in found.parameters:
            assert one.bounds[0] <= one.low < one.value < one.high <= one.bounds[1]
            assert one.low <= TRUTH[one.name] <= one.high
        widths.append([one.high - one.low for one in found.parameters])
    assert np.all(np.array(widths[1]) > 2 * np.array(widths[0]))


def test_one_wrong_measurement_does_not_carry_the_fit_away(networks: list[Network]) -> None:
    clean = made(networks)
    spoilt = clean.values.copy()
    spoilt[4] *= 3
    assert values(calibrate(TEMPLATE, measured(networks, spoilt), list(TRUTH))) == pytest.approx(TRUTH, rel=0.05)


def test_a_parameter_that_changes_nothing_is_said_to(networks: list[Network]) -> None:
    small = networks[:9]  # all weights fit on chip, with room to spare
    found = calibrate(TEMPLATE, made(small), ["clock_mhz", "activation_kib"], fixed={"link_gbps": 1})
    assert any("activation_kib changes no prediction" in warning for warning in found.warnings)
    assert not any("clock_mhz" in warning for warning in found.warnings)


def test_a_parameter_whose_best_value_lies_beyond_its_bound_is_said_to(networks: list[Network]) -> None:
    found = calibrate(TEMPLATE, measured(networks, made(networks).values / 10), ["clock_mhz"])
    assert values(found)["clock_mhz"] == pytest.approx(1066, rel=1e-3)
    assert any("clock_mhz ends at its bound" in warning for warning in found.warnings)


def test_other_parameters_may_be_set(networks: list[Network]) -> None:
    truth = Predictor(TEMPLATE, networks, "latency_ms", {"rows": 32})([{"clock_mhz": 700.0}])[:, 0]
    found = calibrate(TEMPLATE, measured(networks, truth), ["clock_mhz"], fixed={"rows": 32})
    assert values(found)["clock_mhz"] == pytest.approx(700, rel=1e-3)


def test_the_same_seed_gives_the_same_fit(networks: list[Network]) -> None:
    noisy = measured(networks, made(networks).values * np.linspace(0.9, 1.1, len(networks)))
    first, second = (calibrate(TEMPLATE, noisy, ["clock_mhz"]) for _ in range(2))
    assert first.held_out == second.held_out and first.parameters == second.parameters


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (["clock_mh"], "'clock_mhz'"),
        ([], "what to fit"),
        (["clock_mhz", "clock_mhz"], "named twice"),
        (["rows"], "both fitted and set"),
        (["link_gbps", "clock_mhz", "columns", "activation_kib", "parameter_kib"], "too few measurements"),
    ],
)
def test_a_fit_that_makes_no_sense_is_refused(
    networks: list[Network], problems_of: ProblemsOf, parameters: list[str], said: str
) -> None:
    fixed = {"rows": 32}
    few = measured(networks, np.ones(len(networks)))
    problems = problems_of(lambda: calibrate(TEMPLATE, few, parameters, fixed=fixed))
    assert any(said in str(problem) for problem in problems)


def test_a_word_cannot_be_fitted(networks: list[Network], problems_of: ProblemsOf) -> None:
    few = measured(networks, np.ones(len(networks)))
    (problem,) = problems_of(lambda: calibrate(hardware_template("systolic"), few, ["dataflow"]))
    assert "a number" in problem.message and "clock_mhz" in problem.allowed


def test_a_parameter_that_has_to_be_a_whole_number_is_told_in_the_callers_words(
    networks: list[Network], problems_of: ProblemsOf
) -> None:
    few = measured(networks, np.ones(len(networks)))
    (problem,) = problems_of(lambda: calibrate(TEMPLATE, few, ["rows"]))
    assert problem.field == "parameters" and problem.got.startswith("rows = ")
    assert "array.rows" in problem.message and "whole number" in problem.allowed and problem.file is None


def test_measurements_in_another_order_give_the_same_fit(networks: list[Network]) -> None:
    noisy = measured(networks, made(networks).values * np.linspace(0.9, 1.1, len(networks)))
    order = np.random.default_rng(5).permutation(len(networks))
    first, second = (calibrate(TEMPLATE, one, list(TRUTH)) for one in (noisy, noisy.take(order)))
    assert values(second) == pytest.approx(values(first), rel=1e-4)
    assert second.predicted == pytest.approx(first.predicted[order], rel=1e-4)
    assert second.after.mape == pytest.approx(first.after.mape, rel=1e-4)


def test_what_the_fit_did_not_see_is_foretold_no_better_than_what_it_saw(networks: list[Network]) -> None:
    factor = 1 + 0.05 * np.random.default_rng(1).standard_normal(len(networks))
    found = calibrate(TEMPLATE, measured(networks, made(networks).values * factor), list(TRUTH))
    assert found.held_out.mape >= found.after.mape
    # Of the fit, the predictions are those of the fitted values; of the others, each point is left out once.
    again = Predictor(TEMPLATE, networks, "latency_ms", {})([values(found)])[:, 0]
    assert found.predicted == pytest.approx(again, rel=1e-9)
    assert len(found.unseen) == len(networks) and not np.any(found.unseen == found.predicted)


def test_energies_are_fitted_as_latencies_are(networks: list[Network]) -> None:
    some = networks[:6]
    truth = Predictor(TEMPLATE, some, "energy_pj", {})([{"activation_kib": 3000.0}])[:, 0]
    points = Measurements(Path("chip.csv"), "energy_pj", tuple(n.name for n in some), tuple(some), truth)
    found = calibrate(TEMPLATE, points, ["activation_kib"])
    assert found.after.mape < 1e-3 and found.before.mape > found.after.mape


def test_cross_validation_needs_two_parts(networks: list[Network]) -> None:
    with pytest.raises(InputError, match="folds"):
        calibrate(TEMPLATE, measured(networks, np.ones(len(networks))), ["clock_mhz"], folds=1)


def test_the_preset_gives_the_fitted_machine_and_says_where_it_comes_from(
    networks: list[Network], write: Write
) -> None:
    points = made(networks)
    found = calibrate(TEMPLATE, points, list(TRUTH))
    file = write(MACHINE, "linked.yaml")
    text = preset_text(hardware_template(file), points, found, {"rows": 32}, file.parent)  # type: ignore[arg-type]
    preset = hardware_template(write(text, "chip.yaml"))
    design = preset.instantiate({})
    assert design.clock_hz[0] == pytest.approx(640e6, rel=1e-3) and design.array.rows[0] == 32
    sources = yaml.safe_load(text)["sources"]
    assert sources["parameters.clock_mhz"]["mark"] == "measured"
    assert "12 rows of chip.csv" in sources["parameters.clock_mhz"]["source"]
