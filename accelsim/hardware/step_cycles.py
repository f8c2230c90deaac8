"""How long a step of an array takes: by the widths of an op, and by the zeros that are skipped."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.config.expressions import evaluate, names_in
from accelsim.config.source import FieldPath, field_name
from accelsim.errors import InputError, Problem
from accelsim.hardware.quantities import Quantities

__all__ = ["DENSE_8_BITS", "Operation", "StepCycles", "read_step_cycles"]

Floats = npt.NDArray[np.float64]


class Operation(NamedTuple):
    """What decides how long a multiply-accumulate takes; the names that an expression of a template may use.

    Attributes:
        bits_w: Width of a weight.
        bits_i: Width of an input.
        weight_density: Share of the weights that are not zero.
        input_density: Share of the inputs that are not zero.
    """

    bits_w: int
    bits_i: int
    weight_density: float
    input_density: float


#: What peak figures are stated for.
DENSE_8_BITS = Operation(8, 8, 1.0, 1.0)


class StepCycles(NamedTuple):
    """Cycles of a step of the array, as a template states them.

    Attributes:
        text: An expression over the fields of ``Operation`` and parameters.
        values: The parameters that it uses: arrays of shape ``(designs,)``, or for one design numbers.
        field: Where it stands, for errors.
    """

    text: str
    values: tuple[tuple[str, Any], ...]
    field: str

    @property
    def numbers(self) -> list[Floats]:
        """The parameters."""
        return [value for _, value in self.values]

    def take(self, designs: npt.NDArray[np.int64]) -> StepCycles:
        """Return those of some designs."""
        return self._replace(values=tuple((name, value[designs]) for name, value in self.values))

    def of(self, design: int) -> StepCycles:
        """Return those of one design, which can be compared and hashed."""
        return self._replace(values=tuple((name, float(value[design])) for name, value in self.values))

    def cycles(self, operation: Operation) -> Floats:
        """Return the cycles of a step, shape ``(designs,)`` or ``()``.

        Raises:
            InputError: There are none or fewer for such an operation, or the expression cannot be worked out.
        """
        found = np.asarray(evaluate(self.text, {**dict(self.values), **operation._asdict()}, self.field), dtype=float)
        if not np.all(np.isfinite(found) & (found > 0)):
            asked = ", ".join(f"{name} = {value:g}" for name, value in operation._asdict().items())
            message = f"{self.text} = {np.min(found):g} cycles with {asked}"
            raise InputError(Problem(field=self.field, message=message, allowed="more than 0 cycles for any operation"))
        return found


def read_step_cycles(value: object, path: FieldPath, read: Quantities) -> StepCycles | None:
    """Return the cycles of a step, ``None`` if each takes one; mistakes are noted in ``read``."""
    if value is None:
        return None
    here, text = (*path, "step_cycles"), str(value)
    names = {name: read.names[name] for name in sorted(names_in(text)) if name in read.names}
    values = tuple((name, np.broadcast_to(one, (read.count,)).astype(float)) for name, one in names.items())
    found = StepCycles(text, values, field_name(here))
    try:
        evaluate(text, {**read.names, **DENSE_8_BITS._asdict()}, found.field)
        found.cycles(DENSE_8_BITS)
    except InputError as error:
        for problem in error.problems:
            read.note(here, problem)
        return None
    return found
