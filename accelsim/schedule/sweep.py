"""One network on many designs: figures as columns, worked out a few thousand designs at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.errors import NoMappingError
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.chip import Chip
from accelsim.hardware.load import AnyTemplate
from accelsim.parameters import Points, table_of_points
from accelsim.schedule.chip import on_parts
from accelsim.schedule.figures import Part, figures
from accelsim.schedule.result import METRICS
from accelsim.schedule.run import run
from accelsim.schedule.steps import planned
from accelsim.workload.network import Network

__all__ = ["Batch", "Refused", "Sweep", "batches", "sweep"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
#: Designs costed at once: enough to make the cost of a call disappear, few enough for the memory they take.
_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """A network on many designs.

    Attributes:
        points: The designs' parameters.
        metrics: Metric (a name of ``METRICS``) -> shape ``(designs,)``; NaN where it is not modelled, and where a
            design has no mapping.
        legal: Shape ``(designs,)``: whether every layer has a mapping.
    """

    points: Points
    metrics: dict[str, Floats]
    legal: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.legal)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Designs that were run together.

    Attributes:
        places: Their places among all.
        parts: The accelerator, or the parts of the chip.
    """

    places: Ints
    parts: tuple[Part, ...]

    @property
    def legal(self) -> npt.NDArray[np.bool_]:
        """Shape ``(designs,)``: whether every layer has a mapping."""
        return np.asarray(np.stack([part.run.legal[0] for part in self.parts]).all(axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class Refused:
    """Designs whose arrays have nothing to do, while those of others may.

    Attributes:
        places: Their places among all.
        reason: Why.
    """

    places: Ints
    reason: str


def sweep(network: Network, template: AnyTemplate, parameters: Mapping[str, object]) -> Sweep:
    """Return the figures of ``network`` on many designs of ``template``, each with its best mappings.

    Args:
        network: The network.
        template: The hardware.
        parameters: Parameter -> a value, or an array of shape ``(designs,)``; others take their defaults.

    Raises:
        InputError: An unknown parameter, a value outside its domain, no layer made of MACs.

    Example:
        >>> found = sweep(load_network("mobilenet_v2"), hardware_template("npu"), {"dram_gbps": np.array([2, 4])})
        >>> found.metrics["latency_ms"]
    """
    points = table_of_points(template.space, parameters, template.name)
    metrics = {name: np.full(len(points), np.nan) for name in METRICS}
    legal = np.zeros(len(points), dtype=bool)
    for batch in batches(network, template, points):
        if isinstance(batch, Refused):
            continue
        legal[batch.places] = batch.legal
        for name, values in figures(network, batch.parts).items():
            metrics[name][batch.places] = np.nan if values is None else np.where(batch.legal, values, np.nan)
    return Sweep(points, metrics, legal)


def batches(network: Network, template: AnyTemplate, points: Points) -> Iterator[Batch | Refused]:
    """Yield the designs at ``points`` some at a time: those whose arrays are of the same size, and each chip alone.

    Raises:
        InputError: A value makes no sense where it is used, or no layer is made of MACs.
    """
    for alike in points.alike():
        every = template.build(points.take(alike))
        if isinstance(every, Chip):
            for place in range(len(every)):
                try:
                    yield Batch(alike[[place]], on_parts(network, every.take(np.array([place]))))
                except NoMappingError as error:
                    yield Refused(alike[[place]], str(error))
            continue
        try:
            steps = planned(network, every.abilities)
        except NoMappingError as error:
            yield Refused(alike, str(error))
            continue
        for group in _of_one_size(every):
            accelerator = every.take(group)
            yield Batch(alike[group], (Part(None, steps, accelerator, run([steps], accelerator)),))


def _of_one_size(every: Accelerator) -> Iterator[Ints]:
    """Yield the places of designs with arrays of the same size, not too many at once."""
    copies = [axis.size for memory in every.memories if memory.fan_out is not None for axis in memory.fan_out.axes]
    depthwise = () if every.depthwise is None else every.depthwise.alike()
    sizes = np.stack([*every.array.alike(), *depthwise, *copies])
    _, size = np.unique(sizes, axis=1, return_inverse=True)
    order = np.argsort(size.reshape(-1), kind="stable")
    edges = np.flatnonzero(np.diff(size.reshape(-1)[order])) + 1
    for group in np.split(order, edges):
        for start in range(0, len(group), _AT_ONCE):
            yield group[start : start + _AT_ONCE]
