"""The seam for reference sets: figures of chips and of other tools, and what the model says in their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files as package_files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError, Problem
from accelsim.registry import Registry
from accelsim.validation.metrics import Errors, errors_of

__all__ = [
    "SETS",
    "Agreement",
    "Comparison",
    "Files",
    "Kind",
    "Outcome",
    "ReferenceFile",
    "ReferenceSet",
    "Scope",
    "Series",
    "found_files",
    "run_set",
    "search_folders",
]

Floats = npt.NDArray[np.float64]
#: Key of a ``ReferenceFile`` -> where it was found.
Files = Mapping[str, Path]


class Kind(StrEnum):
    """Where the figures of a set come from."""

    MEASURED = "measured"
    VENDOR = "vendor model"
    TOOL = "other tool"
    PUBLISHED = "published"


class Scope(StrEnum):
    """What a point of a series is about."""

    LAYER = "layer"
    NETWORK = "network"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Series:
    """One figure of many points, as the model has it and as the reference has it.

    Attributes:
        what: The figure, in words.
        unit: Its unit; empty for a count.
        scope: What a point is.
        names: A name for each point.
        groups: What else tells points apart, such as the machine; empty texts if nothing does.
        predicted: The model's figures, shape ``(points,)``.
        reference: The figures they are held against, shape ``(points,)``, none below 0.

    Raises:
        ValueError: The lengths differ, there are no points, or a figure is not finite or below 0.
    """

    what: str
    unit: str
    scope: Scope
    names: tuple[str, ...]
    groups: tuple[str, ...]
    predicted: Floats
    reference: Floats

    def __post_init__(self) -> None:
        lengths = {len(self.names), len(self.groups), len(self.predicted), len(self.reference)}
        if lengths != {len(self.names)} or not self.names:
            raise ValueError(f"{self.what}: a series needs points, and a name, a group and two figures for each")
        figures = np.stack([self.predicted, self.reference])
        if not np.all(np.isfinite(figures) & (figures >= 0)):
            raise ValueError(f"{self.what}: figures are finite and not below 0")

    @property
    def compared(self) -> npt.NDArray[np.bool_]:
        """Points that have a relative error: the reference is not 0. Shape ``(points,)``."""
        return self.reference > 0

    @property
    def relative(self) -> Floats:
        """Relative errors of the compared points, ``predicted / reference - 1``."""
        kept = self.compared
        return np.asarray(self.predicted[kept] / self.reference[kept] - 1)

    @property
    def errors(self) -> Errors | None:
        """How far the model is off; ``None`` if every reference is 0."""
        kept = self.compared
        return errors_of(self.predicted[kept], self.reference[kept]) if kept.any() else None

    @property
    def worst(self) -> tuple[str, float] | None:
        """Name of the point with the largest relative error, and the error; ``None`` if no point has one."""
        relative = self.relative
        if not np.any(relative):
            return None
        place = int(np.argmax(np.abs(relative)))
        return self.label(int(np.flatnonzero(self.compared)[place])), float(relative[place])

    @property
    def zeros(self) -> tuple[int, int]:
        """Points whose reference is 0, and how many of them are not 0 in the model."""
        kept = self.compared
        return int(np.sum(~kept)), int(np.count_nonzero(self.predicted[~kept]))

    def label(self, place: int) -> str:
        """Return the name of a point with its group."""
        return f"{self.names[place]}, {self.groups[place]}" if self.groups[place] else self.names[place]

    def by_group(self) -> dict[str, Series]:
        """Return the points of each group; nothing if there is one group only."""
        known = list(dict.fromkeys(self.groups))
        return {name: self._of(name) for name in known} if len(known) > 1 else {}

    def _of(self, group: str) -> Series:
        places = np.array([place for place, name in enumerate(self.groups) if name == group])
        return Series(
            what=self.what,
            unit=self.unit,
            scope=self.scope,
            names=tuple(self.names[place] for place in places),
            groups=(group,) * len(places),
            predicted=self.predicted[places],
            reference=self.reference[places],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A word for each point, such as the resource that binds, as the model and as the reference have it.

    Attributes:
        what: What is named.
        scope: What a point is.
        names: A name for each point.
        predicted: The model's words.
        reference: The words they are held against.

    Raises:
        ValueError: The lengths differ, or there are no points.
    """

    what: str
    scope: Scope
    names: tuple[str, ...]
    predicted: tuple[str, ...]
    reference: tuple[str, ...]

    def __post_init__(self) -> None:
        if {len(self.predicted), len(self.reference)} != {len(self.names)} or not self.names:
            raise ValueError(f"{self.what}: an agreement needs points, and a name and two words for each")

    @property
    def misses(self) -> tuple[str, ...]:
        """Points with another word, in words."""
        rows = zip(self.names, self.predicted, self.reference, strict=True)
        return tuple(f"{name}: {ours} for {theirs}" for name, ours, theirs in rows if ours != theirs)

    @property
    def share(self) -> float:
        """Share of the points with the same word."""
        return 1 - len(self.misses) / len(self.names)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What comes of a set."""

    series: tuple[Series, ...]
    agreements: tuple[Agreement, ...] = ()


@dataclass(frozen=True, slots=True)
class ReferenceFile:
    """A file that a set needs.

    Attributes:
        key: What the set calls it.
        places: Where it may be in a folder, the first found is taken.
        optional: Whether the set does without.
    """

    key: str
    places: tuple[str, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSet:
    """Figures to hold the model against.

    Attributes:
        title: Headline.
        kind: Where the figures come from.
        source: Who published or made them.
        compared: What is held against what, in plain sentences.
        not_modelled: What the model leaves out of what the reference has, in plain sentences.
        compare: From the files to the series.
        files: What it needs; nothing if the figures stand in the code.
        plotted: Whether a plot may show its points; not where only figures over all of them may be passed on.
    """

    title: str
    kind: Kind
    source: str
    compared: str
    not_modelled: str
    compare: Callable[[Files], Comparison]
    files: tuple[ReferenceFile, ...] = ()
    plotted: bool = True


#: Every reference set by name; others add theirs through the entry-point group ``accelsim.reference_set``.
SETS: Registry[ReferenceSet] = Registry("reference set", builtins="accelsim.validation.builtin_sets")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A set that was run, or why it was not.

    Attributes:
        name: Name of the set.
        set: The set.
        comparison: What came of it; ``None`` if it was not run.
        reason: Why it was not run; empty if it was.
    """

    name: str
    set: ReferenceSet
    comparison: Comparison | None
    reason: str = ""


def search_folders(given: Sequence[Path]) -> tuple[Path, ...]:
    """Return where files of sets are looked for: in the folders given, then in the tests of a checkout, if it is one.

    Raises:
        InputError: A folder is not there.
    """
    problems = [
        Problem(field="--reference", message=f"there is no folder {folder}") for folder in given if not folder.is_dir()
    ]
    if problems:
        raise InputError(problems)
    checkout = Path(str(package_files("accelsim"))).parent / "tests" / "reference"
    return (*given, *((checkout,) if checkout.is_dir() else ()))


def found_files(wanted: ReferenceSet, folders: Sequence[Path]) -> tuple[dict[str, Path], list[ReferenceFile]]:
    """Return the files of a set that are there, and those it needs that are not."""
    found: dict[str, Path] = {}
    for file in wanted.files:
        places = (folder / place for folder in folders for place in file.places)
        path = next((path for path in places if path.is_file()), None)
        if path is not None:
            found[file.key] = path
    return found, [file for file in wanted.files if file.key not in found and not file.optional]


def run_set(name: str, folders: Sequence[Path]) -> Outcome:
    """Return what comes of a set with the files of some folders.

    Raises:
        InputError: There is no such set, or one of its files has mistakes.
    """
    wanted = SETS[name]
    found, missing = found_files(wanted, folders)
    if missing:
        names = ", ".join(file.places[0] for file in missing)
        return Outcome(name, wanted, None, f"not here: {names}")
    return Outcome(name, wanted, wanted.compare(found))
