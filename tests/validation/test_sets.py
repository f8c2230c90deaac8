"""Reference sets: figures beside figures, files in folders, and what is said of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.validation.page import page, section
from accelsim.validation.sets import (
    SETS,
    Agreement,
    Comparison,
    Kind,
    Outcome,
    ReferenceFile,
    ReferenceSet,
    Scope,
    Series,
    found_files,
    run_set,
    search_folders,
)
from accelsim.validation.summary import HEAD, as_dict, cells, percent, points, remarks


def series(predicted: Sequence[float], reference: Sequence[float], groups: Sequence[str] = ()) -> Series:
    """Return a series of points a, b, c ..."""
    return Series(
        what="cycles",
        unit="",
        scope=Scope.LAYER,
        names=tuple("abcdefgh"[: len(predicted)]),
        groups=tuple(groups) or ("",) * len(predicted),
        predicted=np.array(predicted, dtype=float),
        reference=np.array(reference, dtype=float),
    )


def made(*every: Series, agreements: tuple[Agreement, ...] = (), **changes: object) -> Outcome:
    """Return the outcome of a set with these series."""
    about = ReferenceSet(
        title="A chip",
        kind=Kind.MEASURED,
        source="a paper",
        compared="Layers.",
        not_modelled="The weather.",
        compare=lambda _: Comparison(every, agreements),
    )
    return Outcome("chip", replace(about, **changes), Comparison(every, agreements))  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------ a series
def test_errors_of_a_series_by_hand() -> None:
    found = series([110, 90, 150, 100], [100, 100, 100, 100])
    errors = found.errors
    assert errors is not None and errors.count == 4
    assert errors.mape == pytest.approx((0.1 + 0.1 + 0.5 + 0) / 4)
    assert errors.bias == pytest.approx(0.5 / 4)
    assert errors.within_10 == 0.75
    assert found.worst == ("c", pytest.approx(0.5))


def test_the_worst_point_may_be_below_and_carries_its_group() -> None:
    assert series([1, 3], [4, 2], ["x", "y"]).worst == ("a, x", pytest.approx(-0.75))


def test_a_reference_of_0_has_no_relative_error_and_is_counted() -> None:
    found = series([0, 7, 30], [0, 0, 20])
    assert found.zeros == (2, 1)
    assert found.errors is not None and found.errors.count == 1
    assert found.worst == ("c", pytest.approx(0.5))
    (_, zeros) = remarks(made(found))
    assert "2 further points have 0 in the reference" in zeros and "but the model does not in 1" in zeros


def test_a_series_of_nothing_but_0_has_no_errors() -> None:
    found = series([0, 0], [0, 0])
    assert found.errors is None and found.worst is None
    assert cells(found)[2:] == ("0", *["-"] * (len(HEAD) - 3))


def test_groups_are_parts_of_a_series() -> None:
    found = series([1, 2, 3], [1, 1, 1], ["x", "y", "x"])
    parts = found.by_group()
    assert list(parts) == ["x", "y"]
    assert parts["x"].names == ("a", "c") and parts["x"].predicted.tolist() == [1, 3]
    assert series([1], [1]).by_group() == {}


@pytest.mark.parametrize(
    ("predicted", "reference"),
    [([], []), ([1], [1, 2]), ([float("nan")], [1]), ([1], [float("inf")]), ([-1], [1]), ([1], [-1])],
)
def test_a_series_that_makes_no_sense_is_refused(predicted: list[float], reference: list[float]) -> None:
    with pytest.raises(ValueError, match="cycles"):
        series(predicted, reference)


def test_an_agreement_names_its_misses() -> None:
    found = Agreement(
        what="resource", scope=Scope.LAYER, names=("a", "b"), predicted=("MAC", "DRAM"), reference=("MAC", "MAC")
    )
    assert found.share == 0.5 and found.misses == ("b: DRAM for MAC",)
    assert remarks(made(series([1], [1]), agreements=(found,)))[-1] == (
        "resource: the same for 1 of 2 points (50.00 %). Not for b: DRAM for MAC."
    )
    with pytest.raises(ValueError, match="resource"):
        replace(found, predicted=("MAC",))


# ------------------------------------------------------------------------------------------------ files
_WANTED = ReferenceSet(
    title="A chip",
    kind=Kind.MEASURED,
    source="a paper",
    compared="Layers.",
    not_modelled="",
    compare=lambda _: Comparison((series([1], [1]),)),
    files=(
        ReferenceFile("table", ("chip/table.csv", "table.csv")),
        ReferenceFile("more", ("chip/more.csv",), optional=True),
    ),
)


def test_the_first_folder_and_the_first_place_win(tmp_path: Path) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    for path in (near / "table.csv", far / "chip" / "table.csv", far / "chip" / "more.csv"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    assert found_files(_WANTED, [near, far]) == (
        {"table": near / "table.csv", "more": far / "chip" / "more.csv"},
        [],
    )
    assert found_files(_WANTED, [far])[0]["table"] == far / "chip" / "table.csv"
    assert found_files(_WANTED, [near]) == ({"table": near / "table.csv"}, [])


def test_what_is_missing_is_what_is_not_optional() -> None:
    found, missing = found_files(_WANTED, [])
    assert not found and [file.key for file in missing] == ["table"]


def test_a_set_without_its_files_says_which(tmp_path: Path) -> None:
    outcome = run_set("nvdla", [tmp_path])
    assert outcome.comparison is None
    assert "nvdla/nvdla_sheet_alexnet.csv" in outcome.reason and "nvdla/primer_configs.csv" in outcome.reason


def test_the_tests_of_a_checkout_come_last_and_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    folders = search_folders([tmp_path])
    assert folders == (tmp_path, Path(__file__).parents[1] / "reference")
    with pytest.raises(InputError, match="there is no folder"):
        search_folders([tmp_path, tmp_path / "nowhere"])


def test_an_unknown_set_is_told_with_the_nearest() -> None:
    with pytest.raises(InputError, match="Did you mean 'ethos_u'"):
        run_set("ethosu", [])


@pytest.mark.parametrize("name", SETS)
def test_every_set_explains_itself(name: str) -> None:
    about = SETS[name]
    assert about.title and about.source
    assert about.compared.endswith(".") and about.not_modelled.endswith(".")
    keys = [file.key for file in about.files]
    assert len(set(keys)) == len(keys)


# ------------------------------------------------------------------------------------------------ in words
@pytest.mark.parametrize(
    ("share", "signed", "text"),
    [
        (0, False, "0 %"),
        (0, True, "0 %"),
        (1, False, "100 %"),
        (1e-9, False, "0.00 %"),
        (-1e-9, True, "-0.00 %"),
        (0.12345, True, "+12.35 %"),
        (1, True, "+100.00 %"),
        (0.99999, False, "100.00 %"),
    ],
)
def test_what_is_exact_is_told_from_what_is_near(share: float, signed: bool, text: str) -> None:
    assert percent(share, signed=signed) == text


def test_a_row_has_a_cell_a_column() -> None:
    row = dict(zip(HEAD, cells(series([110, 210, 300], [100, 200, 300], ["x", "x", "y"])), strict=True))
    assert row["figure"] == "cycles" and row["of each"] == "layer" and row["points"] == "3"
    assert row["MAPE"] == "5.00 %" and row["bias"] == "+5.00 %" and row["within 10 %"] == "100 %"
    assert row["Spearman"] == row["Kendall"] == "1.000"
    assert row["worst"] == "+10.00 %: a, x"


def test_misses_are_told_and_so_is_their_absence() -> None:
    good, bad = series([1, 2], [1, 2]), series([1, 2], [1, 1])
    assert remarks(made(good)) == ["Equal on every point: cycles.", "No point is more than 10 % off."]
    assert remarks(made(bad)) == ["cycles: 1 of 2 points are more than 10 % off, the worst by +100.00 % (b)."]


def test_points_are_listed_with_their_errors() -> None:
    assert points(series([3, 1], [2, 0])) == [("a", 3.0, 2.0, 0.5), ("b", 1.0, 0.0, None)]


def test_plain_data_holds_what_the_table_holds() -> None:
    run, not_run = made(series([3, 1], [2, 1], ["x", "y"])), Outcome("other", _WANTED, None, "not here: t.csv")
    found = as_dict([run, not_run], with_points=frozenset(["chip"]))
    assert found["not_run"] == [{"name": "other", "reason": "not here: t.csv"}]
    (one,) = found["sets"][0]["series"]
    assert one["errors"]["mape"] == 0.25 and one["worst_point"] == {"name": "a, x", "error": 0.5}
    assert one["groups"]["y"]["errors"]["mape"] == 0
    assert one["points"][1] == {"name": "b, y", "predicted": 1.0, "reference": 1.0, "error": 0.0}
    assert "points" not in as_dict([run])["sets"][0]["series"][0]


def test_a_page_has_a_section_a_set_and_lists_what_was_not_run() -> None:
    run, not_run = made(series([3, 1], [2, 1])), Outcome("other", _WANTED, None, "not here: t.csv")
    text = page([run, not_run], {"chip": Path("docs/images/chip.png")}, Path("docs"))
    assert section(run, "images/chip.png") in text
    assert "(images/chip.png)" in text and "The weather." in text
    assert "* `other` (A chip; measured): not here: t.csv" in text
    assert "Not run here" not in page([run], {}, Path())
    with pytest.raises(ValueError, match="other"):
        section(not_run)


def test_a_bar_in_a_name_does_not_break_the_table() -> None:
    found = replace(series([3, 1], [2, 1]), names=("a|b", "c"))
    (row,) = [line for line in section(made(found)).splitlines() if line.startswith("| cycles")]
    assert row.count("|") == len(HEAD) + 1 and "a/b" in row
