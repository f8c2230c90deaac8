"""Numbers and names as a person reads them."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.report.text import (
    NOT_MODELLED,
    amount,
    meaning,
    number,
    parameters,
    percent,
    scale_of,
    short,
    slug,
    title,
)
from accelsim.schedule.result import METRICS


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("energy_pj", 0.0, "0 pJ"),
        ("energy_pj", 12.0, "12 pJ"),
        ("energy_pj", 1.234e9, "1.23 mJ"),
        ("energy_pj", 999e6, "999 µJ"),
        ("energy_pj", 1e9, "1 mJ"),
        ("energy_pj", 5e15, "5,000 J"),
        ("latency_ms", 0.4567, "457 µs"),
        ("latency_ms", 12.0, "12 ms"),
        ("latency_ms", 2500.0, "2.5 s"),
        ("edp_pj_ms", 7.65e9, "7.65 mJ·ms"),
        ("dram_bytes", 156_000.0, "156 kB"),
        ("peak_memory_bytes", 1.5e6, "1.5 MB"),
        ("area_mm2", 3.14159, "3.14 mm²"),
        ("utilization_overall", 0.4567, "45.7 %"),
        ("top1", 71.8, "71.8 %"),
        ("macs", 300_774_272, "301 M"),
        ("latency_cycles", 3_760_631.5, "3.76 M"),
        ("area_mm2", None, NOT_MODELLED),
        ("top1", None, NOT_MODELLED),
    ],
)
def test_an_amount_has_the_prefix_and_unit_that_suit_it(metric: str, value: float | None, text: str) -> None:
    assert amount(metric, value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (999.4, "999"),
        (999.6, "1,000"),
        (12345.6, "12,346"),
        (0.001234, "0.00123"),
        (1.234e-7, "1.23e-07"),
        (-2.5, "-2.5"),
        (math.inf, "inf"),
    ],
)
def test_a_number_keeps_three_digits_and_avoids_exponents(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(1e-3, 1e12))
def test_a_number_reads_back_to_within_its_digits(value: float) -> None:
    text = number(value)
    assert "e" not in text
    assert float(text.replace(",", "")) == pytest.approx(value, rel=6e-3)


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0.0 %"), (0.0004, "< 0.1 %"), (0.123, "12.3 %"), (0.9996, "100 %"), (1.0, "100 %")]
)
def test_a_share_above_zero_never_reads_as_zero(share: float, text: str) -> None:
    assert percent(share) == text


def test_a_scale_fits_the_middle_of_a_wide_range() -> None:
    # The geometric mean of 10 µJ and 10 mJ is 316 µJ.
    scale = scale_of("energy_pj", [1e7, 1e10])
    assert scale.unit == "µJ"
    assert scale.of(1e9) == pytest.approx(1000.0)
    assert scale.label("energy_pj") == "energy (µJ)"


@pytest.mark.parametrize("values", [[], [0.0], [math.nan, math.inf]])
def test_a_scale_of_nothing_is_the_metric_s_own_unit(values: list[float]) -> None:
    assert scale_of("latency_ms", values).unit == "ms"


@given(st.floats(1e-3, 1e14))
def test_a_scale_only_moves_the_point(value: float) -> None:
    scale = scale_of("energy_pj", [value])
    size = {"pJ": 1.0, "nJ": 1e3, "µJ": 1e6, "mJ": 1e9, "J": 1e12}[scale.unit]
    assert scale.of(value) * size == pytest.approx(value)


def test_every_metric_has_a_name_for_people_and_a_meaning() -> None:
    assert all("_" not in title(metric) for metric in METRICS)
    assert len({title(metric) for metric in METRICS}) == len(METRICS)
    assert all(len(short(metric)) <= len(title(metric)) for metric in METRICS)
    assert meaning("macs") == METRICS["macs"]
    assert meaning("my_metric") == "my metric"


def test_parameters_are_written_as_in_a_study_file() -> None:
    point = {"network.width": 0.5, "hardware.rows": 64, "hardware.dataflow": "weight_stationary", "hardware.on": True}
    assert parameters(point, "hardware") == {"rows": "64", "dataflow": "weight_stationary", "on": "true"}
    assert parameters(point, "network") == {"width": "0.5"}
    assert parameters({"rows": 8.0}) == {"rows": "8"}


@given(st.text())
def test_a_slug_is_a_safe_file_name(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", slug(text))


def test_a_slug_keeps_what_can_be_read() -> None:
    assert slug("layers mobilenet_v2 on edge_tpu") == "layers-mobilenet_v2-on-edge_tpu"
    assert slug("../../etc/<b>") == "etc-b"
    assert slug("网络") == "unnamed"
