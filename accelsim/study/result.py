"""What a study found: its records, the designs worth having, and how fast each search found them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accelsim.config.source import Source
from accelsim.config.spec import parse
from accelsim.errors import InputError, Problem
from accelsim.parameters import Point
from accelsim.search.criteria import Criteria
from accelsim.search.objectives import Objective
from accelsim.search.pareto import hypervolume_curve, non_dominated, reference_box
from accelsim.study.goals import resolve_criteria
from accelsim.study.record import Record
from accelsim.study.spec import ALL, StudySpec
from accelsim.study.store import read_meta, read_records

__all__ = ["Design", "StudyResult", "load_result"]

#: What the name of a file loses to be what it is called.
_SUFFIX = re.compile(r"\.(ya?ml|onnx|tflite|pt2)(?=\.|$)")


@dataclass(frozen=True, slots=True)
class Design:
    """A network and an accelerator with every parameter that the study states, ready to be evaluated in detail.

    Attributes:
        network: The network, as the study names it.
        network_parameters: Its parameters that differ from the defaults.
        hardware: The accelerator, as the study names it.
        hardware_parameters: Its parameters that differ from the defaults.
    """

    network: str
    network_parameters: Point
    hardware: str
    hardware_parameters: Point


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """The result of a study.

    Attributes:
        name: Name of the study.
        folder: Where the store and the CSV are.
        spec: What the study says.
        criteria: Its objectives and constraints.
        records: Every evaluation, by number.
        total: Evaluations planned; a search may end earlier if it has nothing more to offer.
        complete: Whether the study ran to its end.
        resumed: How many of the records were in the store before this run.
        trust: How far the accuracy estimator can be trusted, in words; empty without one.
        notes: What was left out, in words.
    """

    name: str
    folder: Path
    spec: StudySpec
    criteria: Criteria
    records: tuple[Record, ...]
    total: int
    complete: bool
    resumed: int = 0
    trust: str = ""
    notes: tuple[str, ...] = ()

    @property
    def interrupted(self) -> bool:
        """Whether the study was stopped before its end."""
        return not self.complete

    @property
    def resume_hint(self) -> str:
        """What to do after an interruption; empty if the study is complete."""
        if self.complete:
            return ""
        kept = f"{len(self.records):,} of {self.total:,} evaluations are kept in {self.folder}"
        return f"{kept}. Run the same study again to go on from there."

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives."""
        return self.criteria.objectives

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the networks, in the order in which they were studied."""
        return tuple(dict.fromkeys(record.network for record in self.records))

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms, in the order in which they were studied."""
        return tuple(dict.fromkeys(record.arm for record in self.records))

    @property
    def failed(self) -> tuple[Record, ...]:
        """Records of designs that failed or cannot be compared; each has its ``error``."""
        return tuple(record for record in self.records if record.error is not None)

    def select(
        self,
        *,
        network: str | None = None,
        hardware: str | None = None,
        arm: str | None = None,
        seed: int | None = None,
        feasible: bool = False,
    ) -> tuple[Record, ...]:
        """Return the records with these properties; one that is ``None`` does not count."""
        wanted = {"network": network, "hardware": hardware, "arm": arm, "seed": seed}
        given = {name: value for name, value in wanted.items() if value is not None}
        return tuple(
            record
            for record in self.records
            if (record.feasible or not feasible)
            and all(getattr(record, name) == value for name, value in given.items())
        )

    def values(self, records: Iterable[Record]) -> NDArray[np.float64]:
        """Return the objectives of ``records``, shape ``(records, objectives)``, to be minimised.

        Maximised objectives are negated; a record that is not feasible has infinity throughout.
        """
        worst = (math.inf,) * len(self.objectives)
        rows = [self.criteria.judge(record.metrics).values if record.feasible else worst for record in records]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.objectives))

    def front(self, records: Iterable[Record]) -> tuple[Record, ...]:
        """Return the feasible records that no other of ``records`` dominates, by the first objective, best first."""
        pool = tuple(records)
        values = self.values(pool)
        chosen = non_dominated(values)
        return tuple(pool[place] for place in sorted(chosen, key=lambda place: (*values[place], pool[place].number)))

    def fronts(self, network: str) -> dict[str, tuple[Record, ...]]:
        """Return the front of each arm for one network, all seeds and accelerators together."""
        return {arm: self.front(self.select(network=network, arm=arm)) for arm in self.arms}

    def best(self, records: Iterable[Record], metric: str | None = None) -> Record | None:
        """Return the feasible record that is best by ``metric`` (``report.best_by`` if left out), or ``None``."""
        objective = next(
            (o for o in self.objectives if o.metric == metric), Objective.of(metric or self.spec.report.best_by)
        )
        known = [
            (objective.sign * value, record.number, record)
            for record in records
            if record.feasible and (value := record.metrics.get(objective.metric)) is not None
        ]
        return min(known, key=lambda entry: entry[:2])[2] if known else None

    def hypervolumes(self, network: str) -> dict[str, dict[int, NDArray[np.float64]]]:
        """Return, for each arm and seed, the hypervolume after each evaluation of that search.

        It is a share of the box, common to all arms of the network, from the best value of each objective to a little
        beyond the worst on the front of all arms together (``accelsim.search.pareto.reference_box``). Empty if no
        design is feasible.

        Raises:
            MissingExtraError: Three or more objectives, and the ``search`` extra is not installed.
        """
        box = reference_box(self.values(self.select(network=network)))
        if box is None:
            return {}
        ideal, reference = box
        return {
            arm: {
                seed: hypervolume_curve(self.values(records), reference, ideal)
                for seed in self.spec.search.seed
                if (records := self.select(network=network, arm=arm, seed=seed))
            }
            for arm in self.arms
        }

    def design(self, record: Record) -> Design:
        """Return the network and accelerator of ``record`` with the parameters to evaluate them again."""
        network, network_fixed = _stated(self.spec.networks, record.network)
        hardware, hardware_fixed = _stated(self.spec.hardware, record.hardware)
        return Design(
            network,
            {**network_fixed, **_varied(record, "network")},
            hardware,
            {**hardware_fixed, **_varied(record, "hardware")},
        )


def load_result(folder: str | Path) -> StudyResult:
    """Return the result stored in ``folder``, of a study that has ended or is still running.

    Raises:
        InputError: There is no store, or it is damaged.
    """
    folder = Path(folder)
    meta = read_meta(folder)
    try:
        source = Source(Path(f"{meta['name']}.yaml"), json.loads(meta["study"]), {})
        total, notes = int(meta["total"]), tuple(json.loads(meta["notes"]))
    except (KeyError, ValueError) as error:
        problem = Problem(field=str(folder), message="the store does not say which study it belongs to")
        raise InputError(problem) from error
    spec = parse(StudySpec, source)
    problems: list[Problem] = []
    criteria = resolve_criteria(source, spec, problems)
    if problems:
        raise InputError(problems)
    return StudyResult(
        name=meta["name"],
        folder=folder,
        spec=spec,
        criteria=criteria,
        records=tuple(read_records(folder)),
        total=total,
        complete=meta.get("complete") == "yes",
        trust=meta.get("trust", ""),
        notes=notes,
    )


def _varied(record: Record, prefix: str) -> Point:
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in record.point.items() if name.startswith(start)}


def _stated(section: dict[str, dict[str, object]], name: str) -> tuple[str, Point]:
    """Return how the study names the file called ``name``, and the parameters it sets to one value."""
    # A part of a chip stands behind the name of the file: `chip.yaml.part` is called `chip.part`.
    key = next(key for key in section if _SUFFIX.sub("", Path(key).name) == name)
    single = {p: v for p, v in section[key].items() if isinstance(v, bool | int | float | str) and v != ALL}
    return key, single
