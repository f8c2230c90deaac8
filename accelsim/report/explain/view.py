"""The chosen mappings of a network's layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from accelsim.hardware.chip import Hardware, single
from accelsim.report.explain.answer import cases, step_named
from accelsim.report.explain.nest import NestLine, nest
from accelsim.schedule.evaluate import evaluate
from accelsim.schedule.run import run
from accelsim.schedule.steps import plan
from accelsim.workload.network import Network

__all__ = ["MappingView", "mapping_views"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingView:
    """A layer with its nest.

    Attributes:
        layer: Name.
        op: What it is.
        shape: Its shapes in words.
        lines: The nest, outermost line first; empty for a layer without MACs, or without loops.
        blocks: How an engine that cuts ops into blocks runs it; empty for a loop nest.
        host_reason: Why it runs on the host, and has no nest; ``None`` if it does not.
    """

    layer: str
    op: str
    shape: str
    lines: tuple[NestLine, ...]
    blocks: str = ""
    host_reason: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        lines = [line.as_dict() for line in self.lines]
        blocks = {"blocks": self.blocks} if self.blocks else {}
        host = {} if self.host_reason is None else {"host_reason": self.host_reason}
        return {"layer": self.layer, "op": self.op, "shape": self.shape, "nest": lines, **blocks, **host}


def mapping_views(network: Network, hardware: Hardware, layer: str | None = None) -> list[MappingView]:
    """Return the mappings of a network's layers, or of one.

    Args:
        network: The network.
        hardware: One design of an accelerator, or of one part of a chip.
        layer: Name of the layer, as ``accelsim evaluate`` prints it; ``None`` for all.

    Raises:
        InputError: There is no such layer, or the design is a chip of several parts.
        NoMappingError: A layer does not fit.
    """
    accelerator = single(hardware, "mappings are shown of one of them")
    steps = plan(network, accelerator.abilities)
    places = range(len(steps.steps)) if layer is None else [step_named(steps, network, layer)]
    rows = evaluate(network, accelerator).layers
    found = cases(steps, accelerator, run([steps], accelerator))
    return [
        MappingView(
            layer=rows[place].name,
            op=rows[place].op,
            shape=rows[place].shape,
            lines=tuple(nest(found[place])) if place in found else (),
            blocks="" if place in found or rows[place].host_reason else rows[place].mapping,
            host_reason=rows[place].host_reason,
        )
        for place in places
    ]
