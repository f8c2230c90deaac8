"""What belongs to a layer with weights: its bias, its batch norm, the scale of its product."""

from __future__ import annotations

from accelsim.workload.importers.graph import Call
from accelsim.workload.importers.patterns.axes import along
from accelsim.workload.importers.patterns.engine import Match, pattern
from accelsim.workload.importers.patterns.index import Index
from accelsim.workload.importers.rules.shapes import turned

__all__: list[str] = []

_CONVOLUTIONS = ("Conv", "ConvTranspose")
#: Attributes that say what a layer has learned beside weights and bias.
_LEARNED = ("batch_norm", "learned")


def _with(layer: Call, value: str, inputs: tuple[str, ...] = (), without: str = "", **attributes: int) -> Match:
    """Return a layer, which keeps its name, with other inputs and more attributes."""
    kept = {name: setting for name, setting in layer.attributes.items() if name != without}
    return Match(layer.op, inputs or layer.inputs, (layer,), {**kept, **attributes}, layer.name, like=value)


@pattern("BatchNormalization")
def batch_norm(c: Index, last: Call) -> Match | None:
    """A batch norm with constant parameters behind a layer is its attribute ``batch_norm``: two values a channel."""
    layer = c.inner(last.inputs[0], *_CONVOLUTIONS, "Gemm")
    if layer is None or any(name in layer.attributes for name in _LEARNED) or last.attributes.get("training_mode"):
        return None
    if len(last.inputs) != 5 or not all(c.is_constant(name) for name in last.inputs[1:]):
        return None
    return _with(layer, last.inputs[0], batch_norm=1)


@pattern("Mul", "Add")
def per_channel(c: Index, last: Call) -> Match | None:
    """Constants a channel behind a convolution: added, its bias; multiplied and then added, its batch norm.

    Until the sum is found, the product alone is the attribute ``learned``: one value a channel.
    """
    for value, constant in c.orders(last):
        layer = c.inner(value, *_CONVOLUTIONS)
        if layer is None or not c.is_constant(layer.inputs[-1]) or not along(c, constant, value, (1,)):
            continue
        if len(c.shape(value) or ()) < 3:
            continue
        plain = not any(name in layer.attributes for name in _LEARNED)
        if last.op == "Mul" and plain:
            return _with(layer, value, learned=1)
        if last.op == "Add" and layer.attributes.get("learned") == 1:
            return _with(layer, value, without="learned", batch_norm=1)
        if last.op == "Add" and plain and not c.operand(layer, 2):
            return _with(layer, value, inputs=(*layer.inputs[:2], constant))
    return None


@pattern("Add")
def bias(c: Index, last: Call) -> Match | None:
    """A constant for each column, added to a MatMul with constant weights, is its third input."""
    for value, constant in c.orders(last):
        layer = c.inner(value, "MatMul")
        if layer is None or len(layer.inputs) != 2 or not c.is_constant(layer.inputs[1]):
            continue
        weights = turned(c.shape(layer.inputs[1]) or (), layer.attributes, "B")
        if len(weights) > 1 and c.is_constant(constant) and c.shape(constant) == weights[-1:]:
            return _with(layer, value, inputs=(*layer.inputs, constant))
    return None


@pattern("Mul", "Div")
def scaled_product(c: Index, last: Call) -> Match | None:
    """A product of two activations times a number, as in attention, is the product with the attribute ``scaled``."""
    for value, number in c.orders(last):
        layer = c.inner(value, "MatMul")
        if layer is None or c.number(number) is None or any(c.is_constant(name) for name in layer.inputs):
            continue
        return _with(layer, value, scaled=1)
    return None
