"""How far a table is from published figures: what its entries and laws say at their widths and sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.errors import InputError, Problem, shown
from accelsim.hardware.technology.spec import PointSpec, SizeLaw

__all__ = ["Deviation", "deviation"]


@dataclass(frozen=True, slots=True)
class Deviation:
    """A published figure, and what the table says in its place.

    Attributes:
        of: The entry.
        at: Where on the law, such as ``8 KiB, 8 B wide`` or ``32 bits``; empty of a plain figure.
        published: The figure.
        modelled: What the table says.
        source: Where the figure stands.
    """

    of: str
    at: str
    published: float
    modelled: float
    source: str

    @property
    def relative(self) -> float:
        """Modelled over published, less 1."""
        return self.modelled / self.published - 1


def deviation(point: PointSpec, values: Mapping[str, float | SizeLaw | None]) -> Deviation:
    """Return how far the table with ``values`` by entry is from ``point``.

    A multiplier goes with the product of its operands' widths, an adder with the width, an energy per byte by its law.

    Raises:
        InputError: There is no such entry, it is not modelled, or the place on its law is missing.
    """
    if point.of not in values:
        raise InputError(Problem.unknown("of", point.of, values, "unknown entry"))
    value, of = values[point.of], point.of
    if value is None:
        raise InputError(Problem(field="of", message="this entry is not modelled", got=shown(of)))
    if isinstance(value, SizeLaw):
        if point.kib is None:
            raise InputError(Problem(field="kib", message="this entry is a law: say of which size the figure is"))
        at = f"{point.kib:g} KiB, {point.bytes:g} B wide"
        return Deviation(of, at, point.value, float(value.per_byte(point.kib, point.bytes)), point.source)
    if point.bits is None:
        return Deviation(of, "", point.value, value, point.source)
    if "_8bit_" in of:
        modelled = value * (point.bits / 8) ** 2
    elif "_32bit_" in of:
        modelled = value * point.bits / 32
    else:
        message = "only multipliers and adders of integers go by width"
        raise InputError(Problem(field="bits", message=message, got=shown(point.bits)))
    return Deviation(of, f"{point.bits} bits", point.value, modelled, point.source)
