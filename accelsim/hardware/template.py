"""What every kind of hardware file is: a design space, and a batch of designs for any of its points."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from accelsim.config.source import Source
from accelsim.parameters import Points, Space, Value, table_of_points

__all__ = ["Template"]

H_co = TypeVar("H_co", covariant=True)


class Template(ABC, Generic[H_co]):
    """A hardware file.

    Attributes:
        name: Its name.
        source: The parsed file; of a preset, that of the template it comes from.
        files: All files that say what it is.
        space: Its parameters.
        description: One line for lists.
    """

    name: str
    source: Source
    files: tuple[Path, ...]
    space: Space
    description: str

    @abstractmethod
    def build(self, points: Points) -> H_co:
        """Return the designs at complete points whose words and switches are the same.

        Raises:
            InputError: A value makes no sense where it is used.
        """

    def instantiate(self, parameters: Mapping[str, Any]) -> H_co:
        """Return the designs at ``parameters``; those not given take their defaults.

        Args:
            parameters: Name -> a value, or for a batch an array of shape ``(designs,)``. Words (such as a dataflow)
                are the same for the whole batch; ``batches`` divides a mixed list.

        Raises:
            InputError: An unknown parameter, a value outside its domain, or one that makes no sense where it is used.
        """
        return self.build(table_of_points(self.space, parameters, self.name))

    def batches(self, points: Sequence[Mapping[str, Value]]) -> Iterator[tuple[list[int], H_co]]:
        """Yield the designs of ``points`` in batches that differ only in numbers, with their places in ``points``.

        Raises:
            InputError: As ``instantiate``.
        """
        complete = Points.of([self.space.complete(point, self.name) for point in points])
        for places in complete.alike():
            yield places.tolist(), self.build(complete.take(places))

    def remember_files(self) -> None:
        """Note when each file was last changed, so that ``current`` can tell."""
        self._read = {path: path.stat().st_mtime_ns for path in self.files if path.is_file()}

    @property
    def current(self) -> bool:
        """Whether none of its files has changed since it was read."""
        return all(path.is_file() and path.stat().st_mtime_ns == time for path, time in self._read.items())
