"""The command line: one file a command."""

from accelsim.cli.app import main

__all__ = ["main"]
