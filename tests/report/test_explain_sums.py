"""Worked sums are the model's figures, for every machine and mapping."""

from __future__ import annotations

import pytest
from explain_cases import Explained, explained
from hypothesis import given, settings

from accelsim.dims import OPERANDS
from accelsim.report.explain.count import room
from accelsim.report.explain.layer import LayerSums
from accelsim.report.explain.sums import Line, Number, ceiling, divided, less, most, plus, shown, times
from accelsim.report.explain.transfers import Moved

A, B, C = Number(7, "apples"), Number(2, "boxes"), Number(0.5, "half")
WAYS = ("read", "write")


def sum_of(found: list[Moved], level: int, way: str, operand: object = None) -> float:
    return sum(
        each.line.number().value
        for each in found
        if each.level == level and each.way == way and operand in (None, each.operand)
    )


@settings(max_examples=150)
@given(explained())
def test_every_byte_is_the_models(drawn: Explained) -> None:
    case, sums = drawn.case, LayerSums(drawn.case)
    asked = case.front.demand
    for level in range(len(case.names)):
        for way, word in enumerate(WAYS):
            for place, operand in enumerate(OPERANDS):
                assert sum_of(sums.moved, level, word, operand) == pytest.approx(asked.moved[0, level, place, way])
            assert sum_of(sums.moved_by_one, level, word) == pytest.approx(asked.one[0, level, way])
    for name, line in sums.traffic()[1].items():
        level = case.names.index(name.partition(".")[2])
        assert line.value == pytest.approx(asked.moved[0, level].sum())


@settings(max_examples=150)
@given(explained())
def test_latency_steps_and_energy_are_the_models(drawn: Explained) -> None:
    case, sums = drawn.case, LayerSums(drawn.case)
    assert sums.cycles()[1]["latency_cycles"].value == pytest.approx(drawn.figures.latency_cycles[0, 0])
    lines = {line.what: line for line in sums.energy()[0][0].lines}
    leakage = lines["leakage of memories"].number().value
    assert leakage == pytest.approx(0.25 * len(case.names) * drawn.figures.latency_cycles[0, 0]), "mW x ns = pJ"
    dynamic = sums.energy()[1]["energy_pj"].number().value - leakage
    assert dynamic == pytest.approx(drawn.figures.dynamic_pj[0, 0])
    use = sums.utilization()[1]
    pes, steps = float(case.accelerator.pes[0]), drawn.figures.steps[0, 0]
    assert use["utilization_spatial"].value == pytest.approx(case.op.macs / (pes * steps))


@settings(max_examples=100)
@given(explained())
def test_room_is_the_models(drawn: Explained) -> None:
    case = drawn.case
    for level in range(1, len(case.names)):
        for place, operand in enumerate(OPERANDS):
            if operand in case.accelerator.memories[level].holds:
                found = room(case, operand, level)
                assert (0 if found is None else found.value) == pytest.approx(case.front.demand.room[0, level, place])


@pytest.mark.parametrize(
    ("term", "text", "words", "value"),
    [
        (plus(A, times(B, C)), "7 + 2 x 0.5", "apples + boxes x half", 8),
        (times(plus(A, B), C), "(7 + 2) x 0.5", "(apples + boxes) x half", 4.5),
        (divided(times(A, B), C), "7 x 2 / 0.5", "apples x boxes / half", 28),
        (times(A, divided(B, C)), "7 x (2 / 0.5)", "apples x (boxes / half)", 28),
        (divided(A, divided(B, C)), "7 / (2 / 0.5)", "apples / (boxes / half)", 1.75),
        (less(A, less(B, C)), "7 - (2 - 0.5)", "apples - (boxes - half)", 5.5),
        (less(less(A, B), C), "7 - 2 - 0.5", "apples - boxes - half", 4.5),
        (plus(A, plus(B, C)), "7 + 2 + 0.5", "apples + boxes + half", 9.5),
        (most(A, plus(B, C)), "max(7, 2 + 0.5)", "max(apples, boxes + half)", 7),
        (times(B, ceiling(divided(A, B))), "2 x ceil(7 / 2)", "boxes x ceil(apples / boxes)", 8),
        (plus(A), "7", "apples", 7),
        (plus(), "0", "nothing", 0),
    ],
)
def test_a_sum_has_its_brackets_where_they_belong(term: Number, text: str, words: str, value: float) -> None:
    assert (term.text(), term.words(), term.value) == (text, words, value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12_544, "12,544"),
        (2**53, "9.0071993e+15"),
        (0.25, "0.25"),
        (1 / 3, "0.33333333"),
        (3700.5, "3,700.5"),
        (60_175_415.7185, "60,175,416"),
        (10.001318313, "10.001318"),
        (1e-7 / 3, "3.3333333e-08"),
        (-1.5, "-1.5"),
    ],
)
def test_numbers_have_all_their_digits_if_whole_and_eight_if_not(value: float, text: str) -> None:
    assert shown(value) == text


def test_what_is_not_modelled_has_no_value() -> None:
    line = Line(what="interconnect", note="not modelled")
    assert line.value is None
    assert line.as_dict() == {
        "what": "interconnect",
        "words": None,
        "sum": None,
        "value": None,
        "unit": "",
        "note": "not modelled",
    }
