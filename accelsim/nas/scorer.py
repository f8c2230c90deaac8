"""The scorer: a picklable callable that returns the totals of a network on one accelerator; or of many, in batches."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.errors import NoMappingError
from accelsim.hardware.chip import Chip, Hardware
from accelsim.hardware.load import load_hardware
from accelsim.mapping.nest import Ints
from accelsim.nas.members import Members
from accelsim.nas.parts import NotByParts
from accelsim.nas.scores import Scores, hold_against, joined, metrics_of, scores_of
from accelsim.parameters import Value
from accelsim.schedule.catalog import Catalog, catalog_of
from accelsim.schedule.design import Design
from accelsim.schedule.evaluate import evaluate_totals
from accelsim.schedule.laws import checking
from accelsim.schedule.planner import Nodes, Planned, Reserve, nodes_of, plan_steps
from accelsim.schedule.result import Metrics
from accelsim.workload.builder import Builder
from accelsim.workload.load import NetworkTemplate, load_network, network_template
from accelsim.workload.network import Network

__all__ = ["Scorer"]

_REMEMBERED = 4096
#: Spaces whose parts are remembered.
_SPACES = 8
#: Networks scored at once: enough to make the cost of a call disappear, few enough for the memory they take.
_AT_ONCE = 4096
#: Counts are floats in between; up to here these hold every whole number.
_WHOLE = 2.0**53


class Scorer:
    """Scores networks on one accelerator.

    Totals of networks already seen come from memory; of a new network, layers already seen reuse their mappings.
    On a chip of several accelerators networks are scored one by one.
    A scorer can be pickled and sent to workers: it carries its settings, not its memory.

    Args:
        hardware: Name or path of a template.
        parameters: Values of the template's parameters.

    Raises:
        InputError: No such template, an unknown parameter, a value outside its domain.

    Example:
        >>> score = Scorer("edge_tpu", lanes=32)
        >>> score("mobilenet_v2").params
        3504872
        >>> space = network_template("ofa_mobilenet_v3")
        >>> points = [space.members.sample(rng) for _ in range(1000)]
        >>> score.members(space, points).metrics["latency_ms"]
    """

    def __init__(self, hardware: str | Path, **parameters: Value) -> None:
        self.hardware = hardware
        self.parameters = parameters
        self._hardware: Hardware = load_hardware(hardware, **parameters)
        self._reserve = Reserve()
        self._begin(self._new_catalog())
        self._warm_up()

    def _new_catalog(self) -> Catalog:
        abilities = self._hardware.abilities
        return catalog_of(*abilities) if isinstance(abilities, tuple) else catalog_of(abilities)

    def _begin(self, catalog: Catalog) -> None:
        """Forget everything that has to do with the numbers of ops, and start with a catalog."""
        self._catalog = catalog
        #: What scores networks in compiled loops; on a chip, which part runs what is decided for each network alone.
        self._design = None if isinstance(self._hardware, Chip) else Design(self._hardware, catalog)
        self._seen: OrderedDict[tuple[bytes, ...], Metrics] = OrderedDict()
        self._spaces: OrderedDict[NetworkTemplate, Members | None] = OrderedDict()

    def _warm_up(self) -> None:
        """Have compiled functions loaded before the first network comes; large layers need all of them."""
        builder = Builder((1, 8, 28, 28))
        x = builder.conv("conv", builder.input, 48, 3, stride=2, activation="relu")
        y = builder.combine("add", "add", builder.depthwise("depthwise", x, 3), x)
        builder.fully_connected("fc", builder.pool("pool", "average_pool", y), 8)
        self._scored(nodes_of([Network("warm-up", tuple(builder.nodes))], self._current()))

    @property
    def _by_name(self) -> bool:
        """Whether names of layers decide where they run."""
        hardware = self._hardware
        return isinstance(hardware, Chip) and any(rule.layers is not None for rule in hardware.rules)

    def _current(self) -> Catalog:
        """Return the catalog; once it has grown too large there is another one."""
        if self._catalog.full:
            self._begin(self._new_catalog())
        return self._catalog

    def __call__(self, network: Network | str) -> Metrics:
        """Return the totals of ``network``, an object or a name.

        Raises:
            InputError: No network of that name, or none of its layers is made of multiply-accumulates.
            NoMappingError: A layer does not fit the accelerator.
        """
        graph = load_network(network) if isinstance(network, str) else network
        nodes = nodes_of([graph], self._current())
        names = [node.name for node in graph.nodes] if self._by_name else []
        key = nodes.op.tobytes(), nodes.source.tobytes(), nodes.result.tobytes(), "\n".join(names).encode()
        if key in self._seen:
            self._seen.move_to_end(key)
            return self._seen[key]
        totals = self._totals(graph, nodes)
        self._seen[key] = totals
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return totals

    def many(self, networks: Iterable[Network | str]) -> Scores:
        """Return the figures of networks, objects or names.

        Raises:
            InputError: No network of a name, or no layer of a network is made of multiply-accumulates.
        """
        graphs = [load_network(network) if isinstance(network, str) else network for network in networks]
        parts = []
        for start in range(0, len(graphs), _AT_ONCE):
            some = graphs[start : start + _AT_ONCE]
            found = self._scored(nodes_of(some, self._current()))
            if found is None:
                found = self._one_by_one(some)
            elif checking():
                hold_against(found, self._one_by_one(some), some[0].name)
            parts.append(found)
        return joined(parts)

    def members(self, space: NetworkTemplate | str | Path, points: Sequence[Mapping[str, Value]]) -> Scores:
        """Return the figures of members of a search space, as those of ``space.build(point)``, which need not be built.

        Args:
            space: A network file as a template, or its name or path.
            points: Values of its parameters; those not given take their defaults.

        Raises:
            InputError: An unknown parameter, a value outside its domain, a network that cannot be built, or one
                without a layer made of multiply-accumulates.
        """
        template = space if isinstance(space, NetworkTemplate) else network_template(space)
        parts = [
            self._some_members(template, points[start : start + _AT_ONCE]) for start in range(0, len(points), _AT_ONCE)
        ]
        return joined(parts)

    def _some_members(self, template: NetworkTemplate, points: Sequence[Mapping[str, Value]]) -> Scores:
        self._current()
        made = self._put_together(template, points)
        found = None if made is None else self._scored(made[0])
        if made is None or found is None:
            return self.many(map(template.build, points))
        at = made[1]
        if checking():
            hold_against(found, self.many([template.build(points[place]) for place in at.tolist()]), template.name)
        if len(at) == len(points):
            return found
        rest = np.setdiff1d(np.arange(len(points)), at)
        others = self.many([template.build(points[place]) for place in rest.tolist()])
        return joined([found, others]).take(np.argsort(np.concatenate([at, rest])))

    def _put_together(
        self, template: NetworkTemplate, points: Sequence[Mapping[str, Value]]
    ) -> tuple[Nodes, Ints] | None:
        """Return the nodes of members and the places of their points; ``None`` if they have to be built."""
        try:
            if template not in self._spaces:
                self._spaces[template] = Members(template, self._catalog)
                if len(self._spaces) > _SPACES:
                    self._spaces.popitem(last=False)
            self._spaces.move_to_end(template)
            space = self._spaces[template]
            return None if space is None else space.nodes(points)
        except NotByParts:
            self._spaces[template] = None
            return None

    def _scored(self, nodes: Nodes) -> Scores | None:
        """Return the figures of networks; ``None`` if one of them needs more than compiled loops can do."""
        if len(nodes.starts) == 1:
            return scores_of([])
        if self._design is None:
            return None
        planned = plan_steps(nodes, self._catalog.records, self._reserve)
        refused = not self._catalog.abilities[0].host and planned.steps.away.any()
        return None if refused or _special(planned) else Scores(*self._design.metrics(planned))

    def _totals(self, network: Network, nodes: Nodes) -> Metrics:
        found = self._scored(nodes)
        if found is None or not found.legal[0]:
            return evaluate_totals(network, self._hardware)  # which says what does not fit
        if checking():
            hold_against(found, scores_of([evaluate_totals(network, self._hardware)]), network.name)
        return metrics_of({name: float(values[0]) for name, values in found.metrics.items()})

    def _one_by_one(self, networks: Sequence[Network]) -> Scores:
        def totals(network: Network) -> Metrics | None:
            try:
                return self(network)
            except NoMappingError:
                return None

        return scores_of([totals(network) for network in networks])

    def __repr__(self) -> str:
        settings = "".join(f", {name}={value!r}" for name, value in self.parameters.items())
        return f"Scorer({str(self.hardware)!r}{settings})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.hardware, self.parameters)


def _special(planned: Planned) -> bool:
    """Return whether a network has nothing for the array to do, or counts that no float holds."""
    large = max(planned.macs.max(), planned.parameters.max()) >= _WHOLE
    return bool(large or not np.logical_or.reduceat(planned.steps.macs, planned.steps.starts[:-1]).all())


def _rebuild(hardware: str | Path, parameters: dict[str, Value]) -> Scorer:
    return Scorer(hardware, **parameters)
