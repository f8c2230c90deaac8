"""What a study file may hold.

A parameter of a network or an accelerator is written as one of::

    rows: 32               one value: it is set
    rows: [16, 32, 64]     a list: these are tried
    rows: all              every value of its domain is tried

A parameter that is not mentioned has its default.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StrictInt, StrictStr

from accelsim.config.fields import SchemaVersion
from accelsim.config.spec import Spec

__all__ = ["ALL", "DEFAULT_BUDGET", "ArmSpec", "ReportSpec", "SearchSpec", "StudySpec", "Vary"]

#: Written for a parameter whose whole domain is to be searched.
ALL = "all"
#: Evaluations of one search when a study does not state a budget.
DEFAULT_BUDGET = 1000

Vary = Literal["both", "network", "hardware"]


def _by_name(value: object) -> object:
    """Read ``name``, ``[name, ...]`` and ``{name: settings}`` alike."""
    if isinstance(value, str):
        return {value: {}}
    if value in (None, [], {}):
        raise ValueError("name at least one")
    if isinstance(value, list):
        if not all(isinstance(name, str) for name in value):
            raise ValueError(
                "a list holds names alone; to set parameters write 'name: {parameter: value}' in each line"
            )
        if len(set(value)) < len(value):
            raise ValueError("a name stands here twice")
        return {name: {} for name in value}
    return value


def _or_empty(value: object) -> object:
    return {} if value is None else value


def _as_seeds(value: object) -> object:
    seeds = value if isinstance(value, list) else [value]
    if not seeds or any(seed in seeds[:place] for place, seed in enumerate(seeds)):
        raise ValueError("a seed stands here twice" if seeds else "give at least one seed")
    return seeds


Settings = Annotated[dict[str, Any], BeforeValidator(_or_empty)]
Sides = Annotated[dict[str, Settings], BeforeValidator(_by_name)]
Goals = Annotated[dict[str, Any], BeforeValidator(_by_name)]
Seed = Annotated[StrictInt, Field(ge=0)]


class ArmSpec(Spec):
    """One search among several that are compared. Further keys are options of the algorithm."""

    model_config = ConfigDict(extra="allow")

    algorithm: StrictStr = "grid"
    """Name of a search algorithm: grid, random, nsga2, or one of an installed package."""
    budget: StrictInt | None = Field(None, gt=0)
    """Evaluations for each network on each accelerator and each seed; that of the search if left out."""
    vary: Vary = "both"
    """Whose parameters are searched; those of the other side are held at their defaults."""

    @property
    def options(self) -> dict[str, Any]:
        """Options of the algorithm."""
        return dict(self.model_extra or {})


class SearchSpec(Spec):
    """How the space is searched. Further keys are options of the algorithm."""

    model_config = ConfigDict(extra="allow")

    algorithm: StrictStr = "grid"
    """Name of the search algorithm, if there is one search only."""
    budget: StrictInt | None = Field(None, gt=0)
    """Evaluations for each network on each accelerator and each seed. 1000 if left out."""
    seed: Annotated[list[Seed], BeforeValidator(_as_seeds)] = Field(default_factory=lambda: [0])
    """A number from which all chance follows, or a list: every search is then run once with each."""
    vary: Vary = "both"
    """Whose parameters are searched, if there is one search only."""
    arms: dict[str, Annotated[ArmSpec, BeforeValidator(_or_empty)]] = Field(default_factory=dict)
    """Several searches to compare, by a name of your choice."""

    @property
    def options(self) -> dict[str, Any]:
        """Options of the algorithm, if there is one search only."""
        return dict(self.model_extra or {})

    def each_arm(self) -> dict[str, ArmSpec]:
        """Return the arms; a search without any is one arm, called after its algorithm."""
        if self.arms:
            return self.arms
        return {self.algorithm: ArmSpec(algorithm=self.algorithm, vary=self.vary, **self.options)}


class ReportSpec(Spec):
    """What the report shows."""

    title: str = ""
    """Headline; the study's name if left out."""
    best_by: str = "edp_pj_ms"
    """The metric by which the design is chosen that is shown layer by layer."""


class StudySpec(Spec):
    """A study: networks, accelerators, what is wanted, and how to search."""

    schema_version: SchemaVersion
    """Version of this file format."""
    description: str = ""
    """One line for lists."""
    networks: Sides
    """Names of networks, or each with its parameters."""
    hardware: Sides
    """Names of accelerator templates, or each with its parameters."""
    objectives: Goals = Field(default_factory=lambda: {"latency_ms": None, "energy_pj": None})
    """Metrics to make as good as possible; ``metric: max`` overrides what the name implies."""
    constraints: dict[str, Any] = Field(default_factory=dict)
    """Bounds, such as ``area_mm2: "<= 4 mm^2"``."""
    accuracy: str | None = None
    """Name of an accuracy estimator; it adds a metric, such as top1."""
    search: SearchSpec = SearchSpec()
    """How the space is searched: by default the whole grid, thinned to 1000 designs."""
    report: ReportSpec = ReportSpec()
    """What the report shows."""
    workers: StrictInt | None = Field(None, gt=0)
    """Processes that evaluate; one for each CPU core if left out. The result does not depend on it."""
    output: str | None = None
    """Folder for the results; ``results/NAME`` if left out."""
