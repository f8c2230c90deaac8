"""Networks measured on a machine, against a template: the form of sets of chips, and of a user's own table.

A set of a chip is a few lines::

    SETS.register("my_chip")(
        ReferenceSet(
            title=..., kind=Kind.MEASURED, source=..., compared=..., not_modelled=...,
            files=(ReferenceFile("table", ("my_chip/latency.csv",)),),
            compare=MeasuredNetworks("my_chip_preset", lambda files: read_measurements(files["table"])),
        )
    )
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accelsim.validation.sets import Comparison, Files, Kind, ReferenceSet, Scope, Series

if TYPE_CHECKING:
    from accelsim.hardware.load import HardwareTemplate
    from accelsim.validation.measurements import Measurements

__all__ = ["MeasuredNetworks", "compare_networks", "set_of"]

#: Quantity of measurements -> what it is, and its unit.
_QUANTITIES = {"latency_ms": ("latency", "ms"), "energy_pj": ("energy", "pJ")}


@dataclass(frozen=True, slots=True)
class MeasuredNetworks:
    """Compares measured networks with what a template or preset says of them.

    Attributes:
        hardware: Name of the template or preset, or the path of its file.
        read: From the files of the set to the measurements.
        settings: Parameters of the hardware that are not at their defaults.
    """

    hardware: str
    read: Callable[[Files], Measurements]
    settings: Mapping[str, object] = field(default_factory=dict)

    def __call__(self, files: Files) -> Comparison:
        """Return latency or energy of the networks, whichever was measured.

        Raises:
            InputError: The files have mistakes, or there is no such hardware or parameter.
            NoMappingError: A network does not fit on the hardware.
        """
        from accelsim.hardware.load import accelerator_template

        return compare_networks(accelerator_template(self.hardware), self.read(files), self.settings)


def compare_networks(template: HardwareTemplate, measured: Measurements, settings: Mapping[str, object]) -> Comparison:
    """Return what a template says of networks beside what was measured.

    Raises:
        InputError: A parameter there is not, or a value outside its domain.
        NoMappingError: A network does not fit on the hardware.
    """
    from accelsim.validation.predict import Predictor

    what, unit = _QUANTITIES[measured.quantity]
    predict = Predictor(template, measured.networks, measured.quantity, settings)
    return Comparison(
        (
            Series(
                what=what,
                unit=unit,
                scope=Scope.NETWORK,
                names=_labels(measured),
                groups=("",) * len(measured),
                predicted=predict([{}])[:, 0],
                reference=measured.values,
            ),
        )
    )


def set_of(template: HardwareTemplate, measured: Measurements, settings: Mapping[str, object]) -> ReferenceSet:
    """Return the set that a user's own measurements are."""
    given = ", ".join(f"{name} = {value}" for name, value in settings.items())
    return ReferenceSet(
        title=f"{measured.path.name} on {template.name}" + (f" ({given})" if given else ""),
        kind=Kind.MEASURED,
        source=str(measured.path),
        compared=f"{len(measured)} measured networks against {template.name}, as its file has it.",
        not_modelled="",
        compare=lambda _: compare_networks(template, measured, settings),
    )


def _labels(measured: Measurements) -> tuple[str, ...]:
    """Return a label for each point: the network, and those of its parameters that differ between points."""
    values: dict[tuple[str, str], set[object]] = {}
    for name, network in zip(measured.names, measured.networks, strict=True):
        for parameter, value in network.parameters.items():
            values.setdefault((name, parameter), set()).add(value)
    labels = []
    for name, network in zip(measured.names, measured.networks, strict=True):
        varied = (f"{key}={value}" for key, value in network.parameters.items() if len(values[name, key]) > 1)
        labels.append(" ".join([name, *varied]))
    return tuple(labels)
