"""Measures accelsim and its peers side by side and prints a table: ``python -m benchmarks.peers.run``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.peers.contract import Measured, one_line, read_lines
from benchmarks.peers.table import Row, lines, middle, row
from benchmarks.peers.tools import ROOT, TOOLS, InstallError, Tool, install
from benchmarks.peers.work import Job, jobs

__all__ = ["main", "measure", "rows_of", "run_driver"]

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def one_core() -> None:
    """Keep this process and those it starts to one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def run_driver(command: Sequence[str], limit: float) -> Measured:
    """Return what a driver says within ``limit`` seconds of wall time; then it is stopped."""
    environment = {**os.environ, **dict.fromkeys(_THREADS, "1")}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=err)
        code: int | None = None
        try:
            code = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            pass  # What it has done by now is in its lines.
        finally:
            process.kill()
            process.wait()
        out.seek(0)
        err.seek(0)
        measured = read_lines(out)
        if code and not measured.failure:
            how = f"killed by signal {-code}" if code < 0 else f"ended with code {code}"
            return replace(measured, failure=f"{how}: {one_line(err.read())}")
    return measured


def measure(tool: Tool, python: Path, job: Job, limit: float) -> Row:
    """Return the row of ``tool`` on ``job``; each of its runs has ``limit`` seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.json"
        job.write(path)
        command = [str(python), "-m", f"benchmarks.peers.{tool.driver}", str(path), *tool.arguments]
        runs = [run_driver(command, limit)]
        while len(runs) < tool.runs and runs[-1].done:
            runs.append(run_driver(command, limit))
    return row(tool, job, middle(runs), limit)


def rows_of(tool: Tool, work: Sequence[Job], limit: float) -> list[Row]:
    """Return the rows of ``tool``, set up first; if it cannot be, every row says why."""
    try:
        python = install(tool)
    except InstallError as error:
        return [Row(tool.name, job.name, note=f"not installed: {error}") for job in work]
    found = []
    for job in work:
        print(f"{tool.name}, {job.name} ...", file=sys.stderr, flush=True)
        found.append(measure(tool, python, job, limit))
    return found


def main() -> None:
    """Measure every tool and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for each tool and piece of work")
    limit = parser.parse_args().limit
    one_core()
    rows = [row for tool in TOOLS for row in rows_of(tool, jobs(), limit)]
    print("\n".join(lines(rows, TOOLS[0].name)))


if __name__ == "__main__":
    main()
