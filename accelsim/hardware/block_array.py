"""The array of a template whose engine cuts ops into blocks: its options, and what its multipliers can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from accelsim.config.source import FieldPath, field_name
from accelsim.errors import InputError, Problem, shown
from accelsim.hardware.accelerator import Array, BlockArray, Floats
from accelsim.hardware.engines import BLOCK_ENGINES, ENGINES, BlockEngine, Dataflow, Option
from accelsim.hardware.quantities import Quantities
from accelsim.hardware.spec import HardwareSpec, Placed

__all__ = ["cuts_blocks", "read_block_array"]

_PATH: FieldPath = ("array", "options")
#: Keys that say how loops are laid on an array.
_OF_LOOPS = ("dataflow", "rows", "columns", "hold_limit", "step_cycles", "fan_out", "depthwise")
_OF_TILES = ("double_buffered", "sliding", "fan_out")


def cuts_blocks(spec: HardwareSpec) -> bool:
    """Return whether the engine of a template cuts ops into blocks of its own."""
    return spec.array.engine not in ENGINES and spec.array.engine in BLOCK_ENGINES


def read_block_array(spec: HardwareSpec, memories: Sequence[Placed], read: Quantities) -> Array:
    """Return the array beside ``memories``; mistakes are noted in ``read``."""
    engine = BLOCK_ENGINES[spec.array.engine]
    _refuse_loops(spec, memories, engine, read)
    noted = len(read.problems)
    settings = tuple(
        (name, _setting(option, name, spec.array.options.get(name, option.default), read))
        for name, option in engine.options.items()
    )
    for name in (name for name in spec.array.options if name not in engine.options):
        what = f"the engine {spec.array.engine} has no such option"
        read.note((*_PATH, name), Problem.unknown(field_name((*_PATH, name)), name, engine.options, what))
    blocks = BlockArray(engine=spec.array.engine, settings=settings)
    pes, macs = (np.ones(read.count) for _ in range(2))
    if len(read.problems) == noted:
        pes, macs = _peaks(engine, blocks, read)
    return Array(
        dataflow=_flow(spec.array.engine),
        rows=pes,
        columns=np.ones(read.count),
        hold_limit=np.full(read.count, np.inf),
        dispatch_cycles=read.number(spec.array.dispatch_cycles, ("array", "dispatch_cycles"), least=0),
        macs_per_pe=macs,
        blocks=blocks,
    )


def _refuse_loops(spec: HardwareSpec, memories: Sequence[Placed], engine: BlockEngine, read: Quantities) -> None:
    """Note every key that means something to a loop nest alone."""
    name = spec.array.engine
    for key in _OF_LOOPS:
        if getattr(spec.array, key) is not None:
            message = f"the engine {name} cuts ops into blocks of its own: leave {key} out"
            read.note(("array", key), Problem(field=f"array.{key}", message=message))
    for place, memory in memories:
        for key in _OF_TILES:
            if getattr(memory, key):
                path: FieldPath = ("memories", place, key)
                message = f"the engine {name} knows how its transfers overlap: leave {key} out"
                read.note(path, Problem(field=field_name(path), message=message))
    if len(memories) not in engine.memories:
        allowed = " or ".join(map(str, engine.memories))
        message = f"the engine {name} works with {allowed} memories, the last of which is its local buffer"
        read.note(("memories",), Problem(field="memories", message=message, got=shown(len(memories))))


def _setting(option: Option, name: str, value: Any, read: Quantities) -> Floats | str | bool:
    """Return an option: an array of shape ``(designs,)``, a word, or a switch."""
    path = (*_PATH, name)
    if value is None:
        problem = Problem(field=field_name(path), message=f"this option is required and is missing: {option.help}")
        read.note(_PATH, problem)
        return option.words[0] if option.words else np.ones(read.count)
    if not option.words:
        if option.whole:
            return read.number(value, path, whole=True)
        return read.number(value, path, least=option.least)
    word = read.names.get(value, value) if isinstance(value, str) else value
    word = str(word).lower() if isinstance(word, bool) else word
    if word not in option.words:
        read.note(path, Problem.unknown(field_name(path), str(word), option.words, option.help))
        word = option.words[0]
    return word == "true" if option.switch else str(word)


def _peaks(engine: BlockEngine, blocks: BlockArray, read: Quantities) -> tuple[Floats, Floats]:
    """Return multipliers and the MACs of one in a cycle, each of shape ``(designs,)``."""
    numbers = np.stack([np.zeros(read.count), *blocks.numbers])
    _, first, which = np.unique(numbers, axis=1, return_index=True, return_inverse=True)
    found = []
    for design in first.tolist():
        try:
            found.append(engine.peak(blocks.of(design)))
        except InputError as error:
            for problem in error.problems:
                path = (*_PATH, problem.field.rpartition(".")[2])
                read.note(path, replace(problem, field=field_name(path)))
            return np.ones(read.count), np.ones(read.count)
    pes, macs = np.array(found, dtype=float)[which.reshape(-1)].T.copy()
    return pes, macs


def _none(rows: Floats, columns: Floats) -> Floats:
    return np.zeros(np.broadcast_shapes(rows.shape, columns.shape))


def _flow(engine: str) -> Dataflow:
    """Return what stands for a dataflow where there is none: nothing is laid on rows or columns."""
    return Dataflow(name=engine, rows=(), columns=(), stream=(), held=frozenset(), pass_overhead=_none)
