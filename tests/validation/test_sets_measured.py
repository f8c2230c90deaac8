"""Networks measured on a template: the same figures as the predictor's, with names that tell points apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.errors import InputError
from accelsim.hardware.load import hardware_template
from accelsim.validation.builtin_sets.measured import MeasuredNetworks, compare_networks, set_of
from accelsim.validation.measurements import Measurements, read_measurements
from accelsim.validation.predict import Predictor
from accelsim.validation.sets import Kind, ReferenceFile, ReferenceSet, Scope, found_files
from tests.conftest import Write

TABLE = "network,resolution,width,latency_ms\nmobilenet_v2,96,,1\nmobilenet_v2,224,,2.5\nresnet18,,,4\n"


@pytest.fixture
def table(write: Write) -> Path:
    """Return three measured networks; the last has no such parameters, so it has a table of its own."""
    return write(TABLE.rpartition("resnet18")[0], "chip.csv")


def expected(measured: Measurements, **values: float) -> list[float]:
    """Return what the predictor says."""
    found = Predictor(hardware_template("npu"), measured.networks, measured.quantity, values)([{}])[:, 0]
    return [float(value) for value in found]


def test_predictions_are_the_models_and_references_the_files(table: Path) -> None:
    measured = read_measurements(table)
    (series,) = compare_networks(hardware_template("npu"), measured, {}).series
    assert series.predicted.tolist() == expected(measured)
    assert series.reference.tolist() == [1, 2.5]
    assert (series.what, series.unit, series.scope) == ("latency", "ms", Scope.NETWORK)


def test_points_of_one_network_are_told_apart_by_what_differs(table: Path) -> None:
    (series,) = compare_networks(hardware_template("npu"), read_measurements(table), {}).series
    assert series.names == ("mobilenet_v2 resolution=96", "mobilenet_v2 resolution=224")


def test_energy_is_compared_where_energy_was_measured(write: Write) -> None:
    measured = read_measurements(write("network,energy_pj\nresnet18,1e9\n", "chip.csv"))
    (series,) = compare_networks(hardware_template("npu"), measured, {}).series
    assert (series.what, series.unit, series.names) == ("energy", "pJ", ("resnet18",))
    assert series.predicted.tolist() == expected(measured)


def test_settings_of_the_hardware_are_kept_and_named(table: Path) -> None:
    measured = read_measurements(table)
    template = hardware_template("npu")
    slow = set_of(template, measured, {"clock_mhz": 500})
    (series,) = slow.compare({}).series
    assert series.predicted.tolist() == expected(measured, clock_mhz=500)
    assert slow.title == "chip.csv on npu (clock_mhz = 500)"
    with pytest.raises(InputError, match="clock_mhz"):
        set_of(template, measured, {"clock_mhz": -1}).compare({})


def test_a_set_of_a_chip_is_a_few_lines(table: Path) -> None:
    chip = ReferenceSet(
        title="A chip",
        kind=Kind.MEASURED,
        source="a paper",
        compared="Networks.",
        not_modelled="Nothing.",
        files=(ReferenceFile("table", (table.name,)),),
        compare=MeasuredNetworks("npu", lambda files: read_measurements(files["table"])),
    )
    files, missing = found_files(chip, [table.parent])
    assert not missing
    (series,) = chip.compare(files).series
    assert series.predicted.tolist() == expected(read_measurements(table))
