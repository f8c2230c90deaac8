"""What the file of a fixed mapping may hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from accelsim.config.fields import SchemaVersion
from accelsim.config.spec import Spec
from accelsim.dims import Dim

__all__ = ["MappingSpec"]

_Count = Annotated[int, Field(strict=True, ge=1)]


class _CopiesSpec(Spec):
    """What is fixed of the copies of something."""

    copies: dict[Dim, _Count] = {}
    """Copies that share out a dim."""


class _MemorySpec(_CopiesSpec):
    """What is fixed of a memory; what is left out is chosen."""

    tile: dict[Dim, _Count] = {}
    """What one copy holds of a dim."""
    order: list[Dim] = []
    """The loops over the tiles of this memory, the outermost first; those left out stand where it is best."""


class MappingSpec(Spec):
    """A mapping that is fixed in part or in full."""

    schema_version: SchemaVersion
    """Version of this file format."""
    description: str = ""
    """One line for people."""
    memories: dict[str, _MemorySpec] = {}
    """Memories inside the outermost one, by name."""
    array: _CopiesSpec = _CopiesSpec()
    """The array."""
