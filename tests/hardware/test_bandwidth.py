"""Bandwidths of reads, of writes and of banks: units, the cycles they cost, and every mistake in stating them."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle.machines import HARDWARE, machine, network

from accelsim.errors import InputError
from accelsim.hardware.accelerator import Floats, Memory
from accelsim.schedule.evaluate import evaluate

BUFFER = next(n for n, line in enumerate(HARDWARE.splitlines(), start=1) if line.strip().startswith("- {name: buffer"))
DRAM = BUFFER - 1
#: What the tests put in place of the buffer's bandwidth.
SLOT = "bandwidth: 16 B/cycle"


def limited(
    bandwidth: float | None = None, read_bandwidth: float | None = None, write_bandwidth: float | None = None
) -> Memory:
    """Return a memory with these bandwidths in bytes per cycle."""
    limits = [None if limit is None else np.array([limit]) for limit in (bandwidth, read_bandwidth, write_bandwidth)]
    return Memory(
        name="buffer",
        holds=(),
        size_bytes=None,
        bandwidth_bytes_per_cycle=limits[0],
        read_bytes_per_cycle=limits[1],
        write_bytes_per_cycle=limits[2],
        read_pj_per_byte=None,
        write_pj_per_byte=None,
        double_buffered=False,
        keeps=(),
        keep_share=0.5,
        area_mm2=None,
        leakage_mw=None,
    )


def figures(*values: Floats | None) -> list[list[float] | None]:
    return [None if value is None else value.tolist() for value in values]


def of(memory: Memory) -> list[list[float] | None]:
    """Return the three bandwidths: of all, of reads, of writes."""
    return figures(memory.bandwidth_bytes_per_cycle, memory.read_bytes_per_cycle, memory.write_bytes_per_cycle)


# ---------------------------------------------------------------------------------------------------- cycles


@pytest.mark.parametrize(
    ("bandwidths", "cycles"),
    [
        ((16, None, None), (96 + 48) / 16),
        ((None, 4, None), 96 / 4),
        ((None, None, 3), 48 / 3),
        ((16, 4, 3), 96 / 4),
        ((16, 32, 3), 48 / 3),
        ((2, 32, 3), (96 + 48) / 2),
        ((None, 8, 4), 96 / 8),
    ],
)
def test_the_slowest_of_the_bandwidths_sets_the_cycles(bandwidths: tuple[float | None, ...], cycles: float) -> None:
    busy = limited(*bandwidths).busy_cycles(np.array([96.0]), np.array([48.0]))
    assert busy is not None
    assert busy.tolist() == [cycles]


def test_without_a_bandwidth_there_is_no_limit() -> None:
    assert limited().busy_cycles(np.array([1e18]), np.array([1e18])) is None


def test_cycles_broadcast_over_rows_and_designs(tmp_path: Path) -> None:
    ports = f"read_{SLOT.replace('16', 'rows')}, write_{SLOT.replace('16', 'columns')}"
    template = machine(tmp_path, (SLOT, ports))
    buffer = template.instantiate({"rows": np.array([2, 8, 64]), "columns": np.array([5, 1, 10])}).memories[1]
    assert of(buffer) == [None, [2, 8, 64], [5, 1, 10]]
    busy = buffer.busy_cycles(np.array([[64.0], [0.0]]), np.array([[10.0], [20.0]]))
    assert busy is not None
    assert busy.tolist() == [[32, 10, 1], [4, 20, 2]]


@given(
    st.tuples(*[st.one_of(st.none(), st.integers(1, 64))] * 3),
    st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)),
    st.integers(0, 2),
)
def test_a_bandwidth_more_never_saves_cycles(
    bandwidths: tuple[int | None, ...], moved: tuple[int, int], dropped: int
) -> None:
    read, written = (np.array([float(amount)]) for amount in moved)
    all_of_them = limited(*bandwidths).busy_cycles(read, written)
    fewer = limited(*(None if i == dropped else limit for i, limit in enumerate(bandwidths)))
    rest = fewer.busy_cycles(read, written)
    if rest is not None:
        assert all_of_them is not None
        assert all_of_them[0] >= rest[0]


@pytest.mark.parametrize(
    ("bandwidths", "cycles"),
    [
        ("bandwidth: 4 B/cycle", (24 + 4) / 4),
        ("read_bandwidth: 0.5 B/cycle", 24 / 0.5),
        ("write_bandwidth: 0.25 B/cycle", 4 / 0.25),
        ("bandwidth: 4 B/cycle, read_bandwidth: 3 B/cycle, write_bandwidth: 0.25 B/cycle", 4 / 0.25),
        ("banks: 4, bank_width: 0.5 B/cycle", (24 + 4) / 2),
    ],
)
def test_a_pool_takes_as_long_as_its_slower_direction(bandwidths: str, cycles: float, tmp_path: Path) -> None:
    """24 bytes in, 4 bytes out, from DRAM and to it; the vector unit needs 24 / 4 = 6 cycles."""
    design = machine(tmp_path, ("bandwidth: 4 B/cycle", bandwidths)).instantiate({})
    pool = evaluate(network(), design).layers[1]
    assert pool.op == "average_pool"
    assert pool.metrics.latency_cycles == cycles
    most = "dram:I" if "0.25" not in bandwidths else "dram:O"
    assert pool.bottleneck == most
    assert pool.slack == pytest.approx(cycles / 6)


# ---------------------------------------------------------------------------------------------------- units and banks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("read_bandwidth: 8 GB/s", [None, [8], None]),
        ("write_bandwidth: 2 * rows B/cycle", [None, None, [8]]),
        ("read_bandwidth: 64 bit/cycle, write_bandwidth: 4 GB/s", [None, [8], [4]]),
        ("banks: 4, bank_width: 8 B/cycle", [[32], None, None]),
        ("banks: rows * 2, bank_width: 500 MB/s", [[4], None, None]),
        ("banks: 4, bank_width: 8 B/cycle, bandwidth: 32 GB/s", [[32], None, None]),
        ("banks: 3, bank_width: 0.1 B/cycle, bandwidth: 0.3 B/cycle", [[0.3], None, None]),
        ("banks: 4, bandwidth: 10 B/cycle", [[10], None, None]),
        ("banks: 4", [None, None, None]),
        ("banks: 2, bank_width: 8 B/cycle, read_bandwidth: 4 B/cycle", [[16], [4], None]),
    ],
)
def test_bandwidths_in_bytes_per_cycle(text: str, expected: list[list[float] | None], tmp_path: Path) -> None:
    assert of(machine(tmp_path, (SLOT, text)).instantiate({}).memories[1]) == expected


def test_a_clock_changes_what_is_stated_per_second_alone(tmp_path: Path) -> None:
    text = "read_bandwidth: 8 GB/s, write_bandwidth: 8 B/cycle"
    slow = machine(tmp_path, (SLOT, text), ("clock: 1 GHz", "clock: 250 MHz")).instantiate({}).memories[1]
    assert of(slow) == [None, [32], [8]]


def test_the_root_law_takes_the_size_of_one_bank(tmp_path: Path) -> None:
    template = machine(tmp_path, (SLOT, "banks: rows"), ("kind: sram", "kind: rooted"))
    sizes = {"rows": np.array([1, 4, 16]), "buffer_bytes": np.array([4096, 4096, 4096])}
    buffer = template.instantiate(sizes).memories[1]
    # 3 pJ x sqrt(KiB of a bank): banks of 4, 1 and a quarter KiB.
    assert figures(buffer.read_pj_per_byte, buffer.write_pj_per_byte) == [[6, 3, 1.5]] * 2
    assert figures(buffer.size_bytes) == [[4096, 4096, 4096]], "of all banks"


def test_banks_leave_area_leakage_and_a_flat_energy_alone(tmp_path: Path) -> None:
    one, four = (machine(tmp_path, (SLOT, text)).instantiate({}).memories[1] for text in ("banks: 1", "banks: 4"))
    assert figures(four.area_mm2, four.leakage_mw, four.read_pj_per_byte) == [[1e-3], [0.5], [2]]
    assert figures(one.area_mm2, one.leakage_mw, one.read_pj_per_byte) == [[1e-3], [0.5], [2]]


# ---------------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("text", "read_aloud"),
    [
        pytest.param(
            "banks: 4, bank_width: 8 B/cycle, bandwidth: 16 B/cycle",
            "bandwidth\n  stated twice: 4 banks x 8 B/cycle = 32 B/cycle, but bandwidth is 16 B/cycle; "
            "got '16 B/cycle'; use either bandwidth or bank_width.", id="over-specified",
        ),
        pytest.param(
            "banks: rows, bank_width: 8 GB/s, bandwidth: 32.0001 GB/s",
            "bandwidth\n  stated twice: 4 banks x 8 B/cycle = 32 B/cycle, but bandwidth is 32.0001 B/cycle; "
            "got '32.0001 GB/s'; use either bandwidth or bank_width.", id="over-specified by little",
        ),
        pytest.param(
            "bank_width: 8 B/cycle",
            "bank_width\n  this is the bandwidth of one bank: say in banks how many there are; got '8 B/cycle'.",
            id="a width of no banks",
        ),
        pytest.param(
            "banks: 2048",
            "banks\n  2048 banks in a memory of 1024 B; got 2048; use at most one bank for each byte.",
            id="more banks than bytes",
        ),
        pytest.param("banks: 0", "banks\n  got 0; use a whole number of at least 1.", id="no banks"),
        pytest.param(
            "banks: rows / 8", "banks\n  got 'rows / 8' = 0.5; use a whole number of at least 1.", id="half a bank"
        ),
        pytest.param(
            "read_bandwidth: 0 B/cycle", "read_bandwidth\n  got '0 B/cycle' = 0; use more than 0.", id="no reads"
        ),
        pytest.param(
            "write_bandwidth: -2 GB/s",
            "write_bandwidth\n  got '-2' = -2; use a number of at least 0.", id="fewer than no writes",
        ),
        pytest.param(
            "read_bandwidth: 8",
            "read_bandwidth\n  no unit; got 8; "
            "use a number or expression, a space and a unit, such as '25.6 GB/s'.", id="no unit",
        ),
        pytest.param(
            "write_bandwidth: 8 KiB",
            "write_bandwidth\n  'KiB' is not a unit of bandwidth; got '8 KiB'; "
            "use a number or expression, a space and a unit, such as '25.6 GB/s'.", id="a size",
        ),
        pytest.param(
            "banks: 4, bank_width: rosw B/cycle",
            "bank_width\n  unknown name in an expression; got 'rosw'; "
            "use buffer_bytes, columns, dataflow, rows. Did you mean 'rows'?", id="misspelt parameter",
        ),
        pytest.param(
            "read_bandwith: 8 B/cycle",
            "read_bandwith\n  unknown key; got 'read_bandwith'; use name, holds, kind, size, bandwidth, "
            "read_bandwidth, write_bandwidth, banks, bank_width, double_buffered, keeps, keep_share, "
            "keeps_ends, sliding, in_pes, divided, .... "
            "Did you mean 'read_bandwidth'?", id="misspelt key",
        ),
    ],
)  # fmt: skip
def test_a_mistake_read_aloud(text: str, read_aloud: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        machine(tmp_path, (SLOT, text))
    (problem,) = caught.value.problems
    assert str(problem) == f"{tmp_path / 'machine.yaml'}:{BUFFER}  memories[1].{read_aloud}"


@pytest.mark.parametrize(
    ("size", "got"), [("7 bit", "0.875 B; got '7 bit'"), ("0.5 * rows / 4 B", "0.5 B; got '0.5 * rows / 4 B'")]
)
def test_a_memory_smaller_than_a_word(size: str, got: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        machine(tmp_path, ("buffer_bytes B", size))
    (problem,) = caught.value.problems
    place = f"{tmp_path / 'machine.yaml'}:{BUFFER}  memories[1].size"
    assert str(problem) == f"{place}\n  smaller than one word: {got}; use at least 1 B."
    assert machine(tmp_path, ("buffer_bytes B", "8 bit")).instantiate({}).memories[1].size_bytes == [1]


def test_a_mistake_has_no_others_in_its_wake(tmp_path: Path) -> None:
    """Neither banks against a size that cannot be read, nor a bandwidth against banks that cannot."""
    banked = (SLOT, "banks: 4, bank_width: 8 B/cycle, bandwidth: 32 B/cycle")
    for wrong, field in (
        (("buffer_bytes B", "bufer_bytes B"), "memories[1].size"),
        (("banks: 4", "banks: 0"), "memories[1].banks"),
        (("bank_width: 8 B/cycle", "bank_width: 8 KiB"), "memories[1].bank_width"),
        (("bandwidth: 32 B/cycle", "bandwidth: 32 KiB"), "memories[1].bandwidth"),
        (("clock: 1 GHz", "clock: 1 GB"), "clock"),
    ):
        with warnings.catch_warnings(), pytest.raises(InputError) as caught:
            warnings.simplefilter("error")
            machine(tmp_path, banked, wrong)
        assert [problem.field for problem in caught.value.problems] == [field]


def test_all_mistakes_of_a_memory_at_once(tmp_path: Path) -> None:
    text = "banks: 4, bank_width: 8 B/cycle, bandwidth: 16 B/cycle, read_bandwidth: 0 B/cycle, write_bandwidth: 1 W"
    with pytest.raises(InputError) as caught:
        machine(
            tmp_path, (SLOT, text), ("kind: dram}", "kind: dram, bank_width: 1 B/cycle}"), ("buffer_bytes B", "3 bit")
        )
    assert {(problem.field, problem.line) for problem in caught.value.problems} == {
        ("memories[0].bank_width", DRAM),
        ("memories[1].size", BUFFER),
        ("memories[1].banks", BUFFER),
        ("memories[1].bandwidth", BUFFER),
        ("memories[1].read_bandwidth", BUFFER),
        ("memories[1].write_bandwidth", BUFFER),
    }


def test_a_bandwidth_that_disagrees_on_one_design_is_shown_with_its_figures(tmp_path: Path) -> None:
    template = machine(tmp_path, (SLOT, "banks: rows, bank_width: 2 B/cycle, bandwidth: '2 * min(rows, 8) B/cycle'"))
    agreed = template.instantiate({"rows": np.array([4, 8])}).memories[1]
    assert of(agreed)[0] == [8, 16]
    with pytest.raises(InputError) as caught:
        template.instantiate({"rows": np.array([4, 10, 8])})
    (problem,) = caught.value.problems
    assert problem.message == "stated twice: 10 banks x 2 B/cycle = 20 B/cycle, but bandwidth is 16 B/cycle"


def test_sizes_at_the_edge_of_what_is_counted(tmp_path: Path) -> None:
    whole = 2**53
    at_edge = machine(tmp_path, ("buffer_bytes B", f"{whole} B"), (SLOT, f"banks: {whole}")).instantiate({})
    assert at_edge.memories[1].size_bytes == [whole]
    for changes, got in (
        ((SLOT, f"banks: {whole + 2}"), f"got {whole + 2}; use a whole number of at least 1 and at most 2**53."),
        (("buffer_bytes B", "1e308 KiB"), "got '1e308 KiB' = inf; use a smaller number."),
        (("lanes: 4", "lanes: .inf"), "got inf; use a number of at least 1."),
    ):
        with warnings.catch_warnings(), pytest.raises(InputError) as caught:
            warnings.simplefilter("error")
            machine(tmp_path, changes)
        (problem,) = caught.value.problems
        assert got in str(problem)
