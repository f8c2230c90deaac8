"""How many members the bundled search spaces have: worked out from their definitions, beside the published figures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from accelsim.config.library import available
from accelsim.parameters import Space
from accelsim.workload.load import network_template

#: Parameters of an encoding, all encodings, distinct members.
_OFA_STAGE = 9**2 + 9**3 + 9**4
_BOTTLENECKS = {blocks: sum(3 ** (blocks + more) for more in range(3)) for blocks in (2, 4)}
_DARTS_CELL = math.comb(2, 2) * math.comb(3, 2) * math.comb(4, 2) * math.comb(5, 2) * 7**8
_MNASNET_BLOCK = 4 * 2 * 2 * 3 * 3 * 3
_ELASTIC_VIT = (
    6  # resolutions
    * (2 * 2 * 2)  # stem: channels, depth, kernel
    * (4 * 3 * 4 * 2)  # two stages of convolutions: depth, channels, expansion, kernel
    * (5 * 5 * 4 * 2)
    * (5 * 4 * 4 * 3)  # four stages of attention: depth, channels, ratio of the feed-forward part, width of values
    * (6 * 6 * 4 * 3)
    * (6 * 10 * 4 * 3)
    * (6 * 11 * 4 * 3)
)
SIZES = {
    "nasbench201": (6, 5**6, 5**6),
    "darts": (22, _DARTS_CELL**2, _DARTS_CELL**2),
    "ofa_mobilenet_v3": (20 + 20 + 5, 3**45, _OFA_STAGE**5),
    "ofa_resnet50": (5 + 18 + 6, 3**29, 2 * _BOTTLENECKS[2] ** 3 * _BOTTLENECKS[4] * 2 * 3**5),
    "fbnet_space": (22, 9**22, 9**22),
    "proxylessnas_space": (21, 7**21, 7**21),
    "mnasnet_space": (30, _MNASNET_BLOCK**5, (_MNASNET_BLOCK * 2 // 3 + _MNASNET_BLOCK // 3 // 3) * _MNASNET_BLOCK**4),
    "mobiledet_space": (30, 5 * 12**6 * 13**15 * 6 * 4 * 6 * 7**5, 5 * 12**6 * 13**15 * 6 * 4 * 6 * 7**5),
    "elasticvit_space": (28, _ELASTIC_VIT, _ELASTIC_VIT),
    "accel_nasbench": (4 * 7, 3**7 * 2**7 * 3**6 * 4 * 2**7, 3**7 * 2**7 * 3**6 * 4 * 2**7),
    "bert_elastic": (1 + 12 + 12, 7 * 12**12, sum(12**layers for layers in range(6, 13))),
}
#: What the papers print.
PUBLISHED = {
    "nasbench201": 15_625,
    "darts": 1e18,
    "ofa_mobilenet_v3": 2e19,
    "fbnet_space": 1e21,
    "proxylessnas_space": 7**21,
    "mnasnet_space": 1e13,
}


def members(name: str) -> Space:
    """Return the space that a search varies."""
    return network_template(name).members


@pytest.mark.parametrize("name", SIZES)
def test_genes_encodings_and_members(name: str) -> None:
    space = members(name)
    assert (len(space), space.encodings, space.size) == SIZES[name]
    assert isinstance(space.size, int)


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_the_published_ones_to_one_digit(name: str) -> None:
    assert members(name).size == pytest.approx(PUBLISHED[name], rel=0.2)


def test_every_space_that_comes_along_is_counted_here() -> None:
    spaces = {name for name in available("network") if network_template(name).spec.space}
    assert spaces == SIZES.keys()


@pytest.mark.parametrize("name", SIZES)
def test_settings_are_not_members(name: str) -> None:
    template = network_template(name)
    assert "batch" in template.space.names
    assert "batch" not in template.members.names
    assert set(template.members.names) < set(template.space.names)


@pytest.mark.parametrize("name", SIZES)
def test_ends_of_the_numbering(name: str) -> None:
    space = members(name)
    assert space.index_of(space.point_at(0)) == 0
    assert space.index_of(space.point_at(int(space.size) - 1)) == space.size - 1
    first = [p.domain.value(0) if p.name in space.active(space.point_at(0)) else p.default for p in space.parameters]
    assert list(space.point_at(0).values()) == first


@pytest.mark.parametrize("name", SIZES)
def test_numbers_vectors_and_members_are_one_to_one(name: str) -> None:
    space, rng = members(name), np.random.default_rng(0)
    for _ in range(25):
        point = space.sample(rng)
        assert space.point_at(space.index_of(point)) == point
        assert space.decode(space.encode(point)) == point
        assert space.from_one_hot(space.one_hot(point)) == point
