"""accelsim: design-space exploration of neural-network accelerators.

    import accelsim as acs

    result = acs.evaluate(acs.load_network("mobilenet_v2"), acs.load_hardware("systolic", rows=64))
    print(result.totals.latency_ms, result.totals.utilization.overall)

Names are imported when first used, so that ``import accelsim`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accelsim.errors import AccelsimError, InputError, MissingExtraError, NoMappingError
    from accelsim.hardware.load import hardware_template, load_hardware
    from accelsim.mappers.exact import best_mapping
    from accelsim.mappers.fixed import Fixed
    from accelsim.mappers.objective import Objective
    from accelsim.nas.scorer import Scorer
    from accelsim.report.html import write_report
    from accelsim.schedule.evaluate import evaluate, evaluate_points
    from accelsim.schedule.sweep import sweep
    from accelsim.study.plan import load_study
    from accelsim.study.result import load_result
    from accelsim.study.runner import run_study
    from accelsim.workload.load import load_network, network_template

_HOME = {
    "AccelsimError": "accelsim.errors",
    "Fixed": "accelsim.mappers.fixed",
    "InputError": "accelsim.errors",
    "MissingExtraError": "accelsim.errors",
    "NoMappingError": "accelsim.errors",
    "Objective": "accelsim.mappers.objective",
    "Scorer": "accelsim.nas.scorer",
    "best_mapping": "accelsim.mappers.exact",
    "evaluate": "accelsim.schedule.evaluate",
    "evaluate_points": "accelsim.schedule.evaluate",
    "hardware_template": "accelsim.hardware.load",
    "load_hardware": "accelsim.hardware.load",
    "load_network": "accelsim.workload.load",
    "load_result": "accelsim.study.result",
    "load_study": "accelsim.study.plan",
    "network_template": "accelsim.workload.load",
    "run_study": "accelsim.study.runner",
    "sweep": "accelsim.schedule.sweep",
    "write_report": "accelsim.report.html",
}

__all__ = [
    "AccelsimError",
    "Fixed",
    "InputError",
    "MissingExtraError",
    "NoMappingError",
    "Objective",
    "Scorer",
    "best_mapping",
    "evaluate",
    "evaluate_points",
    "hardware_template",
    "load_hardware",
    "load_network",
    "load_result",
    "load_study",
    "network_template",
    "run_study",
    "sweep",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home at first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'accelsim' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
