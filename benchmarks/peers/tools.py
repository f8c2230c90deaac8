"""The tools that are measured, and the environments they run in."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.peers.contract import one_line
from benchmarks.peers.work import MACHINE

__all__ = ["TOOLS", "InstallError", "Tool", "install", "pip_reason"]

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".venv-peers"
_INSTALL_SECONDS = 900


class InstallError(Exception):
    """A tool cannot be installed; the message is one line."""


@dataclass(frozen=True)
class Tool:
    """One line of the table.

    Attributes:
        name: Name in the table.
        driver: Module that runs it.
        environment: Folder of its environment in ``.venv-peers``; empty for accelsim, which runs in its own.
        requirements: What is installed there.
        arguments: What the driver takes after the job.
        runs: How often it is run, each time in a fresh process; the median counts.
        grows_with: What the time of a layer is taken to grow with where the rest of a run is estimated.
    """

    name: str
    driver: str
    environment: str = ""
    requirements: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    runs: int = 1
    grows_with: Literal["layers", "cycles"] = "layers"


def _scalesim(name: str, mode: str) -> Tool:
    # Version 3.0.0 does not run on numpy 2.
    wanted = ("scalesim==3.0.0", "numpy<2")
    return Tool(name, "scalesim_driver", "scalesim", wanted, (mode,), grows_with="cycles")


#: accelsim first: the others are set against it.
TOOLS = (
    Tool("accelsim", "accelsim_driver", runs=5),
    # Version 3.9.1 imports six without asking for it.
    Tool("ZigZag 3.9.1", "zigzag_driver", "zigzag", ("zigzag-dse==3.9.1", "six")),
    _scalesim("SCALE-Sim 3.0.0, DRAM as fast as needed", "CALC"),
    _scalesim(f"SCALE-Sim 3.0.0, DRAM of {MACHINE.dram_bytes_per_cycle} B/cycle", "USER"),
)


def install(tool: Tool, folder: Path = FOLDER) -> Path:
    """Return the Python of the tool's environment, which is set up unless it stands with the same requirements.

    Raises:
        InstallError: It cannot be set up: no network, or no version for this Python.
    """
    if not tool.environment:
        return Path(sys.executable)
    place = folder / tool.environment
    python, mark, wanted = place / "bin" / "python", place / "installed.txt", "\n".join(tool.requirements)
    if mark.exists() and mark.read_text() == wanted:
        return python
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]
    for command in ([sys.executable, "-m", "venv", "--clear", str(place)], [*pip, *tool.requirements]):
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InstallError(one_line(error)) from error
        if ended.returncode:
            raise InstallError(pip_reason(ended.stderr or ended.stdout))
    mark.write_text(wanted)
    return python


def pip_reason(output: str) -> str:
    """Return the line of pip's ``output`` that says why: its last error, or its last line."""
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
    return one_line(errors[-1].removeprefix("ERROR:") if errors else output)
