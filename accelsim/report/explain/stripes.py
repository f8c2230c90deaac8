"""What a layer worked on in stripes does once more for every stripe but the first, as sums."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.dims import Operand
from accelsim.hardware.accelerator import Accelerator
from accelsim.report.explain.figures import longest
from accelsim.report.explain.sums import Line, Number, Term, most, plus, times
from accelsim.report.explain.transfers import Moved
from accelsim.schedule.run import Run

__all__ = ["Repeat", "again", "moved_again", "repeat_of"]


@dataclass(frozen=True, slots=True)
class Repeat:
    """What is done once more.

    Attributes:
        turns: Stripes but the first.
        weights: Bytes of weights that one of them reads.
        source: Place of the memory that these come from.
        target: Place of the memory into which they go on the way to the array; -1 if there is none.
    """

    turns: int
    weights: float
    source: int
    target: int

    @property
    def bytes(self) -> Term:
        """Weights of all turns."""
        return times(Number(self.turns, "more stripes"), Number(self.weights, "bytes of weights"))


def repeat_of(result: Run, place: int) -> Repeat | None:
    """Return what a step does once more on the one design of ``result``; ``None`` if it does not run in stripes."""
    turns, found = int(result.stays.stripes[place, 0]) - 1, result.again
    if found is None or not turns:
        return None
    weights = float(result.table.steps.looked_up[place])
    return Repeat(turns, weights, int(found.source[place, 0]), int(found.target[place, 0]))


def moved_again(repeat: Repeat | None, accelerator: Accelerator) -> list[Moved]:
    """Return the bytes moved once more."""
    if repeat is None or not repeat.weights:
        return []
    names = [memory.name for memory in accelerator.memories]
    what = "W once more for every further stripe"
    read = Line(what=f"{names[repeat.source]}: {what}", sum=repeat.bytes, unit="B")
    found = [Moved(repeat.source, Operand.W, "read", read)]
    if repeat.target >= 0:
        written = Line(what=f"{names[repeat.target]}: {what}, written", sum=repeat.bytes, unit="B")
        found.append(Moved(repeat.target, Operand.W, "write", written))
    return found


def again(repeat: Repeat | None, accelerator: Accelerator) -> Line | None:
    """Return the cycles of what is done once more; ``None`` if nothing is."""
    if repeat is None:
        return None
    turns, dispatch = Number(repeat.turns, "more stripes"), float(accelerator.array.dispatch_cycles[0])
    terms: list[Term] = [times(turns, Number(dispatch, "dispatch"))]
    if repeat.weights:
        paces = [longest(accelerator.memories[repeat.source], repeat.bytes, None)]
        if repeat.target >= 0:
            paces.append(longest(accelerator.memories[repeat.target], None, repeat.bytes))
        known = [pace for pace in paces if pace is not None]
        if known:
            terms.append(most(*known))
    return Line(what="started again, weights read again", sum=plus(*terms), unit="cycles", note="for further stripes")
