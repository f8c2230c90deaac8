"""What a driver writes and the runner reads: one JSON object a line on standard output.

``{"event": "ready", "tool": ..., "version": ..., "seconds": ...}`` once the tool is imported and warm (its start-up),
``{"event": "layer", "name": ..., "cycles": ..., "evaluations": ..., TIMES}`` for every layer done, and at the end
``{"event": "done", TIMES}``. TIMES are ``wall_seconds`` and ``cpu_seconds`` since the work began and ``peak_bytes``,
the most memory the process has held. ``evaluations`` is how many mappings were costed for this layer, ``null`` where a
tool does not say. What goes wrong is ``{"event": "failed", "message": ...}``, one line. A driver that is stopped at its
limit leaves the lines of the layers it has done.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.work import Job

__all__ = ["Measured", "Reporter", "drive", "one_line", "peak_bytes", "read_lines"]


def peak_bytes() -> int:
    """Return the most memory this process has held, in bytes.

    The kernel's own mark of this program is read where there is one: what ``getrusage`` says includes the program that
    started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def one_line(text: object, limit: int = 160) -> str:
    """Return the last line of ``text`` that says something, cut to ``limit`` characters."""
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    last = lines[-1] if lines else "no message"
    return last if len(last) <= limit else last[: limit - 3] + "..."


class Reporter:
    """Writes the events of a driver; what else is printed in the process goes to standard error.

    Args:
        tool: Name of the tool.
        version: Its version.
    """

    def __init__(self, tool: str, version: str) -> None:
        self._tool, self._version = tool, version
        sys.stdout.flush()
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def ready(self) -> None:
        """Say that the tool is imported and warm; its start-up is the processor time of the process so far."""
        self._write(event="ready", tool=self._tool, version=self._version, seconds=time.process_time())
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def layer(self, name: str, cycles: float, evaluations: int | None) -> None:
        """Say that a layer is done."""
        self._write(event="layer", name=name, cycles=float(cycles), evaluations=evaluations, **self._times())

    def done(self) -> None:
        """Say that all is done."""
        self._write(event="done", **self._times())

    def failed(self, error: BaseException) -> None:
        """Say what went wrong."""
        self._write(event="failed", message=one_line(f"{type(error).__name__}: {one_line(error)}"))

    def _times(self) -> dict[str, float]:
        return {
            "wall_seconds": time.perf_counter() - self._wall,
            "cpu_seconds": time.process_time() - self._cpu,
            "peak_bytes": peak_bytes(),
        }

    def _write(self, **event: Any) -> None:
        self._out.write(json.dumps(event) + "\n")
        self._out.flush()


def drive(tool: str, version: str, work: Callable[[Job, Reporter], None]) -> None:
    """Run a driver: the job named on the command line goes to ``work``, which says ``ready`` and every ``layer``."""
    report = Reporter(tool, version)
    try:
        work(Job.read(Path(sys.argv[1])), report)
    except Exception as error:  # Whatever a tool raises becomes its line in the table.
        report.failed(error)
        sys.exit(1)
    report.done()


@dataclass(frozen=True)
class Measured:
    """What a driver said, complete or not.

    Attributes:
        tool: Name of the tool, and its version.
        start_seconds: Processor time to import it and to warm it up.
        wall_seconds: Wall time of the layers done.
        cpu_seconds: Processor time of the layers done.
        peak_bytes: Most memory held.
        layers: Names of the layers done.
        cycles: Sum of their cycles.
        evaluations: Mappings costed for them; ``None`` if the tool does not say.
        done: Whether it came to its end.
        failure: What went wrong, in one line; empty if nothing did.
    """

    tool: str
    start_seconds: float
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    layers: tuple[str, ...]
    cycles: float
    evaluations: int | None
    done: bool
    failure: str


def read_lines(lines: Iterable[str]) -> Measured:
    """Return what the lines of a driver say; a line that was cut off when the driver was stopped is left out."""
    events = []
    for line in lines:
        try:
            events.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    ready: dict[str, Any] = next((event for event in events if event["event"] == "ready"), {})
    layers = [event for event in events if event["event"] == "layer"]
    timed = [event for event in events if event["event"] in ("layer", "done")]
    failure = next((event["message"] for event in events if event["event"] == "failed"), "")
    costed = [event["evaluations"] for event in layers]
    return Measured(
        tool=f"{ready['tool']} {ready['version']}" if ready else "",
        start_seconds=ready.get("seconds", 0.0),
        wall_seconds=timed[-1]["wall_seconds"] if timed else 0.0,
        cpu_seconds=timed[-1]["cpu_seconds"] if timed else 0.0,
        peak_bytes=max((event["peak_bytes"] for event in timed), default=0),
        layers=tuple(event["name"] for event in layers),
        cycles=sum(event["cycles"] for event in layers),
        evaluations=None if None in costed or not costed else sum(costed),
        done=any(event["event"] == "done" for event in events),
        failure=failure,
    )
