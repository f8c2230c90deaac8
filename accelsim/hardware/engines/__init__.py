"""Compute engines: how a tile runs on the array. Each registers its dataflows; all are data plus one small function."""

from accelsim.hardware.engines.dataflow import ENGINES, Dataflow, Engine

__all__ = ["ENGINES", "Dataflow", "Engine"]
