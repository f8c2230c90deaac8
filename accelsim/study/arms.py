"""The searches of a study: each arm, with each seed, for each network on each accelerator."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from accelsim.config.source import FieldPath, Source, field_name
from accelsim.config.spec import Spec
from accelsim.errors import InputError, Problem
from accelsim.parameters import Point, Space, Value
from accelsim.search.algorithms import Algorithm, make_algorithm
from accelsim.search.algorithms.base import ALGORITHMS, option_problems
from accelsim.search.algorithms.grid import grid_size
from accelsim.study.sides import Side
from accelsim.study.spec import DEFAULT_BUDGET, ArmSpec, SearchSpec

__all__ = ["SearchPlan", "check_arms", "plan_searches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlan:
    """One search.

    Attributes:
        arm: Name of the arm.
        algorithm: Name of the search algorithm.
        options: Its options.
        seed: The seed, as the study states it.
        budget: Most evaluations.
        network: The network.
        hardware: The accelerator.
        space: What this search varies, named ``network.width``, ``hardware.rows``, ...
        held: Parameters that the study varies and this search does not, at their defaults.
    """

    arm: str
    algorithm: str
    options: Mapping[str, Any]
    seed: int
    budget: int
    network: Side
    hardware: Side
    space: Space
    held: Point

    @property
    def size(self) -> int:
        """Evaluations this search will make: its budget, or fewer if its space is smaller."""
        return int(min(self.budget, self.whole))

    @property
    def whole(self) -> float:
        """Points it could choose from; infinite if a parameter is continuous and the algorithm is not the grid."""
        return grid_size(self.space) if self.algorithm == "grid" else self.space.size

    def start(self, objectives: int) -> Algorithm:
        """Return the search, new. Its chance follows from the seed and from whom it is for, not from its neighbours."""
        whom = zlib.crc32(f"{self.network.name} on {self.hardware.name}".encode())
        rng = np.random.default_rng([self.seed, whom])
        return make_algorithm(self.algorithm, self.space, objectives, rng, self.budget, self.options)

    def complete(self, point: Mapping[str, Value]) -> Point:
        """Return ``point`` with the parameters held, the network's before the accelerator's.

        Raises:
            InputError: The algorithm left the space.
        """
        values = {**self.held, **self.space.complete(point, f"a point of {self.algorithm}")}
        return {name: values[name] for name in _both(self.network, self.hardware).names}


def check_arms(source: Source, search: SearchSpec, networks: list[Side], hardware: list[Side]) -> list[Problem]:
    """Return every mistake in the ``search`` section: algorithms, options, stray keys, arms that vary nothing."""
    problems: list[Problem] = []
    if search.arms:
        stray = [*search.options, *(key for key in ("algorithm", "vary") if key in search.model_fields_set)]
        for key in stray:
            what = "beside arms this belongs in an arm"
            problem = Problem.unknown(f"search.{key}", key, ("budget", "seed", "arms"), what)
            problems.append(source.problem(("search", key), problem))
    for name, arm in search.each_arm().items():
        here: FieldPath = ("search", "arms", name) if search.arms else ("search",)
        problems += _check_algorithm(source, here, arm, ArmSpec if search.arms else SearchSpec)
        sides = {"network": networks, "hardware": hardware}.get(arm.vary)
        if sides and not any(len(side.space) for side in sides):
            what = "networks" if arm.vary == "network" else "hardware"
            path = (*here, "vary")
            message = f"it varies nothing: no parameter under {what} is a list or 'all'"
            problems.append(source.problem(path, Problem(field=field_name(path), message=message)))
    return problems


def _check_algorithm(source: Source, here: FieldPath, arm: ArmSpec, written_in: type[Spec]) -> list[Problem]:
    field = field_name(here)
    try:
        ALGORITHMS.get(arm.algorithm, f"{field}.algorithm")
        found = option_problems(arm.algorithm, arm.options, field, beside=written_in.model_fields)
        if not found:
            make_algorithm(arm.algorithm, Space(()), 1, np.random.default_rng(0), 1, arm.options, field)
    except InputError as error:
        found = list(error.problems)
    return [source.problem((*here, *p.field.removeprefix(f"{field}.").split(".")), p) for p in found]


def plan_searches(search: SearchSpec, networks: list[Side], hardware: list[Side]) -> list[SearchPlan]:
    """Return the searches in order: by network, accelerator, arm and seed."""
    return [
        SearchPlan(
            arm=name,
            algorithm=arm.algorithm,
            options=arm.options,
            seed=seed,
            budget=arm.budget or search.budget or DEFAULT_BUDGET,
            network=network,
            hardware=accelerator,
            **_varied(network, accelerator, arm),
        )
        for network in networks
        for accelerator in hardware
        for name, arm in search.each_arm().items()
        for seed in search.seed
    ]


def _both(network: Side, hardware: Side) -> Space:
    return network.space.prefixed("network") + hardware.space.prefixed("hardware")


def _varied(network: Side, hardware: Side, arm: ArmSpec) -> dict[str, Any]:
    both = _both(network, hardware)
    if arm.vary == "both":
        return {"space": both, "held": {}}
    searched, other = (network, hardware) if arm.vary == "network" else (hardware, network)
    held = other.space.prefixed("hardware" if arm.vary == "network" else "network").defaults()
    return {"space": searched.space.prefixed(arm.vary), "held": held}
