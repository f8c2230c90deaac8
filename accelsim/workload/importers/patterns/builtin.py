"""Registers the built-in patterns by importing their modules."""

import accelsim.workload.importers.patterns.activations
import accelsim.workload.importers.patterns.gates
import accelsim.workload.importers.patterns.layers
import accelsim.workload.importers.patterns.moves
import accelsim.workload.importers.patterns.norms
import accelsim.workload.importers.patterns.padding
import accelsim.workload.importers.patterns.softmax  # noqa: F401

__all__: list[str] = []
