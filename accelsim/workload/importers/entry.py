"""The way in: any model of another tool becomes a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accelsim.errors import InputError, Problem
from accelsim.workload.importers.convert import Imported, convert
from accelsim.workload.importers.coverage import Status
from accelsim.workload.importers.graph import Graph
from accelsim.workload.importers.quantised import plain
from accelsim.workload.ops import Bits

__all__ = ["SUFFIXES", "import_network"]

#: Suffixes of the files that can be imported.
SUFFIXES = (".onnx", ".tflite", ".pt2")


def import_network(
    model: str | Path | Any,
    example: Any = None,
    *,
    batch: int | None = None,
    dims: Mapping[str, int] | None = None,
    bits: Bits | None = None,
    strict: bool = False,
    exact: bool = False,
) -> Imported:
    """Return the network of a model, and what became of each of its operators.

    Args:
        model: Path of an ``.onnx``, ``.tflite`` or ``.pt2`` file; or a PyTorch module or exported program.
        example: For a module: example inputs, or the shape of its input.
        batch: Size of the batch, where an ONNX file leaves it open.
        dims: Sizes by name, where a file leaves them open.
        bits: Widths of what the file holds in floating point; 8 bits if nothing is said.
        strict: Whether an operator that is not supported is an error.
        exact: Whether one that is only approximated is an error too.

    Raises:
        InputError: The file cannot be read, sizes are open, or ``strict`` or ``exact`` finds an operator
            that it refuses.
        MissingExtraError: The library for this format is not installed.
    """
    from accelsim.workload.importers.patterns import recompose

    graph = recompose(plain(_read(model, example, batch, dims or {})))
    imported = convert(graph, bits or Bits())
    if strict or exact:
        imported.coverage.require((Status.supported,) if exact else (Status.supported, Status.approximated))
    return imported


def _read(model: Any, example: Any, batch: int | None, dims: Mapping[str, int]) -> Graph:
    if not isinstance(model, str | Path):
        from accelsim.workload.importers import torch

        return torch.read(model, example, type(model).__name__)
    path = Path(model)
    _check(path)
    if path.suffix == ".onnx":
        from accelsim.workload.importers import onnx

        return onnx.read(path, batch=batch, dims=dims)
    if path.suffix == ".tflite":
        from accelsim.workload.importers import tflite

        return tflite.read(path.read_bytes(), path.stem)
    from accelsim.workload.importers import torch

    return torch.read(path, example, path.stem, batch=batch)


def _check(path: Path) -> None:
    if path.suffix not in SUFFIXES:
        raise InputError(Problem.unknown("model", path.suffix or path.name, SUFFIXES, "unknown kind of file"))
    if not path.is_file():
        beside = [str(p) for p in sorted(path.parent.glob(f"*{path.suffix}"))] if path.parent.is_dir() else []
        raise InputError(Problem.unknown("model", str(path), beside, "no such file"))
