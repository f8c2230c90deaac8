"""From a study file to what is to be run: every name looked up, every mistake found before anything is evaluated."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from accelsim.config.library import find
from accelsim.config.source import Source
from accelsim.config.spec import parse_rest
from accelsim.errors import InputError
from accelsim.hardware.load import hardware_path, hardware_template
from accelsim.search.criteria import Criteria
from accelsim.study.arms import SearchPlan, check_arms, plan_searches
from accelsim.study.goals import resolve_criteria
from accelsim.study.sides import resolve_sides
from accelsim.study.spec import StudySpec
from accelsim.workload.load import network_template

__all__ = ["COSMETIC", "StudyPlan", "load_study", "plan_study"]

#: Keys of a study that do not change what is evaluated.
COSMETIC = frozenset({"schema_version", "description", "report", "workers", "output"})


@dataclass(frozen=True)
class StudyPlan:
    """A study ready to run.

    Attributes:
        name: Name of the study file, without suffix.
        source: The file.
        spec: What it says.
        criteria: Objectives and constraints.
        searches: The searches, in the order in which their points are numbered.
    """

    name: str
    source: Source
    spec: StudySpec
    criteria: Criteria
    searches: tuple[SearchPlan, ...]

    @property
    def total(self) -> int:
        """Evaluations of the whole study."""
        return sum(search.size for search in self.searches)

    @property
    def folder(self) -> Path:
        """Where the results go unless said otherwise."""
        return Path(self.spec.output or Path("results") / self.name)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is left out, in words: grids cut to the budget."""
        cut = [
            f"{search.arm}: of {search.whole:,} combinations for {search.network.name} on {search.hardware.name} "
            f"the budget allows {search.budget:,}, spread evenly"
            for search in self.searches
            if search.algorithm == "grid" and search.whole > search.budget
        ]
        return tuple(dict.fromkeys(cut))

    @cached_property
    def parts(self) -> dict[str, str]:
        """What the evaluations depend on, as text: each key of the study that is not cosmetic, each file it uses."""
        data = self.source.data if isinstance(self.source.data, dict) else {}
        parts = {key: json.dumps(value, default=str) for key, value in sorted(data.items()) if key not in COSMETIC}
        for path in self.files:
            parts[f"file {path.name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
        return parts

    @property
    def files(self) -> tuple[Path, ...]:
        """Files the evaluations depend on: networks, accelerator templates with their bases, technology tables."""
        networks = [search.network.path for search in self.searches]
        hardware = [path for search in self.searches for path in hardware_template(search.hardware.path).files]
        return tuple(dict.fromkeys([*networks, *hardware]))


def load_study(name: str | Path) -> StudyPlan:
    """Return the study ``name`` (a name, or a path), checked.

    Raises:
        InputError: No such study, or mistakes in its file: all of them.
    """
    return plan_study(Source.read(find("study", name)))


def plan_study(source: Source) -> StudyPlan:
    """Return the plan of the study in ``source``.

    Raises:
        InputError: With every mistake of the file, each with its line and the nearest valid spelling.
    """
    spec, problems = parse_rest(StudySpec, source)
    if spec is None:
        raise InputError(problems)
    networks = resolve_sides(source, "networks", "network", _network_path, network_template, spec.networks, problems)
    hardware = resolve_sides(source, "hardware", "hardware", hardware_path, hardware_template, spec.hardware, problems)
    criteria = resolve_criteria(source, spec, problems)
    problems += check_arms(source, spec.search, networks, hardware)
    if problems:
        # From top to bottom; what is wrong in a file that the study uses comes last.
        place = {problem: (str(problem.file) != str(source.path), problem.line or 0) for problem in problems}
        raise InputError(sorted(place, key=place.__getitem__))
    searches = plan_searches(spec.search, networks, hardware)
    return StudyPlan(source.path.stem, source, spec, criteria, tuple(searches))


def _network_path(name: str) -> Path:
    return find("network", name).resolve()
