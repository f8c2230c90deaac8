"""Calls that pass on what they read."""

from __future__ import annotations

from accelsim.workload.importers.graph import Call
from accelsim.workload.importers.patterns.engine import Match, pattern
from accelsim.workload.importers.patterns.index import Index

__all__: list[str] = []

_RESHAPES = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")


@pattern("Identity", "Dropout")
def passed_on(c: Index, last: Call) -> Match | None:
    """Identity, and Dropout where nothing is trained, are what they read."""
    training = c.operand(last, 2) if last.op == "Dropout" else ""
    if training:
        data = c.data(training)
        if data is None or bool(data.any()):
            return None
    return Match("", last.inputs[:1], ())


@pattern("Reshape")
def reshaped_twice(c: Index, last: Call) -> Match | None:
    """A Reshape of what is only reshaped before is one Reshape, if its shape copies no axis of that (a 0 does).

    Channels folded into groups for an InstanceNormalization stay: they are the group norm to be.
    """
    before = c.inner(last.inputs[0], *_RESHAPES)
    given = last.attributes.get("shape")
    shape = c.integers(c.operand(last, 1)) if given is None else [int(length) for length in given]
    if before is None or not shape or (0 in shape and not last.attributes.get("allowzero")):
        return None
    if any(reader.op == "InstanceNormalization" for reader in c.readers(last.outputs[0])):
        return None
    return Match("Reshape", (before.inputs[0], *last.inputs[1:]), (before,), last.attributes)
