"""One design asked for many networks at once: the figures of evaluations, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.plans import graphs
from random_networks import any_width

from accelsim import load_hardware, load_network
from accelsim.cost.columns import Columns
from accelsim.errors import NoMappingError
from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.load import hardware_template
from accelsim.schedule.catalog import catalog_of
from accelsim.schedule.design import Design
from accelsim.schedule.evaluate import evaluate_totals
from accelsim.schedule.planner import nodes_of, plan_steps
from accelsim.schedule.result import METRICS, Metrics
from accelsim.workload.network import Network

TEMPLATES = ("systolic", "npu", "edge_tpu", "dpu")


@st.composite
def designs(draw: st.DrawFn) -> Accelerator:
    template = any_width(draw(st.sampled_from(TEMPLATES)))
    return template.instantiate(template.space.sample(np.random.default_rng(draw(st.integers(0, 1000)))))


def totals(network: Network, design: Accelerator) -> Metrics | None:
    """Return the figures of an evaluation, ``None`` if there are none."""
    try:
        return evaluate_totals(network, design)
    except NoMappingError:
        return None


def check(networks: list[Network], design: Accelerator, asked: Design | None = None) -> None:
    catalog = catalog_of(design.abilities)
    asked = Design(design, catalog) if asked is None else asked
    found, legal = asked.metrics(plan_steps(nodes_of(networks, catalog), catalog.records))
    wanted = [totals(network, design) for network in networks]
    assert legal.tolist() == [one is not None for one in wanted]
    for name in METRICS:
        values = [None if one is None else one.flat()[name] for one in wanted]
        assert [None if np.isnan(value) else value for value in found[name].tolist()] == values, name


@settings(max_examples=60)
@given(some=st.lists(graphs(), min_size=1, max_size=4), design=designs())
def test_networks_together_have_the_figures_of_each_alone(some: list[Network], design: Accelerator) -> None:
    check(some, design)


def test_a_design_goes_on_with_what_it_knows() -> None:
    """Ops and fronts that turn up later, or for another design before, stand behind those known."""
    design, other = load_hardware("edge_tpu"), load_hardware("edge_tpu", link_gbps=4, clock_mhz=250)
    catalog = catalog_of(design.abilities)
    asked = Design(design, catalog)
    names = ("resnet8", "mobilenet_v3_small", "autoencoder", "deit_tiny")
    for name in names:
        check([load_network(name)], other)
        check([load_network(name), load_network("resnet8")], design, asked)
    check([load_network(name) for name in names], design, asked)


def test_one_design_is_wanted() -> None:
    template = hardware_template("systolic")
    two = template.instantiate({"rows": 8, "dram_gbps": np.array([4, 8])})
    with pytest.raises(ValueError, match="batch of 2"):
        Design(two, catalog_of(two.abilities))


# ------------------------------------------------------------------------------------------------------------- columns


@given(st.lists(st.integers(0, 70), max_size=8))
def test_columns_grow_at_their_end(counts: list[int]) -> None:
    columns, wanted = Columns(one=np.int64, pair=(float, (2,))), list[int]()
    for count in counts:
        values = np.arange(len(wanted), len(wanted) + count)
        assert columns.extend(count, one=values, pair=values[:, None] / 2) == len(wanted)
        wanted += values.tolist()
    assert columns.count == len(wanted)
    assert columns.arrays["one"][: columns.count].tolist() == wanted
    assert columns.arrays["pair"][: columns.count].tolist() == [[value / 2] * 2 for value in wanted]
    assert len(columns.arrays["one"]) <= max(64, 2 * len(wanted))


def test_a_single_row_is_given_by_its_values() -> None:
    columns = Columns(one=np.int64, pair=(float, (2,)))
    assert columns.extend(one=3, pair=(1, 2)) == 0
    assert columns.extend(one=4, pair=(5, 6)) == 1
    assert columns.arrays["pair"][:2].tolist() == [[1, 2], [5, 6]]
