"""Functions compiled to machine code: loops over millions of mappings run as fast as if they were written in C.

The machine code is kept beside the source file and compiled anew when that file changes. A compiled function therefore
calls no compiled function of another file: a change there would go unnoticed.

The compiler itself (numba) is imported at the first call, because that takes longer than most commands.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from threading import Lock
from traceback import extract_tb
from typing import Any, TypeVar, cast

__all__ = ["borrowing", "compiled", "inlined"]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_LOCK = Lock()


class _Waiting:
    """A function that is compiled when it is called."""

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        update_wrapper(self, function)
        self.function = function
        self.options = options
        self.version = _version(function)
        self.ready: Callable[..., Any] | None = None

    def __call__(self, *values: Any) -> Any:
        if self.ready is None:
            _compile_with(self)
        try:
            return self.ready(*values)  # type: ignore[misc]
        except (AttributeError, ImportError) as error:
            if not _while_reading(error):
                raise
            _forget(self.function)
            return self.ready(*values)  # type: ignore[misc]


def _version(function: Callable[..., Any]) -> tuple[int, int] | None:
    """Return what changes when the file of ``function`` does; ``None`` if it is not in a file."""
    try:
        found = Path(function.__code__.co_filename).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _while_reading(error: BaseException) -> bool:
    """Return whether something went wrong while kept machine code was read: it speaks of a class that is no more."""
    return any(Path(frame.filename).parts[-2:] == ("core", "caching.py") for frame in extract_tb(error.__traceback__))


def _forget(function: Callable[..., Any]) -> None:
    """Throw away the machine code that is kept for the functions of a file."""
    source = Path(function.__code__.co_filename)
    for index in source.parent.glob(f"__pycache__/{source.stem}.*.nbi"):
        index.unlink(missing_ok=True)


def _compile_with(asked: _Waiting) -> None:
    """Hand a function to the compiler, and with it all that wait in its file, since they call each other."""
    import numba

    names = asked.function.__globals__
    with _LOCK:
        waiting = [one for one in (asked, *names.values()) if isinstance(one, _Waiting) and one.ready is None]
        made: dict[_Waiting, Callable[..., Any]] = {}
        for one in waiting:
            if one.function.__globals__ is names:
                # Machine code of a file that was changed after it was read must not pass for that of the new one.
                keep = one.version is not None and one.version == _version(one.function)
                made[one] = numba.njit(cache=keep, nogil=True, error_model="numpy", **one.options)(one.function)
        names.update({name: made[one] for name, one in names.items() if isinstance(one, _Waiting) and one in made})
        for one, ready in made.items():
            one.ready = ready


def compiled(function: _Function) -> _Function:
    """Return ``function`` compiled on its first call; division by zero gives infinity, as in numpy."""
    return cast(_Function, _Waiting(function))


def inlined(function: _Function) -> _Function:
    """Return ``function`` compiled as a part of those that call it, for what is called very often.

    A call counts references to every array that it hands over, which takes longer than a few additions.
    """
    return cast(_Function, _Waiting(function, inline="always"))


def borrowing(function: _Function) -> _Function:
    """Return ``function`` compiled as one that makes and returns no arrays: it only borrows those of its caller.

    References to them are then not counted, and it becomes a part of the machine code of those that call it, so that
    nothing is handed over. In a function that is given dozens of arrays both take several times as long as its work.
    """
    return cast(_Function, _Waiting(function, _nrt=False, forceinline=True))
