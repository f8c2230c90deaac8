"""Operators that ONNX Runtime fused with what follows them, as the plain ones that they were made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from accelsim.workload.importers.graph import Call, Value

__all__ = ["taken_apart"]

#: Fused operator -> plain operator, and how many inputs are its own; one behind them is added to what it writes.
_FUSED = {"com.microsoft.FusedConv": ("Conv", 3), "com.microsoft.FusedGemm": ("Gemm", 3)}
#: What ``activation_params`` are, by activation.
_PARAMETERS = {"Clip": ("min", "max"), "HardSigmoid": ("alpha", "beta"), "LeakyRelu": ("alpha",)}


def taken_apart(calls: list[Call], values: dict[str, Value]) -> list[Call]:
    """Return calls without fused ones; what lies between the parts is added to ``values``.

    The first part keeps the name of the call, the others are named behind it.
    """
    names = {call.name for call in calls}
    apart: list[Call] = []
    for call in calls:
        apart += _chain(call, values, names) if call.op in _FUSED and call.outputs else (call,)
    return apart


def _chain(call: Call, values: dict[str, Value], names: set[str]) -> Iterator[Call]:
    """Return the parts of a call, each of which reads the one before."""
    op, own = _FUSED[call.op]
    steps: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [(op, call.inputs[:own], call.attributes)]
    steps += [("Add", (name,), {}) for name in call.inputs[own:] if name]
    activation = str(call.attributes.get("activation", ""))
    if activation:
        steps.append((activation, (), _settings(call, activation)))
    before, origin = "", call.origin or call.op
    for place, (kind, others, attributes) in enumerate(steps):
        last = place == len(steps) - 1
        outputs = call.outputs if last else (_between(call, kind, values),)
        name = call.name if place == 0 else _unused(f"{call.name}.{kind.lower()}", names)
        names.add(name)
        inputs = (before, *others) if before else others
        yield Call(name, kind, inputs, outputs, attributes, origin if place == 0 else f"{origin} ({kind})")
        before = outputs[0]


def _settings(call: Call, activation: str) -> dict[str, Any]:
    given = call.attributes.get("activation_params")
    return dict(zip(_PARAMETERS.get(activation, ()), given, strict=False)) if isinstance(given, list) else {}


def _between(call: Call, kind: str, values: dict[str, Value]) -> str:
    """Add a value of the shape of what the call writes; return its name."""
    name = _unused(f"{call.outputs[0]}#{kind.lower()}", values)
    result = values.get(call.outputs[0]) or Value(name)
    values[name] = replace(result, name=name, bits=None)
    return name


def _unused(name: str, taken: set[str] | dict[str, Value]) -> str:
    while name in taken:
        name += "#"
    return name
