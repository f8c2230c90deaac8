"""Small networks of every kind of layer, drawn by Hypothesis."""

from __future__ import annotations

from copy import copy
from functools import cache

import numpy as np
from hypothesis import strategies as st

from accelsim.config.library import available
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.load import HardwareTemplate, hardware_template
from accelsim.hardware.spec import SupportSpec
from accelsim.workload.network import INPUT, Network, Node
from accelsim.workload.ops import Bits, Op, convolution, elementwise, fully_connected, pool

__all__ = ["TEMPLATES", "any_width", "designs", "networks", "templates"]

#: Those of a single accelerator; a chip of several has tests of its own.
TEMPLATES = tuple(
    name for name in sorted(available("hardware")) if isinstance(hardware_template(name), HardwareTemplate)
)
WIDTHS = (Bits(), Bits(W=4, I=8, O=8, partial=24), Bits(W=8, I=16, O=16, partial=32))
_KINDS = ("dense", "depthwise", "pointwise", "pool", "activation", "add")


@st.composite
def _next(draw: st.DrawFn, source: tuple[int, ...], bits: Bits) -> tuple[str, Op]:
    """Draw an op that reads a tensor of shape ``source``."""
    kind = draw(st.sampled_from(_KINDS))
    side = draw(st.sampled_from([1, 3, 5]))
    stride = (draw(st.integers(1, 2)),) * 2
    if kind == "dense":
        channels = draw(st.sampled_from([1, 5, 16, 40]))
        return kind, convolution(source, channels, (side, side), stride=stride, bits=bits, affine=2)
    if kind == "depthwise":
        return kind, convolution(source, source[1], (side, side), stride=stride, groups=source[1], bits=bits)
    if kind == "pointwise":
        return kind, convolution(source, draw(st.sampled_from([2, 24, 33])), (1, 1), bits=bits)
    if kind == "pool":
        return kind, pool("average_pool", source, (3, 3), stride=stride, padding=(1, 1), bits=bits)
    if kind == "activation":
        return kind, elementwise(draw(st.sampled_from(["relu", "hard_swish"])), source, bits=bits)
    return kind, elementwise("add", source, bits=bits)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Draw a chain with shortcuts, that ends in a fully connected layer."""
    side = draw(st.integers(1, 20))
    shape: tuple[int, ...] = (draw(st.sampled_from([1, 1, 2])), draw(st.sampled_from([1, 3, 8])), side, side)
    nodes: list[Node] = []
    before, bits = INPUT, draw(st.sampled_from(WIDTHS))
    written = {shape: [INPUT]}
    for place in range(draw(st.integers(1, 6))):
        kind, op = draw(_next(shape, bits))
        other = draw(st.sampled_from(written[shape]))
        nodes.append(Node(f"{place}.{kind}", op, (before, other) if kind == "add" else (before,)))
        before, shape = nodes[-1].name, op.output_shape
        written.setdefault(shape, []).append(before)
    op = fully_connected(shape, draw(st.sampled_from([1, 10, 70])), bits=draw(st.sampled_from(WIDTHS)))
    return Network("drawn", (*nodes, Node("fc", op, (before,))))


@cache
def any_width(name: str) -> HardwareTemplate:
    """Return a template that runs every op itself; what leaves for a host has tests of its own."""
    template = copy(hardware_template(name))
    template.spec = template.spec.model_copy(update={"supports": SupportSpec(), "host": None})
    return template


templates: st.SearchStrategy[HardwareTemplate] = st.sampled_from(TEMPLATES).map(any_width)


@st.composite
def designs(draw: st.DrawFn) -> Accelerator:
    """Draw a design of any template that comes along."""
    template = draw(templates)
    return template.instantiate(template.space.sample(np.random.default_rng(draw(st.integers(0, 10_000)))))
