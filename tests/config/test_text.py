"""YAML that we write is YAML that we read."""

from __future__ import annotations

from pathlib import Path

from accelsim.config.source import Source
from accelsim.config.text import yaml_text


def test_what_is_written_is_read_back_in_the_same_order() -> None:
    content = {"z": 1, "a": [0.1, True, "yes", "é", None], "m": {"x y": "a: b", "long": "word " * 60}}
    text = yaml_text(content)
    read = Source.parse(text, Path("a.yaml")).data
    assert read == content
    assert isinstance(read, dict) and list(read) == list(content)
    assert "é" in text and max(map(len, text.splitlines())) <= 115
