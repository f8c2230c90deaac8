"""The compiled planner, against steps worked out by name; plans side by side; ops by number."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle.machines import machine
from oracle.plans import graphs, literal_live, literal_steps

from accelsim import load_hardware, load_network
from accelsim.errors import InputError
from accelsim.hardware.accelerator import Abilities
from accelsim.schedule import catalog as catalogs
from accelsim.schedule.catalog import Catalog, catalog_of
from accelsim.schedule.planner import nodes_of, plan_steps
from accelsim.schedule.run import run
from accelsim.schedule.steps import plan
from accelsim.schedule.table import table_of
from accelsim.workload.builder import Builder
from accelsim.workload.network import Network
from accelsim.workload.ops import Bits, convolution

FUSES = st.sampled_from([(), ("relu",), ("relu", "hard_swish", "prelu")])


@given(network=graphs(), fuses=FUSES)
def test_steps_are_those_worked_out_by_name(network: Network, fuses: tuple[str, ...]) -> None:
    found, (steps, last) = plan(network, Abilities(fuses)), literal_steps(network, fuses)
    assert [step.name for step in found.steps] == [step.name for step in steps]
    assert [step.op for step in found.steps] == [step.op for step in steps]
    assert [list(step.fused) for step in found.steps] == [step.fused for step in steps]
    assert [[tuple(read) for read in step.reads] for step in found.steps] == [step.reads for step in steps]
    assert [step.streamed for step in found.steps] == [step.streamed for step in steps]
    assert [step.last_use for step in found.steps] == last
    assert list(found.live_bytes) == pytest.approx(literal_live(steps, last), rel=1e-12)
    assert found.peak_bytes == max(found.live_bytes)


@given(network=graphs(), fuses=FUSES)
def test_arrays_say_what_steps_say(network: Network, fuses: tuple[str, ...]) -> None:
    """Objects are made from arrays; here every array is worked out again from the ops of the objects."""
    found = plan(network, Abilities(fuses))
    table, steps = found.table, found.table.steps
    assert steps.starts.tolist() == [0, len(found.steps)]
    assert steps.held.tolist() == [step.held_bytes for step in found.steps]
    assert steps.written.tolist() == [step.output_bytes for step in found.steps]
    assert steps.work[:, 0].tolist() == pytest.approx([step.fused_work + step.op.vector_ops for step in found.steps])
    assert steps.weights.tolist() == [step.op.weights * step.op.bits.W / 8 for step in found.steps]
    assert steps.looked_up.tolist() == [step.op.weights_fetched * step.op.bits.W / 8 for step in found.steps]
    assert steps.macs.tolist() == [step.op.macs > 0 for step in found.steps]
    widths = [(bits.W, bits.I, bits.O, bits.partial) for bits in (step.op.bits for step in found.steps)]
    assert [tuple(row) for row in steps.bits.tolist()] == widths
    seconds = {read.writer for step in found.steps for read in step.reads if read.operand == "W"}
    assert set(np.flatnonzero(steps.multiplied).tolist()) == seconds - {-1}
    assert np.diff(steps.first_read).tolist() == [len(step.reads) for step in found.steps]
    assert table.array_places.tolist() == [place for place, step in enumerate(found.steps) if step.op.macs]
    assert [table.ops[number] for number in table.op] == [step.op for step in found.steps if step.op.macs]


@given(some=st.lists(graphs(), min_size=2, max_size=4), fuses=FUSES)
def test_networks_planned_together_are_those_planned_alone(some: list[Network], fuses: tuple[str, ...]) -> None:
    catalog = catalog_of(Abilities(fuses))
    together = plan_steps(nodes_of(some, catalog), catalog.records)
    joined = table_of([plan(network, Abilities(fuses)) for network in some])
    for name, values in together.steps._asdict().items():
        assert values.tolist() == getattr(joined.steps, name).tolist(), name
    assert together.peak.tolist() == [plan(network, Abilities(fuses)).peak_bytes for network in some]
    assert together.parameters.tolist() == [network.params for network in some]
    assert together.macs.tolist() == [network.macs for network in some]
    ops = [catalog.plain[number] for number in catalog.records.plain[together.part]]
    assert ops == [step.op for network in some for step in plan(network, Abilities(fuses)).steps]


def test_networks_of_a_run_do_not_know_of_each_other(tmp_path: Path) -> None:
    """Widths decide over leakage, and over the room that the smallest tiles need; they differ from one to the next."""
    keeps = "double_buffered: true, keeps: [W, I, O], keep_share: 1.0}"
    template = machine(tmp_path, ("double_buffered: true}", keeps))
    design = template.instantiate({"buffer_bytes": np.array([20, 200, 4096])})
    networks = []
    for place, bits in enumerate((Bits(), Bits(32, 32, 32, 64), Bits(), Bits(4, 4, 4, 16))):
        b = Builder((1, 2, 1, 6), bits)
        b.linear("fc", b.conv("conv", b.input, 2 + place, 1, activation="relu"), 3)
        networks.append(Network(f"net{place}", tuple(b.nodes)))
    plans = [plan(network, design.abilities) for network in networks]
    together = run(plans, design)
    starts = together.table.steps.starts.tolist()
    for place, (one, (first, end)) in enumerate(zip(plans, itertools.pairwise(starts), strict=True)):
        alone = run([one], design)
        assert together.legal[place].tolist() == alone.legal[0].tolist()
        for name in ("latency_cycles", "energy_pj", "steps", "dram_bytes"):
            assert getattr(together, name)[first:end].tolist() == getattr(alone, name).tolist(), name
        assert together.stays.outputs[first:end].tolist() == alone.stays.outputs.tolist()
    assert not together.legal.all()
    assert together.legal.any()


def test_a_network_and_a_copy_of_it_beside_another() -> None:
    fuses = ("relu",)
    small, large = (plan(load_network("mobilenet_v2", width=width), Abilities(fuses)) for width in (0.35, 1.0))
    table = table_of([small, large, small])
    assert len(table.ops) == len(set(small.table.ops) | set(large.table.ops))
    assert len(table) == 2 * len(small.steps) + len(large.steps)
    assert [table.ops[number] for number in table.op] == [
        step.op for one in (small, large, small) for step in one.steps if step.op.macs
    ]


# ------------------------------------------------------------------------------------------------------------ numbers


def test_equal_ops_have_one_number_and_different_ones_do_not() -> None:
    catalog = Catalog(Abilities())
    conv = [convolution((1, 4, 1, 6), channels, (1, 1)) for channels in (3, 3, 5)]
    assert [catalog[op] for op in conv] == [0, 0, 1]
    assert [catalog[convolution((1, 4, 1, 6), channels, (1, 1), affine=1)] for channels in range(1, 300)] == [
        *range(2, 301)
    ]
    assert catalog[conv[2]] == 1, "there was room for 64"
    assert catalog.records.written[catalog.records.plain[catalog.records.first_part[1]]] == 5 * 6


def test_an_activation_rides_only_where_hardware_applies_it() -> None:
    b = Builder((1, 4, 1, 6))
    b.conv("conv", b.input, 4, 1, activation="relu")
    ops = [node.op for node in b.nodes]
    for fuses, rides in (((), [False, False]), (("relu",), [False, True]), (("relu6",), [False, False])):
        catalog = catalog_of(Abilities(fuses))
        assert [bool(catalog.records.rides[catalog[op]]) for op in ops] == rides


def test_what_is_no_activation_is_refused() -> None:
    network = load_network("mobilenet_v1", width=0.25)
    with pytest.raises(InputError, match=r"vector\.fuses\[1\]\s+unknown activation"):
        plan(network, Abilities(("relu", "convolution")))


def test_a_catalog_that_has_grown_too_large_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    fuses = ("relu", "tanh")
    first = catalog_of(Abilities(fuses))
    assert catalog_of(Abilities(fuses)) is first
    before = plan(load_network("mobilenet_v1", width=0.25), Abilities(fuses))
    monkeypatch.setattr(catalogs, "_MOST", 3)
    assert catalog_of(Abilities(fuses)) is not first
    after = plan(load_network("mobilenet_v1", width=0.5), Abilities(fuses))
    # Plans of both go together all the same.
    design = load_hardware("npu")
    together = run([before, after], design)
    alone = run([after], design)
    assert together.latency_cycles[-len(after.steps) :].tolist() == alone.latency_cycles.tolist()
