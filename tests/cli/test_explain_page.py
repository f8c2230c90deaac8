"""``docs/explain.md``: its commands print what the page shows, and that is what a person works out by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from worked_sums import sums, value_of

Run = Callable[..., Any]
PAGE = (Path(__file__).parents[2] / "docs" / "explain.md").read_text(encoding="utf-8")
FILES = dict(zip(("layer.yaml", "machine.yaml"), re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S), strict=True))
SHOWN = dict(re.findall(r"^```\n\$ accelsim (.*?)\n(.*?)^```", PAGE, re.M | re.S))


@pytest.fixture
def command(tmp_path: Path, accelsim: Run) -> Callable[[str], str]:
    """Return a function that runs a command beside the files of the page."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def call(words: str) -> str:
        said = accelsim(*words.split())
        assert said.code == 0, said.err
        return str(said.out)

    return call


@pytest.mark.parametrize("words", SHOWN)
def test_the_page_shows_what_is_printed(words: str, command: Callable[[str], str]) -> None:
    assert SHOWN[words] == command(words), f"put in the page what `accelsim {words}` prints"


def test_the_page_shows_every_question() -> None:
    assert [words.split()[0] for words in SHOWN] == ["show", *["explain"] * 4]
    assert {words.split()[1] for words in SHOWN} == {"mapping", "traffic", "cycles", "utilization", "energy"}


def test_the_sums_of_the_page_are_true() -> None:
    for text in SHOWN.values():
        for one in sums(text):
            assert value_of(one.numbers) == pytest.approx(one.value, rel=1e-6), one


def test_what_the_page_works_out_by_hand() -> None:
    """Ten inputs, six outputs, 4 x 4 PEs; the figures here are those of the page's text, not of the program."""
    results = {one.what: one.value for text in SHOWN.values() for one in sums(text)}
    rows, columns, overhead = 2 + 1, 2, 4 + 4 + 4 - 2
    crossings = rows * 6
    assert results["dram: all bytes"] == 60 + 10 + 6
    assert results["buffer: O half-done read for the array"] == (crossings - 6) * 4
    assert results["buffer: all bytes"] == 60 + 60 + 10 + columns * 10 + 6 + 48 + (48 + 6) == 258
    assert results["cycles of the array"] == rows * columns * (1 + overhead) == 66
    assert results["latency"] == 66 + (24 + 4) / 4 + 6 / 4 == 74.5
    assert results["buffer is busy"] == 258 / 16
    assert results["spatial"] == 60 / (6 * 16)
    assert results["overall"] == pytest.approx(60 / (74.5 * 16), rel=1e-7)
    # A byte of the DRAM 64 pJ, of a buffer of 1 KiB 0.385; a product 0.2 and an addition 0.1; 80 bits of registers.
    leakage = results["leakage of logic"] + 0.013 * 74.5
    # 16 PEs of 962 um2 are a square of 0.124 mm; 0.121 pJ a bit and mm.
    wires = 258 * 8 * 0.121 * (16 * (396.9 + 278 + 48 * 5.98)) ** 0.5 / 1000
    assert results["interconnect at buffer"] == pytest.approx(wires, rel=1e-6)
    leakage += wires
    assert results["energy"] == pytest.approx(76 * 64 + 258 * 0.385 + 60 * 0.3 + 60 * 80 * 0.009 + leakage, rel=1e-7)


@pytest.mark.parametrize("figure", ["258 bytes", "66 + 8.5 = 74.5", "62.5 %", "8.1 %", "5.0 %", "3.5 times"])
def test_the_text_of_the_page_has_these_figures(figure: str) -> None:
    assert figure in re.sub(r"\s+", " ", re.sub(r"^```.*?^```", "", PAGE, flags=re.M | re.S))
