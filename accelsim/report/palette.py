"""One set of colours and markers for every figure, told apart by any common colour vision, on white or black."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from accelsim.dims import OPERANDS

__all__ = ["GRID", "INK", "MUTED", "OPERAND_COLOURS", "Look", "bottleneck_colours", "kind_colours", "looks"]

#: Text and lines of drawings. The page replaces each by its own colour, light or dark, so nothing else may use them.
INK = "#1f2328"
MUTED = "#6a737e"
GRID = "#d9dde3"

# Okabe and Ito's colours without black and yellow, which vanish on one background or the other.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
#: Marker for matplotlib, the same for plotly.
_MARKERS = (
    ("o", "circle"),
    ("s", "square"),
    ("^", "triangle-up"),
    ("D", "diamond"),
    ("v", "triangle-down"),
    ("P", "cross"),
)

#: Colour of each operand, with the empty name for energy that belongs to none.
OPERAND_COLOURS: dict[str, str] = {"W": "#4477aa", "I": "#66ccee", "O": "#ccbb44", "": "#9aa1ab"}

_RESOURCES = {
    "compute": "#1b7837",
    "vector": "#8e44ad",
    "dispatch": "#55606e",
    "borders": "#c0398b",
    "stripes": "#d98cb9",
    "hand-over": "#3f4a5a",
    "invocation": "#8d96a3",
}
# Three shades a memory, one each operand; the outermost memory of a template comes first in a sorted palette.
_MEMORIES = (
    ("#b2432f", "#e07b54", "#f5b895"),
    ("#35608d", "#6c96c4", "#b0cbe4"),
    ("#8a7212", "#c7ab3c", "#e6d68c"),
    ("#56418f", "#8f7cc2", "#c5b9e2"),
    ("#7d4a2d", "#b98663", "#dfc3ad"),
)
# Tol's light colours, apart from those of templates and bottlenecks.
_KINDS = ("#77aadd", "#ee8866", "#44bb99", "#eedd88", "#ffaabb", "#99ddff", "#bbcc33", "#aaaa00", "#bcbec2")
_OTHERS = ("#7a7f87", "#a5a9af", "#c9ccd1")


@dataclass(frozen=True, slots=True)
class Look:
    """How one of several things that are compared is drawn.

    Attributes:
        colour: As ``#rrggbb``.
        marker: matplotlib's name of the marker.
        symbol: plotly's name of the same marker.
    """

    colour: str
    marker: str
    symbol: str


def looks(names: Iterable[str]) -> dict[str, Look]:
    """Return a look for each name, in the order of first appearance; they repeat after six, with other markers."""
    found: dict[str, Look] = {}
    for place, name in enumerate(dict.fromkeys(names)):
        marker, symbol = _MARKERS[(place + place // len(_COLOURS)) % len(_MARKERS)]
        found[name] = Look(_COLOURS[place % len(_COLOURS)], marker, symbol)
    return found


def bottleneck_colours(names: Iterable[str], memories: Sequence[str]) -> dict[str, str]:
    """Return a colour for each bottleneck, ``compute`` first, then memories from the outermost in, then the others.

    Args:
        names: Bottlenecks as ``LayerResult.bottleneck`` spells them.
        memories: Names of memories, outermost first.
    """
    colours: dict[str, str] = {}
    operands = [str(operand) for operand in OPERANDS]
    for name in sorted(set(names), key=lambda name: _rank(name, memories)):
        memory, _, operand = name.partition(":")
        if memory in _RESOURCES:
            colours[name] = _RESOURCES[memory]
        elif memory in memories:
            shades = _MEMORIES[_family(memories.index(memory))]
            colours[name] = shades[operands.index(operand) if operand in operands else 0]
        else:
            colours[name] = _OTHERS[len(colours) % len(_OTHERS)]
    return colours


def _family(place: int) -> int:
    """Return which shades the memory at ``place`` has; only the outermost one ever has the first."""
    return 0 if place == 0 else 1 + (place - 1) % (len(_MEMORIES) - 1)


def kind_colours(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each kind of layer, in the order given; from the ninth on they are all grey."""
    return {name: _KINDS[min(place, len(_KINDS) - 1)] for place, name in enumerate(names)}


def _rank(name: str, memories: Sequence[str]) -> tuple[int, int, str]:
    memory = name.partition(":")[0]
    if memory in _RESOURCES:
        return (0 if memory == "compute" else 2, 0, name)
    return (1, memories.index(memory), name) if memory in memories else (3, 0, name)
