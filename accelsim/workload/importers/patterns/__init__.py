"""Operators that exporters split into primitive ones, put together again."""

from accelsim.workload.importers.patterns.engine import PATTERNS, Match, Pattern, pattern, recompose
from accelsim.workload.importers.patterns.index import Index

__all__ = ["PATTERNS", "Index", "Match", "Pattern", "pattern", "recompose"]
