"""The chosen mappings of a network's layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from accelsim.hardware.chip import Hardware
from accelsim.report.explain.answer import cases, step_named
from accelsim.report.explain.case import Case
from accelsim.report.explain.nest import NestLine, nest
from accelsim.schedule.evaluate import evaluation, run_parts
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
        part: Name of the part of a chip that runs it; ``None`` on a single accelerator.
    """

    layer: str
    op: str
    shape: str
    lines: tuple[NestLine, ...]
    blocks: str = ""
    host_reason: str | None = None
    part: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        lines = [line.as_dict() for line in self.lines]
        blocks = {"blocks": self.blocks} if self.blocks else {}
        host = {} if self.host_reason is None else {"host_reason": self.host_reason}
        part = {} if self.part is None else {"part": self.part}
        return {"layer": self.layer, "op": self.op, "shape": self.shape, "nest": lines, **blocks, **host, **part}


def mapping_views(network: Network, hardware: Hardware, layer: str | None = None) -> list[MappingView]:
    """Return the mappings of a network's layers, or of one.

    Args:
        network: The network.
        hardware: One design of an accelerator, or of a chip.
        layer: Name of the layer, as ``accelsim evaluate`` prints it; ``None`` for all.

    Raises:
        InputError: There is no such layer.
        NoMappingError: A layer does not fit.
    """
    parts = run_parts(network, hardware)
    steps = parts[0].plan
    places = range(len(steps.steps)) if layer is None else [step_named(steps, network, layer)]
    rows, found = evaluation(hardware, parts).layers, dict[int, Case]()
    for part in parts:
        found |= cases(part.plan, part.accelerator, part.run)
    return [
        MappingView(
            layer=rows[place].name,
            op=rows[place].op,
            shape=rows[place].shape,
            lines=tuple(nest(found[place])) if place in found else (),
            blocks="" if place in found or rows[place].host_reason else rows[place].mapping,
            host_reason=rows[place].host_reason,
            part=rows[place].part,
        )
        for place in places
    ]
