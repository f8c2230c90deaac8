"""Calibration: a few physical parameters of a template, fitted to measurements by bounded least squares."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError, Problem
from accelsim.hardware.load import HardwareTemplate
from accelsim.parameters import Choices, Range
from accelsim.validation.measurements import Measurements
from accelsim.validation.metrics import Errors, errors_of
from accelsim.validation.predict import Predictor

__all__ = ["Calibration", "Fitted", "calibrate"]

Floats = npt.NDArray[np.float64]
FOLDS = 5
_MOST_PARAMETERS = 32
#: Points that each parameter needs.
_POINTS_EACH = 3
#: Relative errors beyond this weigh less than their square: a measurement may be wrong.
_OUTLIER = 0.1
_STEP = 1e-4
#: A ratio of bounds from which a parameter is fitted on a logarithmic scale.
_DECADE = 10.0
_CORRELATED = 0.98
_WIDE = 0.5


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Where a parameter may lie; ``at`` maps 0..1 to values."""

    name: str
    low: float
    high: float

    @property
    def logarithmic(self) -> bool:
        return self.low > 0 and self.high / self.low >= _DECADE

    def at(self, fraction: float) -> float:
        part = min(max(fraction, 0.0), 1.0)
        if self.logarithmic:
            return float(self.low * (self.high / self.low) ** part)
        return float(self.low + (self.high - self.low) * part)

    def fraction(self, value: float) -> float:
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted parameter.

    Attributes:
        name: Its name.
        default: Its value before.
        value: Its value now.
        low: Lower end of the 95 % confidence interval, at least the least value allowed.
        high: Upper end.
        bounds: Least and greatest value allowed.
    """

    name: str
    default: float
    value: float
    low: float
    high: float
    bounds: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """A calibration.

    Attributes:
        parameters: The fitted parameters.
        before: Errors with the defaults.
        after: Errors with the fitted values, on the points they were fitted to.
        held_out: Errors on points that the fit did not see, from cross-validation.
        folds: Number of folds.
        warnings: What cannot be told from these measurements.
        predicted: Shape ``(points,)``: predictions with the fitted values.
        unseen: The same from cross-validation.
    """

    parameters: tuple[Fitted, ...]
    before: Errors
    after: Errors
    held_out: Errors
    folds: int
    warnings: tuple[str, ...]
    predicted: Floats
    unseen: Floats


def calibrate(
    template: HardwareTemplate,
    measured: Measurements,
    parameters: Sequence[str],
    *,
    fixed: Mapping[str, object] | None = None,
    folds: int = FOLDS,
    seed: int = 0,
) -> Calibration:
    """Fit parameters of a template to measurements.

    The sum of ``rho(predicted / measured - 1)`` is least, where ``rho`` is the square for small errors and grows more
    slowly for those beyond 10 % (``soft_l1`` of ``scipy.optimize.least_squares``). A parameter may take any number
    between the least and the greatest of its domain. Confidence intervals are those of the linearised model, from its
    Jacobian at the solution and Student's t.

    Args:
        template: The hardware.
        measured: The measurements.
        parameters: The parameters to fit.
        fixed: Values of other parameters; those not given take their defaults.
        folds: Parts of the cross-validation.
        seed: Decides which point is in which part.

    Raises:
        InputError: A parameter that there is not, is named twice, is no number or has to be a whole one; too few
            points; one fold.
        NoMappingError: A network does not fit on the hardware.
    """
    bounds = _bounds(template, parameters, fixed or {})
    _enough(measured, len(bounds), folds)
    predict = Predictor(template, measured.networks, measured.quantity, fixed or {})
    start = np.array([one.fraction(float(predict.point[one.name])) for one in bounds])
    problem = _Problem(predict, bounds, measured.values)
    every = np.arange(len(measured))
    found, jacobian = problem.solve(np.clip(start, 0.0, 1.0), every)
    unseen = np.empty(len(measured))
    order = np.random.default_rng(seed).permutation(len(measured))
    for fold in range(folds):
        out = order[fold::folds]
        part, _ = problem.solve(found, np.setdiff1d(every, out))
        unseen[out] = problem.predicted(part)[out]
    predicted = problem.predicted(found)
    deviation = _deviation(jacobian, predicted / measured.values - 1)
    fitted = tuple(_interval(one, start[at], found[at], deviation, at, len(measured)) for at, one in enumerate(bounds))
    return Calibration(
        fitted,
        errors_of(problem.predicted(start), measured.values),
        errors_of(predicted, measured.values),
        errors_of(unseen, measured.values),
        folds,
        tuple(_warnings(bounds, found, deviation, jacobian)),
        predicted,
        unseen,
    )


class _Problem:
    """Predictions as a function of fractions of the parameters' bounds; what was asked is remembered."""

    def __init__(self, predict: Predictor, bounds: Sequence[_Bounds], measured: Floats) -> None:
        self._predict, self._bounds, self._measured = predict, bounds, measured
        self._known: dict[tuple[float, ...], Floats] = {}

    def predicted(self, fractions: Floats) -> Floats:
        """Return predictions, shape ``(points,)``."""
        key = tuple(fractions.tolist())
        if key not in self._known:
            values = {one.name: one.at(part) for one, part in zip(self._bounds, key, strict=True)}
            try:
                self._known[key] = self._predict([values])[:, 0]
            except InputError as error:
                raise _refused(values, error) from error
        return self._known[key]

    def _jacobian(self, fractions: Floats, points: npt.NDArray[np.int64]) -> Floats:
        """Return the relative predictions' derivatives, shape ``(points, parameters)``: steps into the bounds."""
        here = self.predicted(fractions)
        columns = []
        for at in range(len(fractions)):
            step = _STEP if fractions[at] <= 1 - _STEP else -_STEP
            moved = fractions.copy()
            moved[at] += step
            columns.append((self.predicted(moved) - here) / step / self._measured)
        return np.stack(columns, axis=1)[points]

    def solve(self, start: Floats, points: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return the best fractions for some of the points, and the Jacobian there."""
        from scipy.optimize import least_squares

        found = least_squares(
            lambda x: (self.predicted(x) / self._measured - 1)[points],
            np.clip(start, _STEP, 1 - _STEP),
            jac=lambda x: self._jacobian(x, points),
            bounds=(0.0, 1.0),
            loss="soft_l1",
            f_scale=_OUTLIER,
            xtol=1e-6,
            ftol=1e-8,
            max_nfev=60,
        )
        solution = np.asarray(found.x, dtype=float)
        return solution, self._jacobian(solution, points)


def _refused(values: Mapping[str, float], error: InputError) -> InputError:
    """Return what is wrong with fitting parameters that a template refuses between two of their values."""
    tried = ", ".join(f"{name} = {value:.6g}" for name, value in values.items())
    message = "a fit tries any number between the least and the greatest, and the template does not take them all"
    return InputError(
        [
            Problem(field="parameters", message=f"{message}: {one.field}", got=tried, allowed=one.allowed)
            for one in error.problems
        ]
    )


def _bounds(template: HardwareTemplate, names: Sequence[str], fixed: Mapping[str, object]) -> list[_Bounds]:
    problems = []
    found = []
    known = [one.name for one in template.space.parameters if _limits(template, one.name) is not None]
    for place, name in enumerate(names):
        limits = _limits(template, name) if name in template.space.names else None
        field = f"parameters[{place}]"
        if limits is None:
            what = f"{template.name} has no such parameter that is a number with room to move"
            problems.append(Problem.unknown(field, name, known, what))
        elif name in names[:place] or name in fixed:
            why = "named twice" if name in names[:place] else "both fitted and set"
            problems.append(Problem(field=field, message=f"{name} is {why}"))
        else:
            found.append(_Bounds(name, *limits))
    if not names or len(names) > _MOST_PARAMETERS:
        got, allowed = str(len(names)), f"1 to {_MOST_PARAMETERS} parameters of {', '.join(known)}"
        problems.append(Problem(field="parameters", message="what to fit", got=got, allowed=allowed))
    if problems:
        raise InputError(problems)
    return found


def _limits(template: HardwareTemplate, name: str) -> tuple[float, float] | None:
    """Return the least and the greatest number of a parameter's domain; ``None`` if it has not two."""
    domain = template.space[name].domain
    if isinstance(domain, Range):
        return (domain.low, domain.high) if domain.low < domain.high else None
    values = domain.values if isinstance(domain, Choices) else ()
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < max(2, len(values)):
        return None
    return float(min(numbers)), float(max(numbers))


def _enough(measured: Measurements, parameters: int, folds: int) -> None:
    """Refuse a fit that measurements cannot carry."""
    needed = max(_POINTS_EACH * parameters, folds)
    problems = []
    if folds < 2:
        problems.append(Problem(field="folds", got=str(folds), allowed="at least 2"))
    if len(measured) < needed:
        message = f"too few measurements for {parameters} parameters and {folds} folds"
        got, allowed = str(len(measured)), f"at least {needed}, or fewer parameters"
        problems.append(Problem(field="measurements", message=message, got=got, allowed=allowed, file=measured.path))
    if problems:
        raise InputError(problems)


def _deviation(jacobian: Floats, residual: Floats) -> Floats:
    """Return the covariance of the fractions, infinite along what the measurements do not tell."""
    points, parameters = jacobian.shape
    variance = float((residual**2).sum()) / max(points - parameters, 1)
    _, singular, rows = np.linalg.svd(jacobian, full_matrices=False)
    told = singular > 1e-9 * max(float(singular.max(initial=0.0)), 1e-30)
    inverse = np.where(told, 1 / np.where(told, singular, 1.0) ** 2, 1e12)
    return np.asarray(variance * (rows.T * inverse) @ rows)


def _interval(bounds: _Bounds, start: float, found: float, covariance: Floats, at: int, points: int) -> Fitted:
    from scipy.stats import t

    half = float(t.ppf(0.975, max(points - len(covariance), 1))) * math.sqrt(max(float(covariance[at, at]), 0.0))
    return Fitted(
        bounds.name,
        bounds.at(start),
        bounds.at(found),
        bounds.at(found - half),
        bounds.at(found + half),
        (bounds.low, bounds.high),
    )


def _warnings(bounds: Sequence[_Bounds], found: Floats, covariance: Floats, jacobian: Floats) -> list[str]:
    """Return what the measurements cannot tell."""
    deviation = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    said = []
    for at, one in enumerate(bounds):
        if not np.any(np.abs(jacobian[:, at]) > 1e-12):
            said.append(f"{one.name} changes no prediction here, so it cannot be fitted")
        elif min(found[at], 1 - found[at]) < 1e-3:
            said.append(f"{one.name} ends at its bound, {one.at(found[at]):.4g}: the best value may lie beyond")
        elif deviation[at] > _WIDE:
            said.append(f"{one.name} is not identifiable: its confidence interval is as wide as its bounds")
    for first in range(len(bounds)):
        for second in range(first):
            together = covariance[first, second] / (deviation[first] * deviation[second])
            if abs(together) > _CORRELATED:
                names = f"{bounds[second].name} and {bounds[first].name}"
                said.append(f"{names} are known only together (correlation {together:+.3f}): fix one of them")
    return said
