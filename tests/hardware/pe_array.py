"""A machine with all that a memory can say: banks, bandwidths apart, a line buffer, and copies with one PE each."""

from __future__ import annotations

__all__ = ["PE_ARRAY"]

PE_ARRAY = """\
schema_version: 1
description: Grid of PEs with register files of their own, below one global buffer
parameters:
  rows: {default: 16, choices: [4, 8, 12, 16, 32], help: PEs down the grid}
  columns: {default: 16, choices: [4, 8, 14, 16, 32], help: PEs across the grid}
  buffer_kib: {default: 128, range: [32, 1024], scale: pow2, help: global buffer}
  weight_bytes: {default: 512, range: [32, 1024], scale: pow2, help: register file for weights in a PE}
  input_bytes: {default: 32, range: [8, 128], scale: pow2, help: register file for inputs in a PE}
  sum_bytes: {default: 128, range: [16, 512], scale: pow2, help: register file for partial sums in a PE}
  dram_gbps: {default: 8, choices: [2, 4, 8, 16], help: DRAM bandwidth in GB/s}
  clock_mhz: {default: 500, choices: [200, 500, 1000], help: clock frequency}
clock: clock_mhz MHz
technology: cmos_45nm
memories:
  - {name: dram, holds: [W, I, O], bandwidth: dram_gbps GB/s, kind: lpddr4}
  - name: buffer
    holds: [W, I, O]
    size: buffer_kib KiB
    banks: rows
    bank_width: 8 B/cycle
    kind: sram
    double_buffered: true
  - name: weights
    holds: [W]
    size: weight_bytes B
    read_bandwidth: 1 B/cycle # the multiplier takes one weight a cycle
    write_bandwidth: 1 B/cycle
    kind: sram
    double_buffered: true
    fan_out: # this memory and those below it stand in every PE
      axes:
        - {name: rows, size: rows, dims: [C, FX, FY]} # partial sums are added down a column
        - {name: columns, size: columns, dims: [K]}
  - name: inputs
    holds: [I]
    size: input_bytes B
    read_bandwidth: 1 B/cycle
    write_bandwidth: 1 B/cycle
    kind: sram
    double_buffered: true
    sliding: true
  - name: sums
    holds: [O]
    size: sum_bytes B
    read_bandwidth: 4 B/cycle # a partial sum out and back every cycle
    write_bandwidth: 4 B/cycle
    kind: sram
array: {engine: pe}
vector: {lanes: columns, fuses: [relu, relu6, hard_sigmoid, hard_swish, sigmoid, swish]}
sources:
  parameters: {mark: published, source: "Eyeriss, ISCA 2016: 12 x 14 PEs, 108 KiB, 0.5 KiB in a PE; here powers of two"}
  memories.buffer.bandwidth: {mark: assumed, source: "a bank for every row of PEs, 64 bits wide"}
  memories.weights.bandwidth: {mark: assumed, source: "one MAC a cycle at 8 bits, a port for refills beside it"}
  memories.sums.bandwidth: {mark: assumed, source: "one partial sum of 32 bits read and written a cycle"}
  memories.weights.kind: {mark: assumed, source: "small register files priced by the law of SRAM"}
  vector.lanes: {mark: assumed, source: "one lane per column, at the foot of the grid"}
"""
