"""A sweep, a scorer's design and evaluations one by one: every entry to the model gives the same figures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.hardware.load import HardwareTemplate
from accelsim.schedule.catalog import catalog_of
from accelsim.schedule.design import Design
from accelsim.schedule.evaluate import evaluate
from accelsim.schedule.planner import nodes_of, plan_steps
from accelsim.schedule.result import METRICS
from accelsim.schedule.sweep import sweep
from accelsim.workload.network import Network

__all__ = ["check_entries"]


def check_entries(net: Network, hardware: HardwareTemplate, rows: npt.NDArray[np.int64]) -> None:
    """Hold the entries against each other, to the last bit, on arrays of ``rows`` and, in reverse, columns."""
    swept = sweep(net, hardware, {"rows": rows, "columns": rows[::-1].copy()})
    for place, (down, across) in enumerate(zip(rows, rows[::-1], strict=True)):
        design = hardware.instantiate({"rows": down, "columns": across})
        wanted = evaluate(net, design).totals.flat()
        catalog = catalog_of(design.abilities)
        planned = plan_steps(nodes_of([net, net], catalog), catalog.records)
        scored, legal = Design(design, catalog).metrics(planned)
        assert legal.all()
        for name in METRICS:
            assert swept.metrics[name][place] == wanted[name], name
            assert scored[name].tolist() == [wanted[name]] * 2, name
