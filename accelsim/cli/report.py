"""``accelsim report``: draw the report of a finished or interrupted study again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["report"]


def report(folder: Annotated[Path, typer.Argument(help="The folder of a study's results.")]) -> None:
    """Write the report of a study from what its folder holds."""
    from accelsim.report.html import write_report
    from accelsim.study.result import load_result

    typer.echo(f"report: {write_report(load_result(folder), folder)}")
