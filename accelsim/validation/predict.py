"""What the model says of many networks on a few designs whose parameters need not lie in the template's domains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from accelsim.errors import NoMappingError
from accelsim.hardware.load import HardwareTemplate
from accelsim.parameters import Point, Points
from accelsim.schedule.run import run
from accelsim.schedule.steps import Plan, planned
from accelsim.workload.network import Network

__all__ = ["Predictor"]

Floats = npt.NDArray[np.float64]


class Predictor:
    """Predicts figures of networks as a function of some parameters of a template.

    Args:
        template: The hardware.
        networks: The networks.
        quantity: ``latency_ms`` or ``energy_pj``.
        fixed: Values of other parameters; those not given take their defaults.

    Raises:
        InputError: A value outside its domain, or a network without a layer made of MACs.
    """

    def __init__(
        self, template: HardwareTemplate, networks: Sequence[Network], quantity: str, fixed: Mapping[str, object]
    ) -> None:
        self.template, self.quantity = template, quantity
        self.point: Point = template.space.complete(fixed, template.name)  # type: ignore[arg-type]
        abilities = template.instantiate(fixed).abilities
        self._networks = tuple(networks)
        self._plans: list[Plan] = [planned(network, abilities) for network in networks]

    def __call__(self, values: Sequence[Mapping[str, float]]) -> Floats:
        """Return the figures, shape ``(networks, designs)``.

        Args:
            values: For each design, the parameters that are not those of ``point``.

        Raises:
            InputError: A value makes no sense where it is used.
            NoMappingError: A layer does not fit on a design.
        """
        points = Points.of([{**self.point, **given} for given in values])
        found = np.empty((len(self._plans), len(values)))
        for design in range(len(values)):
            # One by one: designs run together need arrays of one size, and a parameter may decide it.
            one = self.template.build(points.take(np.array([design])))
            result = run(self._plans, one)
            if not result.legal.all():
                network = self._networks[int(np.argmin(result.legal[:, 0]))]
                given = ", ".join(f"{name} = {value:g}" for name, value in values[design].items())
                raise NoMappingError(f"{network.name} does not fit on {self.template.name} with {given}")
            if self.quantity == "latency_ms":
                found[:, design] = result.network_cycles[:, 0] / one.clock_hz * 1e3
            else:
                found[:, design] = result.network_pj[:, 0]
        return found
