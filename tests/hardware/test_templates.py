"""Templates: quantities in canonical units, batches that equal their designs, words, paths, caching."""

from __future__ import annotations

import os
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.machines import HARDWARE, TECHNOLOGY, machine

from accelsim.config.library import available
from accelsim.dims import Operand
from accelsim.errors import InputError
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.load import HardwareTemplate, hardware_template, load_hardware
from accelsim.parameters import Point

TEMPLATES = sorted(name for name in available("hardware") if isinstance(hardware_template(name), HardwareTemplate))


def numbers(value: Any, at: str = "") -> dict[str, Any]:
    """Return every array of a machine by the path of its field, and every word as it is."""
    if is_dataclass(value):
        return {
            path: leaf
            for f in fields(value)
            for path, leaf in numbers(getattr(value, f.name), f"{at}.{f.name}").items()
        }
    if isinstance(value, tuple):
        return {path: leaf for i, part in enumerate(value) for path, leaf in numbers(part, f"{at}[{i}]").items()}
    return {at: value}


@pytest.mark.parametrize("name", TEMPLATES)
@settings(max_examples=15)
@given(st.data())
def test_a_batch_is_its_designs(name: str, data: st.DataObject) -> None:
    template = hardware_template(name)
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    points = [template.space.sample(rng) for _ in range(6)]
    seen: list[int] = []
    for places, batch in template.batches(points):
        assert len(batch) == len(places)
        assert places == sorted(places), "in the order given"
        seen += places
        together = numbers(batch)
        for row, place in enumerate(places):
            assert batch.parameters[row] == points[place]
            for path, alone in numbers(template.instantiate(points[place])).items():
                if path.startswith(".parameters"):
                    continue
                in_batch = together[path]
                if isinstance(alone, np.ndarray):
                    assert alone.shape == (1,)
                    assert in_batch.shape == (len(places),)
                    assert in_batch[row] == alone[0], path
                else:
                    assert in_batch == alone, path
    assert sorted(seen) == list(range(len(points)))


def test_batches_differ_in_words_only_between_them() -> None:
    template = hardware_template("systolic")
    flows = ["weight_stationary", "input_stationary", "weight_stationary", "output_stationary"]
    points: list[Point] = [{"dataflow": flow, "rows": rows} for flow, rows in zip(flows, (8, 16, 32, 64), strict=True)]
    found = [
        (places, batch.array.dataflow.name, batch.array.rows.tolist()) for places, batch in template.batches(points)
    ]
    assert found == [
        ([0, 2], "weight_stationary", [8, 32]),
        ([1], "input_stationary", [16]),
        ([3], "output_stationary", [64]),
    ]


def test_arrays_make_a_batch() -> None:
    batch = load_hardware("systolic", rows=np.array([8, 16]), columns=np.array([64, 8]), dataflow="output_stationary")
    assert len(batch) == 2
    assert batch.array.pes.tolist() == [512, 128]
    assert [point["rows"] for point in batch.parameters] == [8, 16]
    assert [point["buffer_kib"] for point in batch.parameters] == [512, 512]
    # rows + 9 * columns bytes a cycle
    assert batch.memories[1].bandwidth_bytes_per_cycle is not None
    assert batch.memories[1].bandwidth_bytes_per_cycle.tolist() == [8 + 9 * 64, 16 + 9 * 8]
    with pytest.raises(InputError) as caught:
        load_hardware("systolic", rows=np.array([8, 17, 9]))
    assert [problem.got for problem in caught.value.problems] == ["17"]


@pytest.mark.parametrize(
    ("bandwidth", "clock", "bytes_per_cycle"),
    [
        ("25.6 GB/s", "800 MHz", 32),
        ("25.6 GB/s", "1.6 GHz", 16),
        ("8 GiB/s", "1 GHz", 8 * 2**30 / 1e9),
        ("64 Gbit/s", "1 GHz", 8),
        ("64 B/cycle", "1 GHz", 64),
        ("64 B/cycle", "100 MHz", 64),
        ("2 * rows B/cycle", "1 GHz", 8),
        ("64 bit/cycle", "1 GHz", 8),
        ("'min(rows, 2) * 3 MB/s'", "3 MHz", 2),
    ],
)
def test_bandwidth_per_second_and_per_cycle(bandwidth: str, clock: str, bytes_per_cycle: float, tmp_path: Path) -> None:
    changes = (("bandwidth: 4 B/cycle", f"bandwidth: {bandwidth}"), ("clock: 1 GHz", f"clock: {clock}"))
    found = machine(tmp_path, *changes).instantiate({}).memories[0].bandwidth_bytes_per_cycle
    assert found is not None
    assert found[0] == pytest.approx(bytes_per_cycle, rel=1e-12)


@pytest.mark.parametrize(
    ("size", "expected"),
    [("1 KiB", 1024), ("1 kB", 1000), ("rows MiB", 4 * 2**20), ("1024 bit", 128), ("'where(rows > 3, 2, 1) B'", 2)],
)
def test_sizes(size: str, expected: float, tmp_path: Path) -> None:
    found = machine(tmp_path, ("buffer_bytes B", size)).instantiate({}).memories[1].size_bytes
    assert found is not None
    assert found.tolist() == [expected]


def test_absent_is_none(tmp_path: Path) -> None:
    design = machine(tmp_path, (", bandwidth: 16 B/cycle", ""), ("kind: sram", "kind: rooted")).instantiate({})
    dram, buffer = design.memories
    assert (dram.size_bytes, buffer.bandwidth_bytes_per_cycle, buffer.area_mm2, buffer.leakage_mw) == (None,) * 4
    assert np.isinf(design.array.hold_limit[0])
    assert design.array.dispatch_cycles[0] == 0
    assert dram.area_mm2 is not None
    assert dram.area_mm2.tolist() == [0], "off the chip: it is known to take none"


def test_energy_of_a_memory_grows_with_the_root_of_its_size(tmp_path: Path) -> None:
    template = machine(tmp_path, ("kind: sram", "kind: rooted"))
    buffer = template.instantiate({"buffer_bytes": np.array([1024, 4096, 256])}).memories[1]
    assert buffer.read_pj_per_byte is not None
    assert buffer.read_pj_per_byte.tolist() == [3, 6, 1.5]
    assert buffer.write_pj_per_byte is not None
    assert buffer.write_pj_per_byte.tolist() == [3, 6, 1.5]


def test_area_and_leakage_per_kib(tmp_path: Path) -> None:
    buffer = machine(tmp_path).instantiate({"buffer_bytes": 2048}).memories[1]
    assert buffer.area_mm2 is not None
    assert buffer.area_mm2.tolist() == pytest.approx([2 * 1000e-6])
    assert buffer.leakage_mw is not None
    assert buffer.leakage_mw.tolist() == [1.0]


def test_operands_follow_their_own_path() -> None:
    coral = load_hardware("edge_tpu")
    assert [memory.name for memory in coral.memories] == ["host", "parameters", "activations"]
    assert [coral.path(operand) for operand in Operand] == [(0, 1), (0, 2), (0, 2)]
    assert [load_hardware("npu").path(operand) for operand in Operand] == [(0, 1), (0, 1), (0,)]


def test_holds_in_any_order_are_the_same(tmp_path: Path) -> None:
    shuffled = machine(tmp_path, ("{name: buffer, holds: [W, I, O]", "{name: buffer, holds: [O, W, I]")).instantiate({})
    assert shuffled.memories[1].holds == (Operand.W, Operand.I, Operand.O)


def test_the_engine_chooses_when_it_has_one_dataflow(tmp_path: Path) -> None:
    only = machine(tmp_path, ("engine: systolic, dataflow: dataflow", "engine: atomic")).instantiate({})
    assert only.array.dataflow.name == "atomic"
    fixed = machine(tmp_path, ("dataflow: dataflow", "dataflow: input_stationary")).instantiate({})
    assert fixed.array.dataflow.name == "input_stationary"


def test_a_template_is_read_again_when_its_file_changes(tmp_path: Path) -> None:
    (tmp_path / "technology.yaml").write_text(TECHNOLOGY)
    text = HARDWARE.replace("TECHNOLOGY", str(tmp_path / "technology.yaml"))
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    first = hardware_template(path)
    assert first.name == "mine"
    assert hardware_template(path) is first
    path.write_text(text.replace("rows: rows", "rows: 2 * rows"))
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert load_hardware(path).array.rows.tolist() == [8]


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_corner_of_a_bundled_space_is_a_machine(name: str) -> None:
    template = hardware_template(name)
    for corner in (0.0, 1.0):
        design: Accelerator = template.instantiate(template.space.at(np.full(len(template.space), corner)))
        assert design.pes[0] >= {"mcu": 2, "vector_cpu": 8}.get(name, 16)
        assert all(m.size_bytes is None or m.size_bytes[0] > 0 for m in design.memories)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_source_names_something_of_the_template(name: str) -> None:
    spec = hardware_template(name).spec
    assert spec.sources
    known = {"parameters", "array", "memories", "vector", "clock", "supports", "host", "technology"}
    assert {source.split(".")[0] for source in spec.sources} <= known


# ------------------------------------------------------------------------------- published figures the files claim


def test_edge_tpu_has_the_published_peak() -> None:
    coral = load_hardware("edge_tpu")
    assert coral.pes[0] == 4096
    assert 2 * coral.pes[0] * coral.clock_hz[0] == pytest.approx(4e12, rel=0.03), "4 TOPS"


def test_npu_spans_the_published_configurations() -> None:
    for (atomic_c, atomic_k), macs in {(8, 8): 64, (32, 8): 256, (32, 32): 1024, (64, 32): 2048}.items():
        assert load_hardware("npu", atomic_c=atomic_c, atomic_k=atomic_k).array.pes[0] == macs


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="arrays of different lengths; got rows 2, columns 3"):
        load_hardware("systolic", rows=np.array([8, 16]), columns=np.array([8, 16, 32]))
