"""Padding in a call of its own, before a window that can pad by itself."""

from __future__ import annotations

import math

from accelsim.workload.importers.graph import Call
from accelsim.workload.importers.patterns.engine import Match, pattern
from accelsim.workload.importers.patterns.index import Index

__all__: list[str] = []

#: Exporters pad by this or less where they mean minus infinity: half precision holds nothing smaller.
_LOWEST = -65504.0


@pattern("Conv", "AveragePool", "MaxPool")
def padding(c: Index, last: Call) -> Match | None:
    """A Pad of the pixels alone is part of the ``pads`` of what slides over them, if that pads with the same.

    A convolution pads with zeros, an average pool too if it counts them (``count_include_pad``), a maximum pool with
    minus infinity.
    """
    pad = c.inner(last.inputs[0], "Pad")
    own = _own_pads(last)
    around = _pads(c, pad) if pad is not None else None
    value = _padded_with(c, pad) if pad is not None else None
    if pad is None or own is None or around is None or value is None or len(own) not in (0, len(around)):
        return None
    fits = value <= _LOWEST if last.op == "MaxPool" else value == 0
    if not fits or (last.op == "AveragePool" and not last.attributes.get("count_include_pad")):
        return None
    both = [a + b for a, b in zip(own or [0] * len(around), around, strict=True)]
    attributes = {name: setting for name, setting in last.attributes.items() if name != "auto_pad"}
    return Match(last.op, (pad.inputs[0], *last.inputs[1:]), (pad,), {**attributes, "pads": both})


def _own_pads(window: Call) -> list[int] | None:
    """Return the pixels that a window pads by, none where it says none; ``None`` if that depends on the size."""
    automatic = window.attributes.get("auto_pad") or "NOTSET"
    if automatic not in ("NOTSET", "VALID") or window.attributes.get("ceil_mode"):
        return None
    return [] if automatic == "VALID" else [int(count) for count in window.attributes.get("pads") or ()]


def _pads(c: Index, pad: Call) -> list[int] | None:
    """Return the pixels before and after each axis of an image; ``None`` if not known or other axes are padded."""
    given = pad.attributes.get("pads")
    counts = c.integers(c.operand(pad, 1)) if given is None else [int(count) for count in given]
    shape, axes_at = c.shape(pad.inputs[0]), c.operand(pad, 3)
    if counts is None or len(counts) % 2 or min(counts, default=0) < 0:
        return None
    half = len(counts) // 2
    rank = len(shape) if shape is not None else half
    axes = c.integers(axes_at) if axes_at else list(range(half))
    if axes is None or len(axes) != half or rank < 3 or (axes_at and shape is None):
        return None
    before, after = [0] * rank, [0] * rank
    for axis, first, second in zip(axes, counts[:half], counts[half:], strict=True):
        if not -rank <= axis < rank:
            return None
        before[axis], after[axis] = first, second
    return None if any((*before[:2], *after[:2])) else before[2:] + after[2:]


def _padded_with(c: Index, pad: Call) -> float | None:
    """Return the number that a Pad writes; ``None`` if it repeats pixels or the number is not known."""
    if pad.attributes.get("mode", "constant") != "constant":
        return None
    name = c.operand(pad, 2)
    value = c.number(name) if name else c.setting(pad, "value", 0.0)
    return None if value is None or math.isnan(value) else value
