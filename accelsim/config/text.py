"""YAML that we write: keys in the order given, lines that fit a page."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

__all__ = ["yaml_text"]

_WIDTH = 110


def yaml_text(content: Mapping[str, object]) -> str:
    """Return plain data (mappings, lists, words, numbers, switches) as the text of a YAML file."""
    return yaml.safe_dump(dict(content), sort_keys=False, width=_WIDTH, allow_unicode=True)
