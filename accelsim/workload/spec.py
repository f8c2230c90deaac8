"""What a network file may hold."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from accelsim.config.fields import Expression, Figure, Name, ParameterSpec, SchemaVersion
from accelsim.config.spec import Spec

__all__ = ["BitsSpec", "NetworkSpec"]


class BitsSpec(Spec):
    """Bit widths."""

    W: int = Field(8, strict=True, ge=1, le=64)
    """Weights."""
    I: int = Field(8, strict=True, ge=1, le=64)  # noqa: E741 - the field's own letter
    """Inputs."""
    O: int = Field(8, strict=True, ge=1, le=64)  # noqa: E741 - the field's own letter
    """Outputs."""
    partial: int = Field(32, strict=True, ge=1, le=64)
    """Partial sums."""


class NetworkSpec(Spec):
    """A network: blocks in order, with parameters."""

    schema_version: SchemaVersion
    """Version of this file format."""
    description: str = ""
    """One line for lists."""
    parameters: dict[Name, ParameterSpec] = Field(default_factory=dict)
    """Parameters; together they are the network's search space."""
    input: tuple[Expression, Expression, Expression]
    """Channels, rows and columns of the input."""
    batch: Expression = 1
    """Inputs processed together."""
    bits: BitsSpec = BitsSpec()
    """Bit widths of every layer."""
    defaults: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Options of a block, by block name, that hold where a layer does not state them."""
    layers: list[dict[str, Any]] = Field(min_length=1)
    """The blocks. Each has ``block``, its options, and optionally ``repeat`` (only the first keeps its stride)."""
    sources: dict[str, Figure] = Field(default_factory=dict)
    """Where the definition and its figures come from."""
