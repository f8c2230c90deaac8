"""Members put together from parts are, node by node, the networks that the template builds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim import InputError, network_template
from accelsim.config.library import available
from accelsim.hardware.accelerator import Abilities
from accelsim.nas import members as module
from accelsim.nas import parts as parts_module
from accelsim.nas.members import Members
from accelsim.nas.parts import NotByParts
from accelsim.schedule.catalog import Catalog
from accelsim.schedule.planner import Nodes, Planned, nodes_of, plan_steps
from accelsim.workload.load import NetworkTemplate

Write = Callable[..., Path]
NETWORKS = sorted(available("network"))
SPACES = [name for name in NETWORKS if network_template(name).spec.space is not None]
#: A base or transforms; or blocks put together from parts, of which there are too many.
BUILT = {name for name in NETWORKS if network_template(name).spec.base or network_template(name).spec.transforms}
BUILT |= {"darts"}


def planned(nodes: Nodes, catalog: Catalog) -> list[list[Any]]:
    """Return the plan of networks as plain lists."""
    found: Planned = plan_steps(nodes, catalog.records)
    arrays = [*found.steps, *found[1:]]
    return [np.asarray(array).tolist() for array in arrays]


def check(template: NetworkTemplate, points: Sequence[Mapping[str, Any]], catalog: Catalog | None = None) -> list[int]:
    """Hold members against the networks of all points that can be built; return the places of those put together."""
    catalog = Catalog(Abilities(("relu",))) if catalog is None else catalog
    nodes, at = Members(template, catalog).nodes(points)
    networks = [template.build(points[place]) for place in at.tolist()]
    wanted = nodes_of(networks, catalog)
    for name in ("starts", "op", "source"):
        assert getattr(nodes, name).tolist() == getattr(wanted, name).tolist(), name
    # Results may be stated where they are simply all that no other node reads, which comes to the same.
    assert planned(nodes, catalog) == planned(wanted, catalog)
    return at.tolist()


@pytest.mark.parametrize("name", NETWORKS)
def test_members_of_every_file_are_its_networks(name: str) -> None:
    template, rng = network_template(name), np.random.default_rng(1)
    points = [{}, *(template.members.sample(rng) for _ in range(8)), *(template.space.sample(rng) for _ in range(3))]
    catalog = Catalog(Abilities(("relu", "relu6")))
    if name in BUILT:
        with pytest.raises(NotByParts):
            check(template, points, catalog)
        return
    can = []
    for place, point in enumerate(points):
        try:
            template.build(point)
        except InputError:
            continue
        can.append(place)
    assert check(template, points, catalog) == can
    assert len(can) >= 9, "all members of the space itself can be built"


def test_there_are_eleven_spaces_and_one_of_them_is_built() -> None:
    assert len(SPACES) == 11
    assert set(SPACES) & BUILT == {"darts"}


LANGUAGE = """\
schema_version: 1
parameters:
  depth: {default: 2, range: [0, 4]}
  kernel: {default: 3, choices: [3, 5], length: 4}
  width: {default: 8, choices: [8, 12]}
  shortcut: {default: true, choices: [true, false]}
  op: {default: skip, choices: [skip, wide, none]}
  side: {default: 12, range: [8, 16]}
  batch: {default: 1, range: [1, 2]}
  bits: {default: 8, choices: [4, 8]}
input: [4, side, side]
inputs: {extra: [batch, 4, side, side]}
batch: batch
bits: {W: bits}
choices:
  skip: {block: skip_or_project}
  wide: {block: inverted_residual, expand: 2, kernel: 3}
  none: {when: false}
layers:
  - {block: conv, out: width, kernel: 3, name: stem, act: relu}
  - {block: inverted_residual, out: width, expand: 3, repeat: depth, each: {kernel: kernel}, name: body}
  - {out: width, use: op}
  - {block: conv, out: width, kernel: 1, when: shortcut, name: side_branch, from: stem, bits: {W: 4}}
  - {block: add, other: body, when: shortcut, name: sum}
  - {block: conv, out: 4, kernel: 1, from: extra, name: dead_end}
  - {block: conv, out: 6, kernel: 1, from: sum, name: head, act: hard_swish}
  - {block: concat, others: [dead_end], when: width > 8}
  - {block: classifier, out: 5}
"""


@pytest.fixture
def language(write: Write) -> NetworkTemplate:
    return network_template(write(LANGUAGE, "language.yaml"))


def test_layers_that_are_absent_repeated_named_or_read_by_others(language: NetworkTemplate) -> None:
    rng = np.random.default_rng(0)
    points = [language.space.sample(rng) for _ in range(150)]
    assert {point["depth"] for point in points} == {0, 1, 2, 3, 4}
    assert check(language, points) == list(range(150))


@pytest.mark.parametrize("results", ["[body]", "[stem, dead_end]", "[dead_end, dead_end]", "[side_branch]"])
def test_results_that_are_stated(results: str, write: Write) -> None:
    template = network_template(write(LANGUAGE + f"results: {results}\n", "stated.yaml"))
    rng = np.random.default_rng(0)
    points = [template.space.sample(rng) for _ in range(60)]
    assert check(template, points) == list(range(60))


def test_a_member_that_cannot_be_built_is_left_out(language: NetworkTemplate) -> None:
    points = [{}, {"depth": 9}, {"kernal_1": 3}, {"depth": 0}, {"side": 8.5}, {"shortcut": 1}]
    assert check(language, points) == [0, 3]
    for place in (1, 2, 4, 5):
        with pytest.raises(InputError):
            language.build(points[place])


def test_what_a_block_refuses_is_left_out(write: Write) -> None:
    """Heads that do not divide the channels, tensors that cannot be added, layers that are not there."""
    text = """\
schema_version: 1
parameters:
  heads: {default: 2, choices: [2, 3]}
  out: {default: 8, choices: [8, 10]}
  named: {default: true, choices: [true, false]}
input: [8, 4, 4]
layers:
  - {block: conv, out: 8, name: stem}
  - {block: conv, out: out, name: second, when: named}
  - {block: add, other: stem, from: second}
  - {block: conv, out: 6 * heads}
  - {block: conv, out: 12, groups: heads + 2}
"""
    template = network_template(write(text))
    points = [{"heads": heads, "out": out, "named": named} for heads in (2, 3) for out in (8, 10) for named in (1, 0)]
    points = [{**point, "named": bool(point["named"])} for point in points]
    can = []
    for place, point in enumerate(points):
        try:
            template.build(point)
        except InputError:
            continue
        can.append(place)
    assert 0 < len(can) < len(points)
    assert check(template, points) == can


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: stem, act", "name: stage.1, act"),
        (
            "name: head, act: hard_swish}",
            "name: head, when: shortcut}\n  - {block: conv, out: 6, from: sum, name: head, when: not shortcut}",
        ),
    ],
)
def test_layers_that_names_may_not_tell_apart_are_built(old: str, new: str, write: Write) -> None:
    text = LANGUAGE.replace(old, new).replace("from: stem", "from: stage.1" if "stage" in new else "from: stem")
    template = network_template(write(text, "names.yaml"))
    with pytest.raises(NotByParts):
        Members(template, Catalog(Abilities()))


def test_one_tensor_read_twice_is_not_two_of_the_same_shape(write: Write) -> None:
    """Which tensors are one decides over who waits for whom, and over what a block makes of them."""
    text = """\
schema_version: 1
parameters: {both: {default: true, choices: [true, false]}}
input: [4, 6, 6]
layers:
  - {block: conv, out: 4, name: one}
  - {block: conv, out: 4, name: two, when: both, from: one}
  - {block: concat, others: [two, one]}
  - {block: classifier, out: 3}
"""
    template = network_template(write(text))
    assert check(template, [{"both": True}, {"both": False}] * 3) == list(range(6))
    both, alone = (template.build({"both": flag}) for flag in (True, False))
    assert len(set(both.nodes[2].inputs)) > len(set(alone.nodes[1].inputs))


def test_a_batch_is_the_same_however_it_is_cut() -> None:
    template, catalog, rng = network_template("mnasnet_space"), Catalog(Abilities(("relu",))), np.random.default_rng(2)
    points = [template.members.sample(rng) for _ in range(40)]
    space = Members(template, catalog)
    whole, _ = space.nodes(points)
    parts = [space.nodes(points[start : start + 7])[0] for start in range(0, 40, 7)]
    assert whole.op.tolist() == [number for part in parts for number in part.op.tolist()]
    assert whole.source.tolist() == [number for part in parts for number in part.source.tolist()]


def test_no_network_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    template, rng = network_template("proxylessnas_space"), np.random.default_rng(0)
    points = [template.members.sample(rng) for _ in range(50)]
    monkeypatch.setattr(NetworkTemplate, "build", None)
    monkeypatch.setattr("accelsim.workload.network.Network.__post_init__", None)
    nodes, at = Members(template, Catalog(Abilities())).nodes(points)
    assert len(at) == 50
    assert len(nodes.starts) == 51


def test_a_library_that_has_grown_too_large_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    template, catalog, rng = network_template("fbnet_space"), Catalog(Abilities(("relu",))), np.random.default_rng(0)
    space = Members(template, catalog)
    points = [template.members.sample(rng) for _ in range(10)]
    before, _ = space.nodes(points)
    library = space.library
    assert space.nodes(points)[0].op.tolist() == before.op.tolist()
    assert space.library is library
    monkeypatch.setattr(parts_module, "_MOST", 5)
    assert space.nodes(points)[0].op.tolist() == before.op.tolist()
    assert space.library is not library


def test_too_many_nodes_are_told_by_the_template(monkeypatch: pytest.MonkeyPatch, language: NetworkTemplate) -> None:
    monkeypatch.setattr(module, "MOST_NODES", 12)
    small, large = {"depth": 0, "op": "none"}, {"depth": 4}
    nodes, at = Members(language, Catalog(Abilities())).nodes([small, large, small])
    assert at.tolist() == [0, 2]
    assert np.diff(nodes.starts).tolist() == [len(language.build(small))] * 2
