"""One registry for everything that can be extended by name; the built-ins go through it too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import entry_points
from threading import RLock
from typing import Generic, TypeVar

from accelsim.errors import AccelsimError, InputError, Problem

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Generic[T]):
    """A table of named things of one kind.

    Outside packages add to it through the entry-point group ``accelsim.<kind>``; entry points and the module that
    holds the built-ins are imported at the first look-up, so that registering costs nothing at start-up.

    Args:
        kind: What the things are, in the singular and in words fit for an error, such as ``"search algorithm"``.
        builtins: Module whose import registers the built-in members.

    Example:
        >>> shapes = Registry("shape")
        >>> @shapes.register("square")
        ... def square(side): return side * side
        >>> shapes["square"](3)
        9
    """

    def __init__(self, kind: str, builtins: str | None = None) -> None:
        self.kind = kind
        self._builtins = builtins
        self._members: dict[str, T] = {}
        self._loaded = False
        self._loading = False
        # Reentrant, because a module of built-ins may look something up while it is being imported.
        self._lock = RLock()

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that adds its target as ``name``. Raises ``ValueError`` if another has the name."""

        def add(member: T) -> T:
            if self._members.setdefault(name, member) is not member:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            return member

        return add

    def __getitem__(self, name: str) -> T:
        return self.get(name, field=self.kind)

    def get(self, name: str, field: str) -> T:
        """Return the member called ``name``; ``field`` says in an error where the name was written.

        Raises:
            InputError: No such member. The message lists the members and the nearest spelling.
            AccelsimError: An outside package that adds members cannot be loaded, or takes a name that is taken.
        """
        self._load()
        if name not in self._members:
            raise InputError(Problem.unknown(field, name, sorted(self._members), f"unknown {self.kind}"))
        return self._members[name]

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted(self._members))

    def __len__(self) -> int:
        self._load()
        return len(self._members)

    def _load(self) -> None:
        if self._loaded:
            return
        with self._lock:
            if self._loaded or self._loading:
                return
            self._loading = True
            try:
                if self._builtins:
                    import_module(self._builtins)
                self._load_entry_points()
                # Only now: after a failure the next look-up tries, and fails, again, instead of using half a table.
                self._loaded = True
            finally:
                self._loading = False

    def _load_entry_points(self) -> None:
        for point in entry_points(group=f"accelsim.{self.kind.replace(' ', '_')}"):
            try:
                self.register(point.name)(point.load())
            except Exception as error:
                what = f"{self.kind} {point.name!r} of {point.value!r} cannot be loaded"
                raise AccelsimError(f"{what}: {error}") from error
