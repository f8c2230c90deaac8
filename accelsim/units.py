"""Quantities with units, parsed at the border; inside, plain floats in the units that names carry.

Pint is imported at the first quantity with an unusual unit, never at ``import accelsim``.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from accelsim.errors import shown

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

# Our own few units instead of Pint's list, because there a bit has no dimension: "800 MHz" would pass for a bandwidth.
_DEFINITIONS = """
femto- = 1e-15 = f-
pico- = 1e-12 = p-
nano- = 1e-9 = n-
micro- = 1e-6 = µ- = μ- = u-
milli- = 1e-3 = m-
centi- = 1e-2 = c-
kilo- = 1e3 = k-
mega- = 1e6 = M-
giga- = 1e9 = G-
tera- = 1e12 = T-
kibi- = 1024 = Ki-
mebi- = 1048576 = Mi-
gibi- = 1073741824 = Gi-
bit = [information]
byte = 8 * bit = B
cycle = [cycle]
second = [time] = s
minute = 60 * second = min
hour = 60 * minute = h
hertz = 1 / second = Hz
meter = [length] = m
joule = [energy] = J
watt = joule / second = W
mm2 = millimeter ** 2
um2 = micrometer ** 2
"""

#: What nearly all files need, so that these do not wait for Pint.
_COMMON = {
    ("B", "size"): 1.0,
    ("KiB", "size"): 1024.0,
    ("MiB", "size"): 1048576.0,
    ("GB/s", "bandwidth"): 1e9,
    ("B/cycle", "bandwidth per cycle"): 1.0,
    ("MHz", "frequency"): 1e6,
    ("GHz", "frequency"): 1e9,
}

# Names with one-digit powers, multiplied and divided. Pint itself computes any arithmetic it is given, at any cost.
_FACTOR = r"[^\W\d]\w*(?:(?:\^|\*\*)-?\d)?"
_FORM = re.compile(rf"(?:1|{_FACTOR})(?:\s*[*/·]\s*{_FACTOR})*")
_LONGEST_UNIT = 40


@lru_cache(maxsize=1)
def _units() -> pint.UnitRegistry[float]:
    import pint

    units: pint.UnitRegistry[float] = pint.UnitRegistry(None, cache_folder=None)
    for line in _DEFINITIONS.strip().splitlines():
        units.define(line)
    return units


@lru_cache(maxsize=512)
def conversion_factor(unit: str, kind: str) -> float:
    """Return what one ``unit`` is in the canonical unit of ``kind`` (a key of ``KINDS``).

    Units are bits and bytes, cycles, seconds, minutes and hours, hertz, meters, joules and watts, with decimal and
    binary prefixes, and products, quotients and small powers of them.

    Raises:
        ValueError: ``unit`` is unknown or measures something else.

    Example:
        >>> conversion_factor("KiB", "size")
        1024.0
    """
    if (unit, kind) in _COMMON:
        return _COMMON[unit, kind]
    import pint

    try:
        if len(unit) > _LONGEST_UNIT or not _FORM.fullmatch(unit):
            raise ValueError("not a product or quotient of units")
        factor = _units().Quantity(1.0, unit).to(KINDS[kind][0]).magnitude
    except (pint.errors.PintError, AttributeError, TypeError, AssertionError, ValueError) as error:
        raise ValueError(f"{shown(unit)} is not a unit of {kind}") from error
    # Pint multiplies prefixes one by one; without the last digits 1 ns is 1e-06 ms, as a person would write it.
    return float(f"{factor:.15g}")


def split_unit(text: str) -> tuple[str, str]:
    """Split ``"2 * dram_gbps GB/s"`` into the expression and its last word, the unit.

    Raises:
        ValueError: There is no space, so no unit.
    """
    value, space, unit = text.strip().rpartition(" ")
    if not space or not value.strip():
        raise ValueError("no unit")
    return value.strip(), unit


def _rounded(value: float, digits: int) -> tuple[float, str]:
    """Return ``value`` rounded to ``digits`` significant digits, and as text; whole numbers keep all their digits."""
    rounded = float(f"{value:.{digits}g}")
    return rounded, f"{value:,.0f}" if abs(rounded) >= 10**digits else f"{value:.{digits}g}"


def human(value: float | None, unit: str = "", digits: int = 3) -> str:
    """Format a number for a person: counts get a prefix, a value with a unit keeps its unit.

    ``None`` prints as "not modelled", because absent is not zero.

    Example:
        >>> human(300_774_272), human(None), human(0.25, "ms"), human(12_345.6, "ms")
        ('301 M', 'not modelled', '0.25 ms', '12,346 ms')
    """
    if value is None:
        return "not modelled"
    if not math.isfinite(value):
        return f"{value} {unit}".rstrip()
    if unit:
        return f"{_rounded(value, digits)[1]} {unit}"
    for factor, prefix in ((1.0, ""), (1e3, " k"), (1e6, " M"), (1e9, " G")):
        rounded, text = _rounded(value / factor, digits)
        if abs(rounded) < 1000:
            return text + prefix
    return f"{_rounded(value / 1e12, digits)[1]} T"
