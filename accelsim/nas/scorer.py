"""The scorer: a picklable callable that returns the totals of a network on one accelerator."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

from accelsim.hardware.accelerator import Accelerator
from accelsim.hardware.load import load_hardware
from accelsim.parameters import Value
from accelsim.schedule.evaluate import evaluate_totals
from accelsim.schedule.result import Metrics
from accelsim.workload.load import load_network
from accelsim.workload.network import Network

__all__ = ["Scorer"]

_REMEMBERED = 4096


class Scorer:
    """Scores networks on one accelerator.

    Totals of networks already seen come from memory; of a new network, layers already seen reuse their mappings.
    A scorer can be pickled and sent to workers: it carries its settings, not its memory.

    Args:
        hardware: Name or path of a template.
        parameters: Values of the template's parameters.

    Raises:
        InputError: No such template, an unknown parameter, a value outside its domain.

    Example:
        >>> score = Scorer("edge_tpu", columns=32)
        >>> score("mobilenet_v2").params
        3504872
    """

    def __init__(self, hardware: str | Path, **parameters: Value) -> None:
        self.hardware = hardware
        self.parameters = parameters
        self._accelerator: Accelerator = load_hardware(hardware, **parameters)
        self._seen: OrderedDict[Network, Metrics] = OrderedDict()

    def __call__(self, network: Network | str) -> Metrics:
        """Return the totals of ``network``, an object or a name.

        Raises:
            InputError: No network of that name.
            NoMappingError: A layer does not fit the accelerator.
        """
        graph = load_network(network) if isinstance(network, str) else network
        if graph in self._seen:
            self._seen.move_to_end(graph)
            return self._seen[graph]
        totals = evaluate_totals(graph, self._accelerator)
        self._seen[graph] = totals
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return totals

    def __repr__(self) -> str:
        settings = "".join(f", {name}={value!r}" for name, value in self.parameters.items())
        return f"Scorer({str(self.hardware)!r}{settings})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.hardware, self.parameters)


def _rebuild(hardware: str | Path, parameters: dict[str, Value]) -> Scorer:
    return Scorer(hardware, **parameters)
