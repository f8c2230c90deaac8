"""ImageNet top-1 of MobileNetV2 by width and resolution, interpolated between the 22 published models."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.search.accuracy import ESTIMATORS, Estimate
from accelsim.workload.network import Network

__all__ = ["PUBLISHED", "SOURCE", "MobileNetV2Grid"]

#: Where the figures of ``PUBLISHED`` stand.
SOURCE = "TensorFlow models, research/slim/nets/mobilenet/README.md, table of MobileNet V2 checkpoints"

_RESOLUTIONS = (224, 192, 160, 128, 96)
_ROWS: dict[float, tuple[float, ...]] = {
    1.4: (75.0,),
    1.3: (74.4,),
    1.0: (71.8, 70.7, 68.8, 65.3, 60.3),
    0.75: (69.8, 68.7, 66.4, 63.2, 58.8),
    0.5: (65.4, 63.9, 61.0, 57.7, 51.2),
    0.35: (60.3, 58.2, 55.7, 50.8, 45.5),
}

#: (width, resolution) -> ImageNet top-1 in percent, as published.
PUBLISHED: dict[tuple[float, int], float] = {
    (width, resolution): top1
    for width, row in _ROWS.items()
    for resolution, top1 in zip(_RESOLUTIONS, row, strict=False)
}
_FULL_WIDTH = 1.0
_KNOWN_PARAMETERS = {"width", "resolution", "batch"}


@ESTIMATORS.register("mobilenet_v2_grid")
class MobileNetV2Grid:
    """Interpolates top-1 between the published MobileNetV2 models, and never leaves the region they span.

    Between the models it is the thin-plate spline through all of them over log2 of width and log2 of resolution; at a
    published model it is the published figure. Up to width 1.0 the region is the rectangle of the grid; above, models
    exist at resolution 224 only, so that is all it covers.
    """

    metric = "top1"

    def estimate(self, network: Network) -> Estimate:
        """Return top-1 in percent of a ``mobilenet_v2`` network."""
        if network.name != "mobilenet_v2":
            return Estimate(None, f"mobilenet_v2_grid knows mobilenet_v2 only, not {network.name}")
        other = sorted(network.parameters.keys() - _KNOWN_PARAMETERS)
        if other:
            return Estimate(None, f"mobilenet_v2_grid knows width and resolution only, not {', '.join(other)}")
        return self.top1(float(network.parameters["width"]), float(network.parameters["resolution"]))

    def top1(self, width: float, resolution: float) -> Estimate:
        """Return top-1 in percent at a width multiplier and an input resolution in pixels."""
        reason = _outside(width, resolution)
        if reason:
            return Estimate(None, f"mobilenet_v2_grid does not extrapolate: {reason}")
        published = PUBLISHED.get((width, int(resolution)))
        if published is not None and resolution == int(resolution):
            return Estimate(published)
        return Estimate(float(self._spline(_coordinates([(width, resolution)]))[0]))

    @cached_property
    def leave_one_out(self) -> dict[tuple[float, int], float]:
        """Error in points of top-1 at each published model when the spline is fitted to the others.

        The four models at the ends of the region, (0.35, 96), (0.35, 224), (1.0, 96) and (1.4, 224), are not among
        them: without one of these the others do not surround it, and its error would be one of extrapolation, which is
        refused.
        """
        return {
            left_out: float(
                _fit([p for p in PUBLISHED if p != left_out])(_coordinates([left_out]))[0] - PUBLISHED[left_out]
            )
            for left_out in PUBLISHED
            if left_out not in _ENDS
        }

    def trust(self) -> str:
        """Return where the figures come from, and the leave-one-out error."""
        errors = np.abs(list(self.leave_one_out.values()))
        worst = max(self.leave_one_out, key=lambda model: abs(self.leave_one_out[model]))
        return (
            f"Top-1 is interpolated between {len(PUBLISHED)} published MobileNetV2 models ({SOURCE}); at their widths "
            f"and resolutions it is the published figure. Leave-one-out error over the {len(errors)} models that "
            f"others surround: mean {errors.mean():.2f}, at most {errors.max():.2f} points of top-1 (width {worst[0]}, "
            f"resolution {worst[1]}). The models are floating-point; loss by quantisation is not included."
        )

    @cached_property
    def _spline(self) -> Any:
        return _fit(list(PUBLISHED))


_ENDS = ((0.35, 96), (0.35, 224), (1.0, 96), (1.4, 224))


def _coordinates(models: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    return np.log2(np.asarray(models, dtype=np.float64))


def _fit(models: Sequence[tuple[float, int]]) -> Any:
    from scipy.interpolate import RBFInterpolator

    figures = np.array([PUBLISHED[model] for model in models])
    return RBFInterpolator(_coordinates(models), figures, kernel="thin_plate_spline", degree=1)


def _outside(width: float, resolution: float) -> str:
    """Return in words how the point lies outside the published region, or an empty string."""
    widths, resolutions = (sorted({model[axis] for model in PUBLISHED}) for axis in (0, 1))
    if not widths[0] <= width <= widths[-1]:
        return f"width {width:g} is outside {widths[0]:g} to {widths[-1]:g}"
    if not resolutions[0] <= resolution <= resolutions[-1]:
        return f"resolution {resolution:g} is outside {resolutions[0]:g} to {resolutions[-1]:g}"
    if width > _FULL_WIDTH and resolution != resolutions[-1]:
        return (
            f"above width {_FULL_WIDTH:g} only resolution {resolutions[-1]:g} was published, "
            f"not width {width:g} at resolution {resolution:g}"
        )
    return ""
