"""What a mapping is judged by."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.errors import InputError, Problem, shown

__all__ = ["EDP", "ENERGY", "LATENCY", "Objective"]


@dataclass(frozen=True, slots=True)
class Objective:
    """A score that grows with latency and with energy: ``latency ** a x energy ** b``; the least is best.

    Of mappings with the same score the one with less energy wins if only latency counts, else the faster one.

    Attributes:
        latency: Power of the latency, at least 0.
        energy: Power of the energy, at least 0.

    Raises:
        InputError: A power is negative, or both are 0.
    """

    latency: float = 1.0
    energy: float = 1.0

    def __post_init__(self) -> None:
        powers = {"latency": self.latency, "energy": self.energy}
        problems = [
            Problem(field=f"objective.{name}", got=shown(power), allowed="a number of at least 0")
            for name, power in powers.items()
            if not isinstance(power, int | float) or not 0 <= power < float("inf")
        ]
        if not problems and not any(powers.values()):
            problems = [Problem(field="objective", message="neither latency nor energy counts")]
        if problems:
            raise InputError(problems)

    def score(self, latency: float, energy: float) -> float:
        """Return the score of a mapping.

        Args:
            latency: In cycles.
            energy: In pJ.
        """
        return float(latency**self.latency * energy**self.energy)


LATENCY = Objective(1.0, 0.0)
ENERGY = Objective(0.0, 1.0)
EDP = Objective(1.0, 1.0)
