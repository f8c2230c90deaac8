"""YAML with line numbers: a file becomes plain Python data plus the line of every field."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import yaml

from accelsim.errors import InputError, Problem

__all__ = ["FieldPath", "Source", "field_name"]

FieldPath = tuple[str | int, ...]
_MAX_NODES = 200_000


def field_name(path: FieldPath) -> str:
    """Write a path for a person: ``("layers", 3, "out")`` becomes ``layers[3].out``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else (f".{step}" if text else step)
    return text or "(file)"


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed YAML file. ``data`` is plain Python; ``lines`` maps a field path to its line, counted from 1."""

    path: Path
    data: object
    lines: dict[FieldPath, int] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Source:
        """Read and parse ``path``.

        Raises:
            InputError: The file is missing or unreadable, is not YAML, has a key twice in one mapping, refers to itself,
                or is unreasonably large once its aliases are expanded.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else (error.strerror or str(error))
            raise InputError(Problem(field=str(path), message=f"cannot read the file: {reason}")) from error
        return cls.parse(text, path)

    @classmethod
    def parse(cls, text: str, path: Path) -> Source:
        """Parse ``text`` as if it stood in ``path``. Raises as ``read`` does."""
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            message = f"not valid YAML: {error.problem or error.context}"
            raise InputError(Problem(field="(file)", message=message, file=path, line=line)) from error
        except (yaml.YAMLError, RecursionError) as error:
            what = "nested too deeply" if isinstance(error, RecursionError) else f"not valid YAML: {error}"
            raise InputError(Problem(field="(file)", message=what, file=path)) from error
        walker = _Walker(path)
        data = None if node is None else walker.build(node, (), ())
        if walker.problems:
            raise InputError(walker.problems)
        return cls(path, data, walker.lines)

    def line(self, path: FieldPath) -> int | None:
        """Return the line of ``path``, or of the nearest field that encloses it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)

    def problem(self, path: FieldPath, problem: Problem) -> Problem:
        """Return ``problem`` placed at ``path`` in this file."""
        return problem.at(self.path, self.line(path))


class _Walker:
    """Builds plain data from YAML nodes and notes the line of each field."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[FieldPath, int] = {}
        self.problems: list[Problem] = []
        self._scalars = yaml.SafeLoader("")

    def build(self, node: yaml.Node, path: FieldPath, parents: tuple[int, ...]) -> object:
        if len(self.lines) > _MAX_NODES or id(node) in parents:
            what = "an alias refers to itself" if id(node) in parents else f"more than {_MAX_NODES} values"
            raise InputError(self._problem(node, path, what))
        self.lines.setdefault(path, node.start_mark.line + 1)
        inside = (*parents, id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, inside)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*path, place), inside) for place, child in enumerate(node.value)]
        try:
            return self._scalars.construct_object(node)  # type: ignore[no-untyped-call]
        except (yaml.YAMLError, ValueError) as error:
            raise InputError(self._problem(node, path, f"cannot read this value ({error.__class__.__name__})")) from error

    def _mapping(self, node: yaml.MappingNode, path: FieldPath, parents: tuple[int, ...]) -> dict[str, object]:
        data: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in data:
                self.problems.append(self._problem(key_node, (*path, key), "the key stands here a second time"))
                continue
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            data[key] = self.build(value_node, (*path, key), parents)
        return data

    def _problem(self, node: yaml.Node, path: FieldPath, message: str) -> Problem:
        return Problem(field=field_name(path), message=message, file=self.path, line=node.start_mark.line + 1)
