"""Networks that an engine cannot run whole: what leaves for the host, and why."""

from __future__ import annotations

import pytest

from accelsim import evaluate, load_hardware, load_network
from accelsim.workload.network import INPUT, Network, Node
from accelsim.workload.ops import convolution, matmul

#: Network -> kinds of op that an Ethos-U85 does not run, and those that an NVDLA does not.
ODD: dict[str, tuple[set[str], set[str]]] = {
    "efficientformer_l1": (set(), {"matmul", "softmax", "layer_norm"}),
    "c3d": ({"conv3d"}, {"conv3d"}),
    "codenet": ({"sample_square", "depthwise"}, {"sample_square", "depthwise"}),
}


@pytest.mark.parametrize("network", sorted(ODD))
@pytest.mark.parametrize("template", ["ethos_u85", "nvdla", "eyeriss"])
def test_an_unusual_network_runs_and_says_what_leaves(network: str, template: str) -> None:
    result = evaluate(load_network(network), load_hardware(template))
    away = {layer.op.partition(" ")[0] for layer in result.layers if layer.host_reason is not None}
    ethos, nvdla = ODD[network]
    assert away == {"ethos_u85": ethos, "nvdla": nvdla, "eyeriss": set()}[template]
    assert result.totals.latency_cycles == pytest.approx(sum(layer.metrics.latency_cycles for layer in result.layers))
    for layer in result.layers:
        assert layer.host_reason in (None, "engine", "kind")
        assert layer.host_reason is None or layer.mapping == ""


def test_an_engine_begins_anew_behind_the_host() -> None:
    """Of the Ethos-U55 a layer behind the host waits for its weights: no layer before hides their coming."""
    wide = [convolution((1, 256, 14, 14), 256, (3, 3)) for _ in range(2)]
    scores = matmul(196, 256, 196)
    behind = Network(
        "behind",
        (Node("one", wide[0], (INPUT,)), Node("scores", scores, ("one", "one")), Node("two", wide[1], ("one",))),
    )
    design = load_hardware("ethos_u55", macs=256)
    straight = Network("straight", (Node("one", wide[0], (INPUT,)), Node("two", wide[1], ("one",))))
    _, away, late = evaluate(behind, design).layers
    (_, early) = evaluate(straight, design).layers
    assert (away.host_reason, late.host_reason) == ("engine", None)
    assert "staged on chip" in early.mapping
    assert late.metrics.latency_cycles > early.metrics.latency_cycles
