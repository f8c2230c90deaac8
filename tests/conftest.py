"""What every test may use: files written on the spot, and the problems of an error."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from accelsim.cost import room, store
from accelsim.errors import InputError, Problem

# The machine that runs the tests may be slow and busy; the same examples every time, so that a red test stays red.
settings.register_profile("accelsim", deadline=None, derandomize=True)
settings.load_profile("accelsim")
# Every run of the model is held against its laws.
os.environ["ACCELSIM_CHECK"] = "1"

Write = Callable[..., Path]
ProblemsOf = Callable[..., tuple[Problem, ...]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a text to a file, by default ``net.yaml``, and returns its path."""

    def to_file(text: str, name: str = "net.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


@pytest.fixture
def whole_tiles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave the default mapper candidates that do not cut loops shorter than 8, so that sums are easy by hand."""
    monkeypatch.setattr(room, "_SEARCHES", False)
    store._stores.cache_clear()
    yield
    store._stores.cache_clear()


@pytest.fixture
def problems_of() -> ProblemsOf:
    """Return a function that calls its first argument with the others and returns the problems it raises."""

    def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Problem, ...]:
        with pytest.raises(InputError) as caught:
            function(*args, **kwargs)
        return caught.value.problems

    return call
