"""Studies in real processes that are killed or interrupted from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from study_fakes import COSEARCH, made_up, plan_of

from accelsim.errors import InputError
from accelsim.study.runner import run_study
from accelsim.study.store import STORE_NAME, read_records

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX systems")

SCRIPT = """
import signal
import sys
from study_fakes import COSEARCH, plan_of, slow
from accelsim.study.runner import run_study

if __name__ == "__main__":
    # As in a terminal, even where the tests run in the background and the signal is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    result = run_study(plan_of(COSEARCH), sys.argv[1], workers=int(sys.argv[2]), evaluator=slow)
    print(result.interrupted, len(result.records), result.resume_hint)
"""


@pytest.fixture
def study(tmp_path):
    """Return a function that starts a slow study in a process of its own session."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    started = []

    def start(workers):
        process = subprocess.Popen(
            [sys.executable, str(script), str(tmp_path / "results"), str(workers)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for(records, folder, seconds=60):
    """Wait until the store holds at least ``records`` evaluations, read while it is being written."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (folder / STORE_NAME).is_file():
            try:
                count = len(read_records(folder))
            except InputError:
                count = 0  # the tables are not there yet
            if count >= records:
                return count
        time.sleep(0.01)
    raise AssertionError("the study did not get that far")


def members(session):
    """Return the living processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(entry.name))
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    run_study(plan_of(COSEARCH), folder, workers=1, evaluator=made_up)
    return (folder / "evaluations.csv").read_bytes()


@pytest.mark.parametrize(("workers", "after"), [(1, 20), (2, 150)])
def test_a_killed_study_resumes_to_the_same_table(study, tmp_path, whole, workers, after):
    folder = tmp_path / "results"
    process = study(workers)
    wait_for(after, folder)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = read_records(folder)
    assert after <= len(kept) < 360
    assert [record.number for record in kept] == list(range(len(kept)))

    result = run_study(plan_of(COSEARCH), folder, workers=1, evaluator=made_up)
    assert result.complete
    assert result.resumed == len(kept)
    assert result.records[: len(kept)] == tuple(kept)
    assert (folder / "evaluations.csv").read_bytes() == whole


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="needs a process list")
def test_workers_of_a_killed_study_end_too(study, tmp_path):
    process = study(2)
    wait_for(1, tmp_path / "results")
    assert len(members(process.pid)) >= 3
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    end = time.monotonic() + 20
    while members(process.pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert members(process.pid) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_quietly_with_what_is_done(study, tmp_path, whole, workers):
    process = study(workers)
    wait_for(20, tmp_path / "results")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers as well
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert errors == ""
    assert output.startswith("True ")
    assert "evaluations are kept in" in output
    kept = len(read_records(tmp_path / "results"))
    assert f"True {kept} {kept} of 360" in output

    run_study(plan_of(COSEARCH), tmp_path / "results", workers=1, evaluator=made_up)
    assert (tmp_path / "results" / "evaluations.csv").read_bytes() == whole
