"""Engines that cut an op into blocks by rules of their own, in place of a loop nest: what a template says of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from accelsim.registry import Registry

__all__ = ["BLOCK_ENGINES", "SWITCH", "BlockEngine", "Configured", "Option", "Peak", "Setting", "Settings"]

#: The value of an option.
Setting = float | str | bool
#: The options of one machine by name, in the order in which the engine lists them.
Settings = tuple[tuple[str, Setting], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What may stand in ``array.options``: a number, one of some words, or a switch.

    Attributes:
        help: What it is, in a few words.
        words: The words, if it is one of them; those of a switch are ``SWITCH``.
        default: Taken if it is left out; ``None`` if it must be given.
        whole: Whether a number must be whole.
        least: Least number.
    """

    help: str
    words: tuple[str, ...] = ()
    default: Setting | None = None
    whole: bool = True
    least: float = 1.0

    @property
    def switch(self) -> bool:
        """Whether it is a switch."""
        return self.words == SWITCH


#: The words of a switch.
SWITCH = ("false", "true")


class Peak(NamedTuple):
    """What the multipliers of a machine can do.

    Attributes:
        pes: Multipliers of 8 bits.
        macs_per_pe: Multiply-accumulates that one does in a cycle at most; more than one where the engine saves
            multiplications.
    """

    pes: float
    macs_per_pe: float = 1.0


class Configured(NamedTuple):
    """An engine with its options.

    Attributes:
        name: Name of the engine.
        settings: Its options.
    """

    name: str
    settings: Settings

    @property
    def words(self) -> Settings:
        """The options that are no numbers: the same for all designs of a batch."""
        return tuple((name, value) for name, value in self.settings if not isinstance(value, float))


class BlockEngine(ABC):
    """An engine with a traversal of its own.

    The rest of it, which needs to know of ops, is ``accelsim.engines.engine.Traversal``: what is registered is one.

    Attributes:
        options: What may be said of a machine.
        memories: The numbers of memories a template of it may have, the first and the local buffer included.
        coded_weights: Whether weights are moved in a code that may be shorter than they are.
        counts_pads: Whether what a MAC reads and writes in its PE is counted at a memory of the template, so that there
            are no accesses to registers beside it.
        hands_on: Whether an op is told what the one before it leaves: of such an engine, an op has one way to run.
    """

    options: Mapping[str, Option]
    memories: tuple[int, ...] = (2,)
    coded_weights: bool = False
    counts_pads: bool = False
    hands_on: bool = False

    @abstractmethod
    def peak(self, settings: Settings) -> Peak:
        """Return what the multipliers can do.

        Raises:
            InputError: There is no such machine; the field of a problem is the name of an option.
        """


BLOCK_ENGINES: Registry[BlockEngine] = Registry("block engine", builtins="accelsim.engines.builtin")
