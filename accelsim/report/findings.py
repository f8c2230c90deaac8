"""What the figures and the page read: a study's result, and its best designs evaluated layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from accelsim.report.palette import Look, bottleneck_colours, looks
from accelsim.schedule.result import Evaluation
from accelsim.study.record import Record
from accelsim.study.result import StudyResult

__all__ = ["Design", "Findings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One chosen design.

    Attributes:
        record: The record of the study.
        evaluation: The same design evaluated again, with its layers and its ledger.
        champion: Whether it is the best of its network across all templates.
        role: Why it was chosen, such as ``balanced``, where a template has several; empty otherwise.
    """

    record: Record
    evaluation: Evaluation
    champion: bool
    role: str = ""

    @property
    def label(self) -> str:
        """Template and role."""
        return f"{self.record.hardware}, {self.role}" if self.role else self.record.hardware

    @property
    def title(self) -> str:
        """Network, template and role."""
        return f"{self.record.network} on {self.label}"


@dataclass(frozen=True)
class Findings:
    """Everything the report shows.

    Attributes:
        result: The study's result.
        designs: The chosen designs, by network and template in the order of the study.
        notes: What a reader must know beside the result's own notes.
    """

    result: StudyResult
    designs: Sequence[Design]
    notes: Sequence[str] = ()

    @property
    def best_by(self) -> str:
        """The metric by which the best designs were chosen."""
        return self.result.spec.report.best_by

    @cached_property
    def templates(self) -> tuple[str, ...]:
        """Templates in the order of the study."""
        return tuple(dict.fromkeys(record.hardware for record in self.result.records))

    @cached_property
    def comparable(self) -> tuple[Record, ...]:
        """Records of designs that neither failed nor lack what they are compared by."""
        return tuple(record for record in self.result.records if record.metrics and record.error is None)

    @cached_property
    def looks(self) -> dict[str, Look]:
        """Template -> how it is drawn, the same in every figure."""
        return looks(self.templates)

    @cached_property
    def bottlenecks(self) -> dict[str, str]:
        """Bottleneck of any layer of any chosen design -> colour, the same in every figure."""
        names = (layer.bottleneck for design in self.designs for layer in design.evaluation.layers)
        return bottleneck_colours(names, self.memories)

    @cached_property
    def memories(self) -> tuple[str, ...]:
        """Memories of the chosen designs, the outermost of any template first."""
        depths: dict[str, int] = {}
        for design in self.designs:
            for depth, memory in enumerate(design.evaluation.bandwidth_bytes_per_cycle):
                depths[memory] = min(depth, depths.get(memory, depth))
        return tuple(sorted(depths, key=lambda memory: depths[memory]))

    def designs_of(self, network: str) -> tuple[Design, ...]:
        """Return the chosen designs of one network, in the order of the templates."""
        return tuple(design for design in self.designs if design.record.network == network)
