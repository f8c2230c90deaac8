"""What a study wants: its objectives, constraints and accuracy estimator, checked."""

from __future__ import annotations

from accelsim.config.source import FieldPath, Source, field_name
from accelsim.errors import InputError, Problem, shown
from accelsim.schedule.result import METRICS
from accelsim.search.accuracy import ESTIMATORS
from accelsim.search.criteria import Criteria
from accelsim.search.objectives import Constraint, Objective
from accelsim.study.sides import item_path
from accelsim.study.spec import StudySpec

__all__ = ["resolve_criteria"]


def resolve_criteria(source: Source, spec: StudySpec, problems: list[Problem]) -> Criteria:
    """Return the objectives and constraints of a study; every mistake found is added to ``problems``."""
    metrics = list(METRICS)
    if spec.accuracy in ESTIMATORS:
        metrics.append(ESTIMATORS[str(spec.accuracy)]().metric)
    elif spec.accuracy is not None:
        problem = Problem.unknown("accuracy", spec.accuracy, ESTIMATORS, "unknown accuracy estimator")
        problems.append(source.problem(("accuracy",), problem))
        # What the estimator meant would have added is not held against the objectives.
        metrics += [ESTIMATORS[name]().metric for name in ESTIMATORS]
    best = _metric_problem(source, ("report", "best_by"), spec.report.best_by, metrics)
    problems += [best] if best else []
    return Criteria(
        tuple(_objectives(source, spec, metrics, problems)), tuple(_constraints(source, spec, metrics, problems))
    )


def _metric_problem(source: Source, path: FieldPath, metric: str, metrics: list[str]) -> Problem | None:
    if metric in metrics:
        return None
    field = field_name(path)
    estimators = [name for name in ESTIMATORS if ESTIMATORS[name]().metric == metric]
    if estimators:
        message = f"{metric} comes from an accuracy estimator, and the study names none"
        problem = Problem(field=field, message=message, allowed=f"'accuracy: {' or '.join(estimators)}'")
    else:
        problem = Problem.unknown(field, metric, metrics, "unknown metric")
    return source.problem(path, problem)


def _objectives(source: Source, spec: StudySpec, metrics: list[str], problems: list[Problem]) -> list[Objective]:
    objectives: list[Objective] = []
    for metric, goal in spec.objectives.items():
        path = ("objectives", metric)
        problem = _metric_problem(source, path, metric, metrics)
        if problem:
            problem = source.problem(item_path(source, "objectives", metric), problem)
        if problem is None and goal and goal not in ("min", "max"):
            problem = source.problem(path, Problem(field=field_name(path), got=shown(goal), allowed="min or max"))
        if problem:
            problems.append(problem)
        else:
            objectives.append(Objective.of(metric, goal or None))
    return objectives


def _constraints(source: Source, spec: StudySpec, metrics: list[str], problems: list[Problem]) -> list[Constraint]:
    constraints: list[Constraint] = []
    for metric, text in spec.constraints.items():
        path = ("constraints", metric)
        problem = _metric_problem(source, path, metric, metrics)
        if problem:
            problems.append(problem)
            continue
        try:
            constraints.append(Constraint.parse(metric, str(text), field_name(path)))
        except InputError as error:
            problems += [source.problem(path, found) for found in error.problems]
    return constraints
