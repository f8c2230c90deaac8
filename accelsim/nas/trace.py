"""Networks of PyTorch modules, for search loops that build modules."""

from __future__ import annotations

from typing import Any

from accelsim.errors import InputError, MissingExtraError
from accelsim.workload.network import Network
from accelsim.workload.ops import Bits

__all__ = ["trace_module"]


def trace_module(module: Any, example: Any, *, bits: Bits | None = None) -> Network:
    """Return the network that a module is.

    The module runs once on tensors of the ``meta`` device, which have a shape and no numbers: no weight is read, and a
    module built under ``torch.device("meta")`` will do. Nothing is remembered from call to call. It takes a millisecond
    for each operator (MobileNetV2, 153 of them: 130 ms on one core), a fourth of what ``torch.export`` takes.

    Args:
        module: A ``torch.nn.Module``; it is put into evaluation mode while it runs.
        example: The shape of its input, a list of shapes or tensors for several, or a dict by the names of arguments.
        bits: Widths of weights, inputs and outputs; 8 bits if nothing is said.

    Raises:
        InputError: The module cannot be run without numbers, or not with such inputs.
        MissingExtraError: PyTorch is not installed.

    Example:
        >>> trace_module(torch.nn.Conv2d(3, 8, 3), (1, 3, 32, 32)).macs
        194400
    """
    from accelsim.workload.importers.convert import convert
    from accelsim.workload.importers.patterns import recompose
    from accelsim.workload.importers.quantised import plain
    from accelsim.workload.importers.torch.export import trace_of_program
    from accelsim.workload.importers.torch.reader import graph_of
    from accelsim.workload.importers.torch.run import exported, trace_of_module

    name = type(module).__name__
    try:
        graph = graph_of(trace_of_module(module, example), name)
    except ModuleNotFoundError as error:
        raise MissingExtraError("tracing PyTorch modules", "torch", "torch") from error
    except InputError:
        # A module with recurrent layers, or with tensors of its own that are no parameters, takes the long way.
        graph = graph_of(trace_of_program(exported(module, example)), name)
    return convert(recompose(plain(graph)), bits or Bits()).network
