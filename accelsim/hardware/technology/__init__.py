"""Technology tables: what an action costs, and what a part takes and leaks, at one node."""

from accelsim.hardware.technology.table import Deviation, Entry, Table, read_table, table_beside

__all__ = ["Deviation", "Entry", "Table", "read_table", "table_beside"]
