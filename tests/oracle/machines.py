"""A small machine and a small network whose every figure can be worked out on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accelsim.config.source import Source
from accelsim.hardware.load import HardwareTemplate
from accelsim.workload.load import NetworkTemplate
from accelsim.workload.network import Network

__all__ = ["HARDWARE", "NETWORK", "TECHNOLOGY", "machine", "network"]

#: Round figures, so that a sum shows which of them it is made of.
TECHNOLOGY = """\
schema_version: 1
logic:
  multiply_8bit_pj: 1.0
  add_32bit_pj: 0.5
  register_pj_per_bit: 0.01
  multiplier_8bit_um2: 100
  adder_32bit_um2: 200
  register_um2_per_bit: 1
  multiplier_8bit_leakage_mw: 0.01
  adder_32bit_leakage_mw: 0.02
  register_leakage_mw_per_bit: 0.001
memories:
  sram: {pj_per_byte: 2, um2_per_kib: 1000, leakage_mw_per_kib: 0.5}
  dram: {pj_per_byte: 10, um2_per_kib: 0, leakage_mw_per_kib: 0}
  rooted: {pj_per_byte: {at_1_kib: 3}}
"""

HARDWARE = """\
schema_version: 1
parameters:
  rows: {default: 4, range: [1, 64]}
  columns: {default: 4, range: [1, 64]}
  dataflow: {default: weight_stationary, choices: [weight_stationary, output_stationary, input_stationary]}
  buffer_bytes: {default: 1024, range: [1, 65536]}
clock: 1 GHz
technology: TECHNOLOGY
memories:
  - {name: dram, holds: [W, I, O], bandwidth: 4 B/cycle, kind: dram}
  - {name: buffer, holds: [W, I, O], size: buffer_bytes B, bandwidth: 16 B/cycle, kind: sram, double_buffered: true}
array: {engine: systolic, dataflow: dataflow, rows: rows, columns: columns}
vector: {lanes: 4, fuses: [relu]}
"""

#: No loop is long enough for the mapper to cut: every layer is one tile, or one element at a time.
NETWORK = """\
schema_version: 1
input: [2, 1, 6]
layers:
  - {block: conv, out: 4, kernel: 3, act: relu}
  - {block: global_pool}
  - {block: classifier, out: 3}
"""


def machine(folder: Path, *changes: tuple[str, str], text: str = HARDWARE) -> HardwareTemplate:
    """Write the template with ``changes`` (old, new) into ``folder`` and load it."""
    technology = folder / "technology.yaml"
    technology.write_text(TECHNOLOGY, encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    text = text.replace("TECHNOLOGY", str(technology))
    path = folder / "machine.yaml"
    path.write_text(text, encoding="utf-8")
    return HardwareTemplate(Source.read(path))


def network(text: str = NETWORK, **parameters: Any) -> Network:
    """Return the network of ``text``."""
    return NetworkTemplate(Source.parse(text, Path("tiny.yaml"))).build(parameters)
