"""Units: conversions worked out by hand, wrong units refused, numbers for people."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.units import KINDS, conversion_factor, human, split_unit


@pytest.mark.parametrize(
    ("unit", "kind", "factor"),
    [
        ("B", "size", 1),
        ("byte", "size", 1),
        ("bit", "size", 0.125),
        ("kB", "size", 1000),
        ("KiB", "size", 1024),
        ("MB", "size", 1e6),
        ("MiB", "size", 1024**2),
        ("GiB", "size", 1024**3),
        ("B/s", "bandwidth", 1),
        ("GB/s", "bandwidth", 1e9),
        ("GiB / s", "bandwidth", 1024**3),
        ("Gbit/s", "bandwidth", 125e6),
        ("B/cycle", "bandwidth per cycle", 1),
        ("bit/cycle", "bandwidth per cycle", 0.125),
        ("bytes/cycle", "bandwidth per cycle", 1),
        ("Hz", "frequency", 1),
        ("1/s", "frequency", 1),
        ("MHz", "frequency", 1e6),
        ("GHz", "frequency", 1e9),
        ("pJ", "energy", 1),
        ("fJ", "energy", 1e-3),
        ("nJ", "energy", 1e3),
        ("mJ", "energy", 1e9),
        ("J", "energy", 1e12),
        ("mm^2", "area", 1),
        ("mm**2", "area", 1),
        ("mm²", "area", 1),
        ("mm2", "area", 1),
        ("um^2", "area", 1e-6),
        ("µm²", "area", 1e-6),
        ("cm^2", "area", 100),
        ("ms", "time", 1),
        ("us", "time", 1e-3),
        ("µs", "time", 1e-3),
        ("ns", "time", 1e-6),
        ("s", "time", 1000),
        ("min", "time", 60_000),
        ("mW", "power", 1),
        ("W", "power", 1000),
        ("uW", "power", 1e-3),
        ("pJ/ns", "power", 1),
    ],
)
def test_conversions_by_hand(unit: str, kind: str, factor: float) -> None:
    assert conversion_factor(unit, kind) == factor


def test_every_kind_has_a_canonical_unit_and_a_working_example() -> None:
    for kind, (canonical, example) in KINDS.items():
        assert conversion_factor(canonical, kind) == 1
        number, unit = split_unit(example.strip("'"))
        assert float(number) > 0
        assert conversion_factor(unit, kind) > 0


@pytest.mark.parametrize(
    ("unit", "kind"),
    [(unit, "size") for unit in ("B", "KiB", "MiB")]
    + [("GB/s", "bandwidth"), ("B/cycle", "bandwidth per cycle"), ("MHz", "frequency"), ("GHz", "frequency")],
)
def test_units_that_need_no_arithmetic_are_what_arithmetic_says(unit: str, kind: str) -> None:
    assert conversion_factor(unit, kind) == conversion_factor(f"1*{unit}", kind)


@pytest.mark.parametrize(
    ("unit", "kind"),
    [
        ("MHz", "bandwidth"),
        ("GB", "bandwidth"),
        ("B/cycle", "bandwidth"),
        ("GB/s", "bandwidth per cycle"),
        ("B/s", "frequency"),
        ("cycle", "frequency"),
        ("GB/s", "size"),
        ("cycle", "size"),
        ("mm", "area"),
        ("mm^3", "area"),
        ("W", "energy"),
        ("pJ", "power"),
        ("Hz", "time"),
    ],
)
def test_a_unit_of_another_kind_is_refused(unit: str, kind: str) -> None:
    with pytest.raises(ValueError, match=f"is not a unit of {kind}"):
        conversion_factor(unit, kind)


@pytest.mark.parametrize("unit", ["", " ", "KB", "kib", "furlong", "2 KiB", "B/", "/B", "1", "1/0", "B B", "B**-", "*"])
def test_an_unknown_unit_is_refused_by_name(unit: str) -> None:
    with pytest.raises(ValueError, match="is not a unit of size") as caught:
        conversion_factor(unit, "size")
    assert repr(unit) in str(caught.value)


def test_a_unit_that_is_a_long_sum_is_refused_at_once() -> None:
    start = time.perf_counter()
    for unit in ("byte**9**9**9**9", "byte**99999999999", "(" * 5000, "B*" * 5000 + "B", "byte**1e99"):
        with pytest.raises(ValueError, match="is not a unit"):
            conversion_factor(unit, "size")
    assert time.perf_counter() - start < 5


@given(unit=st.text(alphabet="BKiMGbyte/s*^²·-19 ().cylme\x00", max_size=12), kind=st.sampled_from(sorted(KINDS)))
def test_any_text_is_a_unit_or_a_value_error(unit: str, kind: str) -> None:
    try:
        factor = conversion_factor(unit, kind)
    except ValueError:
        return
    assert 0 < factor < math.inf


def test_split_unit() -> None:
    assert split_unit("512 KiB") == ("512", "KiB")
    assert split_unit("  2 * dram_gbps   GB/s ") == ("2 * dram_gbps", "GB/s")
    for text in ("512", "", "   ", "KiB "):
        with pytest.raises(ValueError, match="no unit"):
            split_unit(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not modelled"),
        (0, "0"),
        (7, "7"),
        (999, "999"),
        (999.6, "1 k"),
        (1000, "1 k"),
        (12_345, "12.3 k"),
        (999_999, "1 M"),
        (300_774_272, "301 M"),
        (1.5e9, "1.5 G"),
        (1e12, "1 T"),
        (2.5e15, "2,500 T"),
        (-5e6, "-5 M"),
        (0.000123, "0.000123"),
        (math.inf, "inf"),
    ],
)
def test_counts_for_people(value: float | None, text: str) -> None:
    assert human(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not modelled"),
        (0.0, "0 ms"),
        (0.25, "0.25 ms"),
        (12.345, "12.3 ms"),
        (999.96, "1,000 ms"),
        (1234.4, "1,234 ms"),
        (12_345.6, "12,346 ms"),
        (math.inf, "inf ms"),
    ],
)
def test_quantities_for_people(value: float | None, text: str) -> None:
    assert human(value, "ms") == text


def test_digits() -> None:
    assert human(123_456, digits=2) == "123 k"
    assert human(1.23456, "pJ", digits=5) == "1.2346 pJ"


@given(st.floats(min_value=1e-3, max_value=1e14), st.integers(2, 6))
def test_a_count_for_people_is_the_count_to_the_digits_asked(value: float, digits: int) -> None:
    number, _, prefix = human(value, digits=digits).partition(" ")
    factor = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}[prefix]
    assert "e" not in number or value < 1
    assert float(number.replace(",", "")) * factor == pytest.approx(value, rel=0.51 * 10 ** (1 - digits))
