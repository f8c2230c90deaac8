"""Compiled functions: the compiler is loaded when one is called, once for all of a file, and never keeps stale code."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from accelsim.compiled import compiled

SOURCE = '''\
"""Two functions, of which one calls the other."""

from accelsim.compiled import compiled


@compiled
def outer(count: int) -> int:
    """Return a sum."""
    total = 0
    for step in range(count):
        total += inner(step)
    return total


@compiled
def inner(step: int) -> int:
    return FACTOR * step
'''


BORROWING = '''\
"""Functions that are handed arrays."""

from typing import NamedTuple

import numpy as np

from accelsim.compiled import borrowing


class Pair(NamedTuple):
    one: np.ndarray
    other: np.ndarray


@borrowing
def dot(pair):
    total = 0.0
    for at in range(len(pair.one)):
        total += product(pair, at)
    pair.other[0] = total
    return total


@borrowing
def product(pair, at):
    return pair.one[at] * pair.other[at]


@borrowing
def doubled(pair):
    return np.empty(2 * len(pair.one))
'''


INLINED = SOURCE.replace("import compiled", "import compiled, inlined").replace(
    "@compiled\ndef inner", "@inlined\ndef inner"
)


def written(folder: Path, factor: int) -> Path:
    path = folder / "kernels.py"
    path.write_text(SOURCE.replace("FACTOR", str(factor)))
    return path


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("kernels", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def no_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Python read the source each time, even if it changes twice in a second."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def test_functions_of_a_file_call_each_other_in_whatever_order_they_stand(tmp_path: Path) -> None:
    module = loaded(written(tmp_path, 3))
    assert module.outer(5) == 30
    assert module.inner(7) == 21
    assert module.outer.__doc__ == "Return a sum."


def test_a_function_that_becomes_part_of_others_can_be_called_too(tmp_path: Path) -> None:
    path = tmp_path / "kernels.py"
    path.write_text(INLINED.replace("FACTOR", "3"))
    module = loaded(path)
    assert module.outer(5) == 30
    assert not list((tmp_path / "__pycache__").glob("kernels.inner*.nbc")), "nothing calls it"
    assert module.inner(7) == 21


def borrowing_module(folder: Path) -> ModuleType:
    path = folder / "kernels.py"
    path.write_text(BORROWING)
    return loaded(path)


def test_a_function_that_borrows_arrays_leaves_them_with_their_owner(tmp_path: Path) -> None:
    module = borrowing_module(tmp_path)
    pair = module.Pair(np.arange(4.0), np.arange(4.0))
    owners = [sys.getrefcount(array) for array in pair]
    for total in (14.0, 14.0):
        assert module.dot(pair) == total
        assert pair.other.tolist() == [total, 1.0, 2.0, 3.0]
        pair.other[0] = 0.0
    assert [sys.getrefcount(array) for array in pair] == owners


def test_a_function_that_borrows_arrays_can_make_none(tmp_path: Path) -> None:
    module = borrowing_module(tmp_path)
    with pytest.raises(Exception, match=r"NRT required|returning of array"):
        module.doubled(module.Pair(np.ones(2), np.ones(2)))


def test_a_name_taken_before_the_first_call_is_compiled_too(tmp_path: Path) -> None:
    module = loaded(written(tmp_path, 2))
    taken = module.outer
    assert module.outer(3) == 6
    assert taken(3) == 6


def test_a_function_that_no_name_of_its_file_holds_is_compiled_too() -> None:
    double: Callable[[int], int] = compiled(lambda value: 2 * value)
    assert double(4) == 8


def test_machine_code_is_kept_for_the_source_that_it_was_made_of(tmp_path: Path) -> None:
    assert loaded(written(tmp_path, 3)).outer(5) == 30
    kept = sorted((tmp_path / "__pycache__").glob("kernels.outer*.nbc"))
    assert len(kept) == 1
    again = written(tmp_path, 4)
    os.utime(again, ns=(10**18, 10**18))
    assert loaded(again).outer(5) == 40


OF_A_CLASS = '''\
"""A function that takes a class of another file."""

from accelsim.compiled import compiled
from shapes import *


@compiled
def area(shape):
    """Return a product."""
    return shape.rows * shape.columns
'''
SHAPE = '''\
"""A class."""

from typing import NamedTuple


class NAME(NamedTuple):
    rows: int
    columns: int
'''


def test_code_kept_for_a_class_that_is_no_more_is_compiled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept names the class, so that it cannot even be read without it."""
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "kernels.py"
    path.write_text(OF_A_CLASS)
    for name in ("Tile", "Rectangle"):
        (tmp_path / "shapes.py").write_text(SHAPE.replace("NAME", name))
        module = loaded(path)
        assert module.area(getattr(module, name)(3, 4)) == 12
        assert list((tmp_path / "__pycache__").glob("kernels.area*.nbi"))
        del sys.modules["shapes"]


def test_a_mistake_in_an_argument_is_not_taken_for_unreadable_code(tmp_path: Path) -> None:
    module = loaded(written(tmp_path, 3))
    assert module.outer(5) == 30
    kept = sorted((tmp_path / "__pycache__").glob("*.nbi"))
    with pytest.raises(Exception, match="count"):
        module.outer("five")
    assert sorted((tmp_path / "__pycache__").glob("*.nbi")) == kept


def test_code_of_a_file_changed_since_it_was_read_is_not_kept(tmp_path: Path) -> None:
    """Otherwise it would pass for the code of the new file."""
    module = loaded(written(tmp_path, 3))
    changed = written(tmp_path, 5)
    os.utime(changed, ns=(10**18, 10**18))
    assert module.outer(5) == 30
    assert not list(tmp_path.glob("__pycache__/*.nbc"))
    assert loaded(changed).outer(5) == 50


def test_many_threads_may_make_the_first_call(tmp_path: Path) -> None:
    module = loaded(written(tmp_path, 3))
    taken, found, start = module.outer, list[int](), threading.Barrier(6)

    def call() -> None:
        start.wait()
        found.append(taken(5))

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [30] * 6


def test_the_compiler_is_not_loaded_with_the_model() -> None:
    code = "import accelsim.schedule.evaluate, accelsim.nas, accelsim.cli, sys; print('numba' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
