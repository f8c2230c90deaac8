"""Small chips: the machine whose figures can be worked out on paper, several times and changed, around one memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from accelsim.hardware.chip import Chip, Rule
from accelsim.hardware.load import hardware_template
from oracle.machines import HARDWARE, machine

__all__ = ["Changes", "chip_of", "forced", "write_chip"]

#: What is changed in the text of a machine: old and new.
Changes = Sequence[tuple[str, str]]


def write_chip(folder: Path, parts: Mapping[str, Changes], more: str = "") -> Path:
    """Write a machine for each part, and the chip of them; ``more`` are further lines of its file."""
    for name, changes in parts.items():
        machine(folder, *changes, text=HARDWARE)
        (folder / "machine.yaml").rename(folder / f"{name}.yaml")
    listed = "".join(f"  - {{name: {name}, template: {name}.yaml}}\n" for name in parts)
    path = folder / "chip.yaml"
    path.write_text(f"schema_version: 1\nparts:\n{listed}{more}", encoding="utf-8")
    return path


def chip_of(folder: Path, parts: Mapping[str, Changes], more: str = "") -> Chip:
    """Return the default design of such a chip."""
    chip = hardware_template(write_chip(folder, parts, more)).instantiate({})
    assert isinstance(chip, Chip)
    return chip


def forced(chip: Chip, parts: Mapping[str, int]) -> Chip:
    """Return the chip with every layer named on the part of a number."""
    return replace(chip, rules=tuple(Rule(part, name, None, f"rule of {name}") for name, part in parts.items()))
