"""The built-in engines that cut ops into blocks."""

from __future__ import annotations

from accelsim.engines.ethos_u.engine import EthosU
from accelsim.engines.nvdla.engine import NvdlaEngine
from accelsim.engines.row_stationary.engine import RowStationaryEngine
from accelsim.hardware.engines import BLOCK_ENGINES

__all__: list[str] = []

BLOCK_ENGINES.register("ethos_u")(EthosU())
BLOCK_ENGINES.register("nvdla")(NvdlaEngine())
BLOCK_ENGINES.register("row_stationary")(RowStationaryEngine())
