"""Shapes of values as ops have them: batch, channels, rows, columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from accelsim.workload.importers.rules.registry import UnsupportedError
from accelsim.workload.ops import Shape

__all__ = ["normalised", "op_shape", "pixels", "turned"]


def op_shape(shape: tuple[int, ...]) -> Shape:
    """Return a shape of any number of axes as batch, channels and pixels; the number of values is the same."""
    if len(shape) < 2:
        return (1, math.prod(shape), 1, 1)
    batch, channels, *rest = shape
    if len(rest) == 3 and rest[0] > 1:
        return (batch, channels, rest[0], rest[1], rest[2])
    return (batch, channels, math.prod(rest[:-1]), rest[-1] if rest else 1)


def normalised(shape: tuple[int, ...], axis: int, *, rest: bool) -> Shape:
    """Return a shape with the axis that a norm runs over as its channels; with ``rest``, that and all behind it.

    Raises:
        UnsupportedError: There is no such axis.
    """
    if not -len(shape) <= axis < len(shape):
        raise UnsupportedError(f"there is no axis {axis} of {len(shape)}")
    place = axis % len(shape)
    length = math.prod(shape[place:]) if rest else shape[place]
    batch = shape[0] if place else 1
    return (batch, length, 1, math.prod(shape) // (batch * length))


def pixels(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes of an image behind batch and channels; a single column where there are none."""
    return shape[2:] or (1,)


def turned(shape: tuple[int, ...], attributes: Mapping[str, Any], side: str) -> tuple[int, ...]:
    """Return the shape that a product of matrices sees of an operand: leading axes, rows, columns.

    ``transBatch`` takes the rows from the first axis, ``trans`` swaps rows and columns (ONNX Runtime's FusedMatMul);
    a vector stays as it is.

    Args:
        shape: Shape of the operand.
        attributes: Attributes of the product.
        side: ``A`` or ``B``, the letter behind their names.
    """
    if len(shape) < 2:
        return shape
    if attributes.get(f"transBatch{side}"):
        shape = (*shape[1:-1], shape[0], shape[-1])
    return (*shape[:-2], shape[-1], shape[-2]) if attributes.get(f"trans{side}") else shape
