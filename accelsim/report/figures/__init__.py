"""The built-in figures, one module each; importing this package registers them."""

from accelsim.report.figures import (
    arms,
    effects,
    energy,
    hypervolume,
    layers,
    pareto,
    roofline,
    time,
    utilization,
)

__all__ = ["arms", "effects", "energy", "hypervolume", "layers", "pareto", "roofline", "time", "utilization"]
