"""The exact mapper against every mapping there is: all chains of tiles, all copies, all orders of loops.

A hundred and twenty cases by default; ``ACCELSIM_ORACLE_CASES=20000`` in the environment draws more.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.every_mapping import every_mapping
from oracle.machine_cases import DATAFLOWS
from oracle.mapper_cases import MapperCase, ask, costs, examples, mapper_cases, small_machine, small_memory

from accelsim.dims import Dim, Operand
from accelsim.errors import NoMappingError
from accelsim.hardware.accelerator import FanOut, SpatialAxis
from accelsim.mappers.objective import ENERGY, LATENCY
from accelsim.workload.ops import Bits, Op, loops

#: Sums in another order.
EQUAL = 1e-9


def powers(case: MapperCase) -> tuple[float, float]:
    return case.objective.latency, case.objective.energy


def check(case: MapperCase) -> None:
    """Check that the mapper finds the best of all mappings, and that it costs what the mapper says."""
    every = costs(case, every_mapping(case.op, case.accelerator))
    scores = every.score(powers(case))
    least = float(scores.min())
    if not np.isfinite(least):
        with pytest.raises(NoMappingError):
            ask(case)
        return
    found = ask(case)
    assert found.score == pytest.approx(least, rel=EQUAL, abs=0)
    assert len(found.mapping) == 1
    own = costs(case, found.mapping)
    assert own.fits.tolist() == [True]
    assert found.latency_cycles == pytest.approx(own.latency[0], rel=EQUAL, abs=0)
    assert found.energy_pj == pytest.approx(own.energy[0], rel=EQUAL, abs=0)
    assert found.score == pytest.approx(own.score(powers(case))[0], rel=EQUAL, abs=0)
    # Of mappings that score the same, the one with less energy if only latency counts, else the faster one.
    tie = every.energy if case.objective.energy == 0 else every.latency
    least_tie = float(tie[scores <= least * (1 + 1e-13)].min())
    own_tie = found.energy_pj if case.objective.energy == 0 else found.latency_cycles
    assert own_tie <= least_tie * (1 + EQUAL)
    assert found.certificate.proven
    assert found.certificate.whole


@pytest.mark.parametrize("name", DATAFLOWS)
@settings(max_examples=examples(0.4 / len(DATAFLOWS)))
@given(data=st.data())
def test_the_best_of_every_mapping_is_found(name: str, data: st.DataObject) -> None:
    check(data.draw(mapper_cases(flow=name)))


@settings(max_examples=examples(0.15))
@given(mapper_cases(sliding=True, windows=(1, 2, 2)))
def test_the_best_is_found_where_windows_share_their_overlap(case: MapperCase) -> None:
    check(case)


@settings(max_examples=examples(0.15))
@given(mapper_cases(stays=True, sliding=True))
def test_the_best_is_found_where_whole_tensors_stay(case: MapperCase) -> None:
    check(case)


@settings(max_examples=examples(0.1))
@given(mapper_cases(levels=3, sliding=True, stays=True))
def test_the_best_is_found_through_three_memories(case: MapperCase) -> None:
    check(case)


@settings(max_examples=examples(0.3))
@given(mapper_cases(fans=True, sliding=True))
def test_the_best_is_found_where_memories_and_arrays_stand_in_copies(case: MapperCase) -> None:
    check(case)


def copies_of_kernels(place: int) -> FanOut:
    return FanOut(axes=(SpatialAxis(name=f"kernels {place}", size=np.array([2.0]), dims=(Dim.K,)),))


@pytest.mark.parametrize("sliding", [True, False])
def test_padding_counts_for_the_first_copy(sliding: bool) -> None:
    """Six rows of results in two tiles of 4 rows, the second of them half padding, beat two of 3 where copies stand."""
    op = Op("convolution", loops(OY=6, FY=3), padding=(0, 1, 0), extent=(1, 5, 1))
    memories = (
        small_memory(0),
        small_memory(1, [Operand.O], 4.0, sliding=sliding, fan=copies_of_kernels(1)),
        small_memory(2, [Operand.I], write=0.2, sliding=sliding, fan=copies_of_kernels(2)),
    )
    case = MapperCase(op, replace(small_machine("atomic", 1, 1), memories=memories), LATENCY)
    check(case)
    assert ask(case).mapping.tiles[0, 0, Dim.OY.position] == 4


def test_sums_narrower_than_results_leave_the_proof_open() -> None:
    """A tile of sums takes less room than one of results, so that an order that moves more may be the one that fits."""
    op = Op("convolution", loops(C=2, OX=2, FX=2), extent=(1, 1, 3), bits=Bits(W=8, I=8, O=32, partial=16))
    memories = (small_memory(0), small_memory(1, [Operand.I, Operand.O], 3.0))
    case = MapperCase(op, replace(small_machine("atomic", 1, 1), memories=memories), ENERGY)
    best, found = costs(case, every_mapping(op, case.accelerator)).score((0, 1)).min(), ask(case)
    assert found.score > best
    assert not found.certificate.whole
    check(replace(case, op=replace(op, bits=Bits(W=8, I=8, O=16, partial=16))))
