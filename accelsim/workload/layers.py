"""A layer of a network file, and what it holds at a point of the space.

Networks of a search differ in few layers. So each repetition of a layer is resolved once for every combination of the
parameters it uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from functools import partial
from typing import Any, Generic, TypeVar

from accelsim.config.source import FieldPath, field_name
from accelsim.errors import InputError, Problem, shown
from accelsim.parameters import Point
from accelsim.workload.layer_form import RAW_OP
from accelsim.workload.options import whole_number
from accelsim.workload.stated import Stated, names_of
from accelsim.workload.turns import Turn

__all__ = ["LayerPlan"]

T = TypeVar("T")

_REMEMBERED = 256
_MOST_TURNS = 10_000
#: Keys whose words are never the name of a list parameter.
_NO_LISTS = ("name", "from", "block", "when")


class _Remembered(Generic[T]):
    """A function of a point, computed once for each combination of the parameters that it uses.

    Args:
        used: Their names, and perhaps others that are no parameters.
        compute: The function.

    Attributes:
        used: Those names.
    """

    def __init__(self, used: Set[str], compute: Callable[[Point], T]) -> None:
        self.used, self._compute = used, compute
        self._names: list[str] | None = None
        self._known: dict[tuple[Any, ...], T] = {}

    def __call__(self, point: Point) -> T:
        if self._names is None:
            self._names = [name for name in point if name in self.used]
        key = tuple([point[name] for name in self._names])
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = self._compute(point)
        return self._known[key]


class LayerPlan:
    """A layer of a file, ready to be resolved.

    Args:
        path: Where it stands.
        layer: What the file says.
        defaults: Options by block.
        choices: The file's named bundles.
        arrays: Names of the elements of parameters that are lists.
        before: Number of layers that a base has; those without a name are numbered on from there.
    """

    def __init__(
        self,
        path: FieldPath,
        layer: dict[str, Any],
        defaults: Mapping[str, dict[str, Any]],
        choices: Mapping[str, dict[str, Any]],
        arrays: Mapping[str, tuple[str, ...]],
        before: int = 0,
    ) -> None:
        self.path = path
        self.layer = dict(layer)
        if "op" in layer:
            self.layer |= {"block": RAW_OP, "kind": self.layer.pop("op")}
        self.source: str | None = None
        sources = layer.get("from")
        self._moved = {"kind": "op"} if "op" in layer else {}
        if isinstance(sources, list):  # the first is the input, the others an option
            if len(sources) > 1 and "others" not in layer:
                self.layer["others"], self._moved["others"] = sources[1:], "from"
            sources = sources[0] if sources else None
        if sources is not None:
            self.source = str(sources)
        self.name = str(layer.get("name", path[-1] + 1 + before if isinstance(path[-1], int) else path[-1]))
        # A list parameter's name is as good as the list of its elements' names.
        self.layer, self._defaults, self._choices = (
            _listed(said, arrays) for said in (self.layer, dict(defaults), dict(choices))
        )
        each = layer.get("each")
        self._each = {
            key: list(arrays.get(values, (values,))) if isinstance(values, str) else values
            for key, values in (each.items() if isinstance(each, dict) else ())
        }
        shared = {key: value for key, value in self.layer.items() if key not in ("each", "repeat")}
        self._used = {*names_of(shared), *names_of(self._defaults)}
        if "use" in self.layer or "use" in self._each:
            self._used |= set(names_of(self._choices))
        self._repeats = _Remembered(set(names_of(self.layer.get("repeat"))), self._repeat)
        self._turns: dict[int, _Remembered[Turn | None]] = {}
        self._stated: dict[tuple[int, str | None], Stated] = {}

    def place(self, option: str) -> FieldPath:
        """Return where the file states an option of the layer."""
        return (*self.path, self._moved.get(option, option))

    def deciding(self, number: int = 0) -> Set[str]:
        """Return names that decide over repetition ``number``, or over how many there are; some are no parameters."""
        return self._remembered(number).used if number else self._repeats.used

    def repeat(self, point: Point) -> int:
        """Return how often the layer repeats at ``point``.

        Raises:
            InputError: There is no such number.
        """
        return self._repeats(point)

    def turn(self, number: int, point: Point) -> Turn | None:
        """Return repetition ``number``, from 1, at ``point``; ``None`` if it does not stand there.

        Raises:
            InputError: With every value that cannot be computed or is not allowed. The file is not filled in.
        """
        return self._remembered(number)(point)

    def turns(self, point: Point) -> tuple[Turn, ...]:
        """Return the repetitions at ``point``; none if the layer does not stand there.

        Raises:
            InputError: With every value that cannot be computed or is not allowed. The file is not filled in.
        """
        problems: list[Problem] = []
        turns: list[Turn] = []
        repeat = 1
        try:
            repeat = self._repeats(point)
        except InputError as error:
            problems += error.problems
            repeat = 0 if self._each else 1  # without lists there is still a repetition to check
        for number in range(1, repeat + 1) if repeat != 1 else (0,):
            try:
                turn = self._remembered(number)(point)
            except InputError as error:
                problems += error.problems
                continue
            if turn is not None:
                turns.append(turn)
        if problems:
            raise InputError(list(dict.fromkeys(problems)))
        return tuple(turns)

    def _remembered(self, number: int) -> _Remembered[Turn | None]:
        """Return what gives a repetition; 0 is the only one."""
        found = self._turns.get(number)
        if found is None:
            own = {name for values in self._each.values() for name in names_of(values[max(0, number - 1)])}
            found = self._turns[number] = _Remembered(self._used | own, partial(self._numbered, number))
        return found

    def _numbered(self, number: int, point: Point) -> Turn | None:
        if number > 2 and not self._each:  # only the first differs from the others
            turn = self._remembered(2)(point)
            return None if turn is None else replace(turn, number=number)
        return self._turn(point, max(1, number), number)

    def _repeat(self, point: Point) -> int:
        """Return how often the layer repeats: as stated, or as often as its lists have values."""
        here = (*self.path, "each")
        lengths = set()
        for key, values in self._each.items():
            if not isinstance(values, list) or not values:
                problem = Problem(
                    field=field_name((*here, key)), got=shown(values), allowed="a list, or a list parameter"
                )
                raise InputError(problem)
            lengths.add(len(values))
        if len(lengths) > 1:
            message = f"the lists have {' and '.join(map(str, sorted(lengths)))} values; one length is needed"
            raise InputError(Problem(field=field_name(here), message=message))
        if "repeat" not in self.layer:
            return min(lengths, default=1)
        repeat = whole_number(self.layer["repeat"], point, (*self.path, "repeat"))
        if repeat > _MOST_TURNS:
            place, allowed = field_name((*self.path, "repeat")), f"a whole number of at most {_MOST_TURNS}"
            raise InputError(Problem(field=place, got=shown(self.layer["repeat"]), allowed=allowed))
        if lengths and repeat > min(lengths):
            message = f"{repeat} repetitions, and values for {min(lengths)}"
            raise InputError(Problem(field=field_name(here), message=message))
        return repeat

    def _turn(self, point: Point, number: int, called: int) -> Turn | None:
        """Return a repetition, called by another number if it is the only one."""
        word = self._each["use"][number - 1] if "use" in self._each else self.layer.get("use")
        name = point.get(word, word) if isinstance(word, str) else word
        key = (number, name if isinstance(name, str) else None)
        if key not in self._stated:
            self._stated[key] = self._state(point, number, name)
        return self._stated[key].turn(point, called)

    def _state(self, point: Point, number: int, name: object) -> Stated:
        """Return what a repetition states if ``name`` is the choice it uses."""
        values = {**self.layer, **{key: values[number - 1] for key, values in self._each.items()}}
        places = {key: self._place_in_turn(key, number) for key in values}
        if "use" in values:
            choice = self._choice(name, places["use"])
            values = {**choice[1], **values}
            places = {key: ("choices", choice[0], key) for key in choice[1]} | places
        if number > 1 and "stride" in values and "stride" not in self._each:
            values["stride"] = 1
        return Stated(self.path, values, places, self._defaults, point)

    def _place_in_turn(self, key: str, number: int) -> FieldPath:
        """Return where the file states what a repetition has under ``key``."""
        if key not in self._each:
            return self.place(key)
        listed = isinstance(self.layer["each"][key], list)
        return (*self.path, "each", key, number - 1) if listed else (*self.path, "each", key)

    def _choice(self, name: object, path: FieldPath) -> tuple[str, dict[str, Any]]:
        if not isinstance(name, str) or name not in self._choices:
            raise InputError(Problem.unknown(field_name(path), name, self._choices, "unknown choice"))
        return name, self._choices[name]


def _listed(said: dict[str, Any], arrays: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return what a file says, with the names of elements for the name of a list parameter."""
    return {
        key: _listed(value, arrays)
        if isinstance(value, dict) and key != "each"
        else list(arrays[value])
        if isinstance(value, str) and value in arrays and key not in _NO_LISTS
        else value
        for key, value in said.items()
    }
