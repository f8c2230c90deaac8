"""What an engine with a traversal of its own says of an op: ways to run it, and what each takes."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from accelsim.dims import OPERANDS, Operand
from accelsim.hardware.engines import BLOCK_ENGINES, BlockEngine, Settings
from accelsim.workload.ops import Op

__all__ = ["Around", "Floats", "Traversal", "Ways", "no_traffic", "traversal"]

Floats = npt.NDArray[np.float64]


class Around(NamedTuple):
    """Where the tensors of an op lie, and where it stands in its network.

    Attributes:
        memories: Number of memories; the last is the engine's local buffer.
        homes: Places of the memories in which whole ``W I O`` lie: 0 unless they stay on chip.
        first: Whether it reads an input of the network.
        last: Whether its result is one of the network.
        slack_cycles: What the op before it on the engine left; see ``Ways``. ``None`` if none runs before it, or the
            engine hands nothing on.
    """

    memories: int
    homes: tuple[int, int, int] = (0, 0, 0)
    first: bool = False
    last: bool = False
    slack_cycles: float | None = None

    def home(self, operand: Operand) -> int:
        """Return the place of the memory in which the whole operand lies."""
        return self.homes[OPERANDS.index(operand)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ways:
    """Ways to run an op; ``n`` of them, ``M`` memories.

    Attributes:
        cycles: Shape ``(n,)``: cycles of the engine.
        steps: Shape ``(n,)``: those in which PEs work, at most ``cycles``.
        moved: Shape ``(n, M, 3, 2)``: bytes read and written of ``W I O``.
        room: Shape ``(n, M, 3)``: room that they take beside whole tensors.
        words: What each is.
        slack_cycles: Cycles under which something of the next op on the engine may be fetched; ``None`` if none is.
        busy: Shape ``(n, M, 3, 2)``: bytes that keep the memories busy while the op runs, where they are others than
            ``moved``, because some came under the op before; ``None`` if they are the same.
    """

    cycles: Floats
    steps: Floats
    moved: Floats
    room: Floats
    words: tuple[str, ...]
    slack_cycles: float | None = None
    busy: Floats | None = None

    @property
    def under_way(self) -> Floats:
        """Shape ``(n, M, 3, 2)``: bytes that keep the memories busy while the op runs."""
        return self.moved if self.busy is None else self.busy


def no_traffic(ways: int, memories: int) -> tuple[Floats, Floats]:
    """Return ``moved`` and ``room`` of ways that move nothing, to be filled in."""
    return np.zeros((ways, memories, 3, 2)), np.zeros((ways, memories, 3))


class Traversal(BlockEngine):
    """An engine that cuts an op into blocks by rules of its own."""

    @abstractmethod
    def unsupported(self, op: Op, words: Settings) -> str | None:
        """Return why the engine cannot run an op made of MACs, in a few words; ``None`` if it can.

        Args:
            op: The op.
            words: The options that are no numbers: whether an op can run depends on no other.
        """

    def takes(self, op: Op, words: Settings) -> bool:  # noqa: ARG002 - an engine that takes some asks for both
        """Return whether the engine runs an op without MACs itself, in cycles of its own; else the vector unit does.

        Args:
            op: The op, of one part.
            words: The options that are no numbers.
        """
        return False

    @abstractmethod
    def ways(self, op: Op, settings: Settings, around: Around) -> Ways:
        """Return the ways to run an op that the engine can run, or takes.

        Raises:
            NoMappingError: None fits the machine.
        """


def traversal(name: str) -> Traversal:
    """Return an engine by name.

    Raises:
        InputError: There is none.
    """
    return cast(Traversal, BLOCK_ENGINES[name])
