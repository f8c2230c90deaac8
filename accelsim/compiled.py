"""Functions compiled to machine code: loops over millions of mappings run as fast as if they were written in C.

The machine code is kept beside the source file and compiled anew when that file changes. A compiled function therefore
calls no compiled function of another file: a change there would go unnoticed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["compiled"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Return ``function`` compiled on its first call; division by zero gives infinity, as in numpy."""
    return cast(_Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
