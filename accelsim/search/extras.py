"""Optional dependencies of the search layer, imported when they are asked for."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from accelsim.errors import MissingExtraError

__all__ = ["search_extra"]


def search_extra(module: str, what: str) -> ModuleType:
    """Return ``module``, which the ``search`` extra installs.

    Args:
        module: Dotted name, such as ``pymoo.core.problem``.
        what: What needs it, to open the error's sentence.

    Raises:
        MissingExtraError: It is not installed; the message is the command that installs it.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise MissingExtraError(what, package, "search") from error
