"""For NAS loops: score a network on an accelerator, a hundred thousand times."""

from accelsim.nas.scorer import Scorer

__all__ = ["Scorer"]
