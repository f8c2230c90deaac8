"""For NAS loops: score a network on an accelerator, a hundred thousand times; or trace the module of one."""

from accelsim.nas.scorer import Scorer
from accelsim.nas.scores import Scores
from accelsim.nas.trace import trace_module

__all__ = ["Scorer", "Scores", "trace_module"]
