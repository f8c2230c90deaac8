"""Quantities with units, parsed at the border; inside, plain floats in the units that names carry.

Pint is imported at the first quantity parsed, never at ``import accelsim``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pint

__all__ = ["KINDS", "conversion_factor", "human", "split_unit"]

#: Kind of quantity -> (canonical unit used inside, an example to show in an error).
KINDS: dict[str, tuple[str, str]] = {
    "size": ("byte", "'512 KiB'"),
    "bandwidth": ("byte/second", "'25.6 GB/s'"),
    "bandwidth per cycle": ("byte/cycle", "'64 B/cycle'"),
    "frequency": ("hertz", "'1 GHz'"),
    "energy": ("picojoule", "'0.2 pJ'"),
    "area": ("millimeter**2", "'4 mm^2'"),
    "time": ("millisecond", "'10 ms'"),
    "power": ("milliwatt", "'500 mW'"),
}


@lru_cache(maxsize=1)
def _units() -> pint.UnitRegistry[float]:
    import pint

    units: pint.UnitRegistry[float] = pint.UnitRegistry(cache_folder=None)
    units.define("cycle = [cycle]")
    return units


@lru_cache(maxsize=512)
def conversion_factor(unit: str, kind: str) -> float:
    """Return what one ``unit`` is in the canonical unit of ``kind`` (a key of ``KINDS``).

    Raises:
        ValueError: ``unit`` is unknown or measures something else.

    Example:
        >>> conversion_factor("KiB", "size")
        1024.0
    """
    import pint

    units = _units()
    try:
        return float(units.Quantity(1.0, unit).to(KINDS[kind][0]).magnitude)
    except (pint.errors.PintError, AttributeError, TypeError, AssertionError, ValueError) as error:
        raise ValueError(f"{unit!r} is not a unit of {kind}") from error


def split_unit(text: str) -> tuple[str, str]:
    """Split ``"2 * dram_gbps GB/s"`` into the expression and its last word, the unit.

    Raises:
        ValueError: There is no space, so no unit.
    """
    value, space, unit = text.strip().rpartition(" ")
    if not space or not value.strip():
        raise ValueError("no unit")
    return value.strip(), unit


def human(value: float | None, unit: str = "", digits: int = 3) -> str:
    """Format a number for a person: counts get a prefix, a value with a unit keeps its unit.

    ``None`` prints as "not modelled", because absent is not zero.

    Example:
        >>> human(300_774_272), human(None), human(0.25, "ms")
        ('301 M', 'not modelled', '0.25 ms')
    """
    if value is None:
        return "not modelled"
    if unit:
        return f"{value:.{digits}g} {unit}" if abs(value) < 1e4 else f"{value:,.0f} {unit}"
    for factor, prefix in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= factor:
            return f"{value / factor:.{digits}g}{prefix}"
    return f"{value:.{digits}g}"
