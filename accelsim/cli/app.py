"""The commands, and what becomes of an error: one clear message on standard error, exit code 2, no traceback."""

from __future__ import annotations

import sys

import typer

from accelsim.cli.calibrate import calibrate
from accelsim.cli.check import check
from accelsim.cli.counts import counts
from accelsim.cli.doctor import doctor
from accelsim.cli.evaluate import evaluate
from accelsim.cli.explain import explain
from accelsim.cli.import_ import import_
from accelsim.cli.listing import list_
from accelsim.cli.map import map_
from accelsim.cli.report import report
from accelsim.cli.run import run
from accelsim.cli.show import show
from accelsim.cli.validate import validate
from accelsim.errors import AccelsimError

__all__ = ["app", "main"]

EXIT_USER_MISTAKE = 2
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="accelsim",
    help="Explore accelerators for compact neural networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(run)
app.command()(evaluate)
app.command()(explain)
app.add_typer(show, name="show")
app.command("map")(map_)
app.command("list")(list_)
app.command("import")(import_)
app.command()(check)
app.command()(validate)
app.command()(calibrate)
app.command()(counts)
app.command()(report)
app.command()(doctor)


def main() -> None:
    """Run the command line."""
    try:
        app()
    except AccelsimError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_USER_MISTAKE)
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone, as in `accelsim list networks | head`.
        sys.stderr.close()
        sys.exit(0)
