"""What one part of a chip runs of the steps of networks: the same steps, of which others are nothing to it.

A step on another part costs nothing here, and its result is never here: what parts hand to one another goes through the
memory that they share.
"""

from __future__ import annotations

import numpy as np

from accelsim.schedule.planned import Planned
from accelsim.schedule.table import Steps

__all__ = ["share_of"]


def share_of(planned: Planned, part: int) -> Steps:
    """Return the steps as one part of the chip sees them.

    Those of others move nothing, take no time and are done elsewhere (``away``). What others read of its results is
    ``shared``. The part is called once for each stretch of steps that it runs without another one in between.

    Args:
        planned: The steps, and on which part each runs.
        part: Number of the part.
    """
    steps, own = planned.steps, planned.runs_on == part
    reads = np.diff(steps.first_read)
    reader = np.repeat(np.arange(len(own)), reads)
    crosses = (steps.writer >= 0) & (planned.runs_on[steps.writer] != planned.runs_on[reader])
    shared = np.zeros(len(own), dtype=np.bool_)
    shared[steps.writer[crosses]] = True
    kept = own[reader]
    before = np.concatenate([[False], own[:-1]])
    before[steps.starts[:-1]] = False
    begun = np.concatenate([[0], np.cumsum(own & ~before)])
    return steps._replace(
        written=np.where(own, steps.written, 0.0),
        weights=np.where(own, steps.weights, 0.0),
        looked_up=np.where(own, steps.looked_up, 0.0),
        macs=steps.macs & own,
        on_array=steps.on_array & own,
        work=np.where(own[:, None], steps.work, 0.0),
        away=steps.away | ~own,
        away_macs=np.where(own, steps.away_macs, 0.0),
        crossings=np.where(own, steps.crossings, 0.0),
        shared=shared,
        calls=np.diff(begun[steps.starts]).astype(float),
        first_read=np.concatenate([[0], np.cumsum(np.where(own, reads, 0))]),
        writer=steps.writer[kept],
        read=steps.read[kept],
        second=steps.second[kept],
    )
