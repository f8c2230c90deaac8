"""Registers the built-in rules by importing their modules."""

import accelsim.workload.importers.rules.arithmetic
import accelsim.workload.importers.rules.attention
import accelsim.workload.importers.rules.convolutions
import accelsim.workload.importers.rules.fused_attention
import accelsim.workload.importers.rules.moves
import accelsim.workload.importers.rules.norms
import accelsim.workload.importers.rules.pools
import accelsim.workload.importers.rules.products
import accelsim.workload.importers.rules.recurrent
import accelsim.workload.importers.rules.runtime  # noqa: F401

__all__: list[str] = []
