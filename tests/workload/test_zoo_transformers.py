"""Vision transformers, hybrids and language models against published figures, formulas and tables."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from zoo import activations, counts, intensity, shares

from accelsim.dims import Operand
from accelsim.hardware.accelerator import Abilities
from accelsim.hardware.load import load_hardware
from accelsim.schedule.evaluate import evaluate, evaluate_totals
from accelsim.schedule.steps import plan
from accelsim.workload.load import load_network, network_template
from accelsim.workload.network import Network
from accelsim.workload.ops import Shape
from accelsim.workload.passes import drop_dead_branches
from accelsim.workload.published import comparisons

Point = dict[str, Any]

# ---------------------------------------------------------------------------------------------------------- counts

# Parameters (M), MACs (M), output elements of convolutions and fully connected layers without squeeze-excite (M), share
# of depthwise convolutions (%), as counted independently.
COUNTED = {
    "efficientformer_l1": (12.2899, 1291.28, 5.46, 0.0),
    "efficientformer_l3": (31.4060, 3906.57, 11.73, 0.0),
    "shvit_s1": (6.3308, 241.32, 1.36, 0.8),
    "shvit_s4": (16.5885, 986.22, 3.66, 0.6),
    "efficientvit_m0": (2.3494, 79.19, 0.82, 2.0),
    "efficientvit_m2": (4.1876, 201.04, 1.36, 1.1),
    "efficientvit_m5": (12.4738, 521.58, 2.24, 0.7),
    "inception_next_atto": (4.1565, 503.04, 3.63, 0.8),
    "inception_next_tiny": (28.0556, 4188.63, 11.98, 0.2),
    "swin_t": (28.2884, 4490.57, 13.44, 0.0),
    "deit_tiny": (5.7174, 1253.68, 4.12, 0.0),
}

# Parameters (M) that timm prints, and MACs (M) of the papers or, with norms and activations, of timm.
PRINTED = {
    "efficientformer_l7": (82.23, 10170),
    "shvit_s2": (11.48, 366),
    "shvit_s3": (14.25, 601),
    "efficientvit_m1": (2.98, 167),
    "efficientvit_m3": (6.90, 263),
    "efficientvit_m4": (8.80, 299),
    "swinv2_tiny": (28.35, 5960),
    "convnext_tiny": (28.59, 4470),
    "convnext_atto": (3.70, 550),
}
LANGUAGE = ("bert_base", "llm_prefill", "llm_decode")
ALL = (*COUNTED, *PRINTED, *LANGUAGE)

# Published to the last one: torchvision (Swin, ConvNeXt), the models' own files (BERT, TinyLlama).
EXACT = {
    "swin_t": 28_288_354,
    "convnext_tiny": 28_589_128,
    "deit_tiny": 5_717_416,
    "bert_base": 109_482_240,
    "llm_prefill": 1_100_048_384,
    "llm_decode": 1_100_048_384,
}


@pytest.mark.parametrize("name", COUNTED)
def test_counts(name: str) -> None:
    network = load_network(name)
    params, macs = counts(network)
    assert (round(params / 1e6, 4), round(macs / 1e6, 2)) == COUNTED[name][:2]
    assert round(activations(network) / 1e6, 2) == COUNTED[name][2]
    assert round(100 * shares(network)["depthwise"], 1) == COUNTED[name][3]


@pytest.mark.parametrize("name", PRINTED)
def test_counts_of_model_zoos(name: str) -> None:
    params, macs = counts(load_network(name))
    assert round(params / 1e6, 2) == PRINTED[name][0]
    # At most the last digit less; norms and activations are up to 0.7 % more.
    assert -0.0015 < PRINTED[name][1] * 1e6 / macs - 1 < 0.007


@pytest.mark.parametrize("name", EXACT)
def test_exact_parameters(name: str) -> None:
    assert load_network(name).params == EXACT[name]


@pytest.mark.parametrize("name", ALL)
def test_what_a_file_quotes_is_what_is_counted(name: str) -> None:
    rows = list(comparisons(network_template(name)))
    assert rows
    for row in rows:
        assert row.published is not None
        assert abs(row.params_deviation or 0) < 0.005
        assert abs(row.macs_deviation or 0) < 0.01


# Share of the MACs in percent: pointwise, depthwise, larger filters, fully connected; and MACs per byte.
COMPOSITION = {
    "efficientformer_l1": (77.2, 0.0, 12.0, 10.5, 55.6),
    "efficientvit_m5": (77.8, 0.7, 20.3, 0.1, 30.8),
}


@pytest.mark.parametrize("name", COMPOSITION)
def test_composition(name: str) -> None:
    network = load_network(name)
    found = shares(network)
    kinds = ("pointwise", "depthwise", "conv2d", "fully_connected")
    # The table cuts some last digits and rounds others.
    assert [100 * found[kind] for kind in kinds] == pytest.approx(COMPOSITION[name][:4], abs=0.06)
    assert round(intensity(network), 1) == COMPOSITION[name][4]


# ---------------------------------------------------------------------------------------------- tables of the papers


def maps(network: Network) -> list[Shape]:
    """Return the different shapes of feature maps between the layers of the file, without the batch, as they come."""
    last = {node.name.partition(".")[0]: node.op.output_shape[1:] for node in network}
    return list(dict.fromkeys(last.values()))


def turns(network: Network) -> list[int]:
    """Return how often each repeated layer of the file is repeated, as they come."""
    parts = dict.fromkeys(tuple(node.name.split(".")[:2]) for node in network)
    return list(Counter(part[0] for part in parts if part[-1].isdigit() and len(part) > 1).values())


def count(network: Network, kind: str) -> int:
    """Return the number of ops of a kind."""
    return sum(node.op.kind == kind for node in network)


@pytest.mark.parametrize(
    ("name", "widths", "depths", "attention"),
    [
        ("efficientformer_l1", (48, 96, 224, 448), [3, 2, 6, 3], 1),
        ("efficientformer_l3", (64, 128, 320, 512), [4, 4, 12, 2, 4], 4),
        ("efficientformer_l7", (96, 192, 384, 768), [6, 6, 18, 8], 8),
    ],
)
def test_stages_of_efficientformer(name: str, widths: tuple[int, ...], depths: list[int], attention: int) -> None:
    network = load_network(name)
    assert maps(network) == [
        (widths[0] // 2, 112, 112),
        *((width, side, side) for width, side in zip(widths, (56, 28, 14, 7), strict=True)),
        (widths[3], 1, 49),
        (widths[3], 1, 1),
        (1000, 1, 1),
    ]
    assert turns(network) == depths
    assert count(network, "softmax") == count(network, "position_bias") == attention
    assert count(network, "average_pool") == sum(depths) - (attention if attention > 1 else 0) + 1
    scores = next(node.op for node in network if node.name.endswith("scores"))
    assert (scores.input_shape, scores.output_shape) == ((1, 8 * 32, 1, 49), (1, 8 * 49, 1, 49))
    # Two per channel scaled in each block, eight heads with a bias for each of 49 distances.
    assert {node.op.table for node in network if node.op.kind == "position_bias"} == {8 * 49}
    assert {node.op.affine for node in network if node.op.label == "conv2d"} == {3}, "bias and batch norm"


@pytest.mark.parametrize(
    ("name", "widths", "depths", "partial"),
    [
        ("shvit_s1", (128, 224, 320), [2, 4, 5], (48, 68)),
        ("shvit_s2", (128, 308, 448), [2, 4, 5], (66, 96)),
        ("shvit_s3", (192, 352, 448), [3, 5, 5], (75, 96)),
        ("shvit_s4", (224, 336, 448), [4, 7, 6], (72, 96)),
    ],
)
def test_stages_of_shvit(name: str, widths: tuple[int, ...], depths: list[int], partial: tuple[int, ...]) -> None:
    network = load_network(name)
    sides = (128, 64, 32, 16, 8, 4) if name == "shvit_s4" else (112, 56, 28, 14, 7, 4)
    channels = (widths[0] // 8, widths[0] // 4, widths[0] // 2, *widths)
    assert maps(network)[:6] == [(width, side, side) for width, side in zip(channels, sides, strict=True)]
    assert turns(network) == depths
    qkv = Counter(node.op.output_shape[1] for node in network if node.name.endswith("attention.qkv"))
    assert qkv == {32 + partial[0]: depths[1], 32 + partial[1]: depths[2]}, "no attention in the first stage"
    squeezed = [node.op.output_shape[1] for node in network if node.name.endswith("se.squeeze")]
    assert squeezed == [widths[0], 312 if name == "shvit_s2" else widths[1]], "a quarter of four times, to 8"


@pytest.mark.parametrize(
    ("name", "widths", "depths", "heads", "kernels"),
    [
        ("efficientvit_m0", (64, 128, 192), (1, 2, 3), (4, 4, 4), (5, 5, 5, 5)),
        ("efficientvit_m1", (128, 144, 192), (1, 2, 3), (2, 3, 3), (7, 5, 3, 3)),
        ("efficientvit_m2", (128, 192, 224), (1, 2, 3), (4, 3, 2), (7, 5, 3, 3)),
        ("efficientvit_m3", (128, 240, 320), (1, 2, 3), (4, 3, 4), (5, 5, 5, 5)),
        ("efficientvit_m4", (128, 256, 384), (1, 2, 3), (4, 4, 4), (7, 5, 3, 3)),
        ("efficientvit_m5", (192, 288, 384), (1, 3, 4), (3, 3, 4), (7, 5, 3, 3)),
    ],
)
def test_stages_of_efficientvit(
    name: str,
    widths: tuple[int, ...],
    depths: tuple[int, ...],
    heads: tuple[int, ...],
    kernels: tuple[int, ...],
) -> None:
    network = load_network(name)
    assert [shape for shape in maps(network) if shape[0] in widths][:3] == [
        (width, side, side) for width, side in zip(widths, (14, 7, 4), strict=True)
    ]
    assert count(network, "softmax") == sum(depth * number for depth, number in zip(depths, heads, strict=True))
    assert count(network, "transpose") == 2, "only the first stage has windows smaller than its map"
    assert {node.op.table for node in network if node.op.kind == "position_bias"} == {49, 16}
    queries = {
        int(node.name.split(".")[-2]): node.op.sizes[-1]
        for node in network
        if node.name.endswith(".depthwise")
        if "attention" in node.name
    }
    assert queries == dict(enumerate(kernels[: max(heads)], start=1))


@pytest.mark.parametrize("size", ["atto", "tiny"])
@pytest.mark.parametrize("family", ["convnext", "inception_next"])
def test_stages_of_convnext_and_inception_next(family: str, size: str) -> None:
    widths, depths = {"atto": ((40, 80, 160, 320), [2, 2, 6, 2]), "tiny": ((96, 192, 384, 768), [3, 3, 9, 3])}[size]
    network = load_network(f"{family}_{size}")
    sides = zip(widths, (56, 28, 14, 7), strict=True)
    assert maps(network)[:4] == [(width, side, side) for width, side in sides]
    assert turns(network) == depths
    filters = Counter(node.op.sizes[-2:] for node in network if node.op.label == "depthwise")
    band = {"atto": 9, "tiny": 11}[size]
    blocks = sum(depths)
    if family == "convnext":
        assert filters == {(7, 7): blocks}
    else:
        assert filters == {(3, 3): blocks, (1, band): blocks, (band, 1): blocks}
        first = next(node.op for node in network if node.op.label == "depthwise")
        assert first.output_shape[1] == widths[0] // {"atto": 4, "tiny": 8}[size]


@pytest.mark.parametrize(("name", "side", "window"), [("swin_t", 56, 7), ("swinv2_tiny", 64, 8)])
def test_stages_of_swin(name: str, side: int, window: int) -> None:
    network = load_network(name)
    assert maps(network) == [
        *((96 * 2**stage, side >> stage, side >> stage) for stage in range(4)),
        (768, 1, 1),
        (1000, 1, 1),
    ]
    assert turns(network) == [2, 2, 6, 2]
    scores = [node.op for node in network if node.name.endswith("scores")]
    windows = [(side >> stage) ** 2 // window**2 for stage, depth in enumerate((2, 2, 6, 2)) for _ in range(depth)]
    heads = [3] * 2 + [6] * 2 + [12] * 6 + [24] * 2
    assert [op.macs for op in scores] == [
        count * number * window**4 * 32 for count, number in zip(windows, heads, strict=True)
    ]
    rolls = [node.name.split(".")[0:2] for node in network if node.name.endswith("windows.roll")]
    assert rolls == [["3", "2"], ["5", "2"], ["7", "2"], ["7", "4"], ["7", "6"]], "not where one window is the map"


def test_swin_v2_has_as_many_parameters_whatever_its_windows() -> None:
    large, small = (load_network("swinv2_tiny", window=window) for window in (16, 8))
    assert large.params == small.params == 28_347_154
    assert round(large.macs / 1e9, 2) == 6.60
    assert 0 < 6.68e9 / large.macs - 1 < 0.015, "timm, with norms and activations"


def test_deit_has_a_position_for_each_patch_and_the_class_token() -> None:
    for resolution, patches in ((224, 196), (384, 576)):
        network = load_network("deit_tiny", resolution=resolution)
        by_name = {node.name: node.op for node in network}
        assert by_name["2.class_token"].output_shape == (1, 192, 1, patches + 1)
        assert by_name["3.positions"].parameters == 192 * (patches + 1)
        tokens = patches + 1
        layer = tokens * 12 * 192**2 + 2 * tokens**2 * 192
        assert network.macs == patches * 768 * 192 + 12 * layer + 192 * 1000
    assert turns(load_network("deit_tiny")) == [12]


# -------------------------------------------------------------------------------------------------- language models


@pytest.mark.parametrize("tokens", [16, 128, 512])
def test_bert_by_formula(tokens: int) -> None:
    network = load_network("bert_base", tokens=tokens)
    assert network.params == 109_482_240, "whatever part of the positions is used"
    layer = tokens * 12 * 768**2 + 2 * tokens**2 * 768
    assert network.macs == 12 * layer + 768**2
    positions = next(node.op for node in network if node.name.endswith("positions"))
    assert positions.weights_fetched == tokens * 768


def sizes(point: Point) -> tuple[int, ...]:
    """Return layers, width, width of all keys, hidden width and vocabulary."""
    known = {"layers": 22, "width": 2048, "heads": 32, "kv_heads": 4, "hidden": 5632, "vocabulary": 32000} | point
    keys = known["width"] // known["heads"] * known["kv_heads"]
    return known["layers"], known["width"], keys, known["hidden"], known["vocabulary"]


MODELS = [
    ({}, 1_100_048_384),  # TinyLlama
    ({"layers": 32, "width": 4096, "kv_heads": 32, "hidden": 11008}, 6_738_415_616),  # Llama 2 7B
    ({"layers": 32, "width": 4096, "kv_heads": 8, "hidden": 14336}, 7_241_732_096),  # Mistral 7B
    ({"layers": 32, "width": 4096, "kv_heads": 8, "hidden": 14336, "vocabulary": 128256}, 8_030_261_248),  # Llama 3 8B
    ({"layers": 80, "width": 8192, "heads": 64, "kv_heads": 8, "hidden": 28672}, 68_976_648_192),  # Llama 2 70B
]


@pytest.mark.parametrize("name", ["llm_prefill", "llm_decode"])
@pytest.mark.parametrize(("point", "params"), MODELS)
def test_parameters_of_language_models(name: str, point: Point, params: int) -> None:
    layers, width, keys, hidden, vocabulary = sizes(point)
    layer = 2 * width**2 + 2 * width * keys + 3 * width * hidden + 2 * width
    assert params == 2 * vocabulary * width + layers * layer + width
    assert load_network(name, **point).params == params


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("point", [point for point, _ in MODELS])
@pytest.mark.parametrize("prompt", [1, 64, 1024])
def test_macs_of_a_prompt(point: Point, prompt: int, fused: bool) -> None:
    layers, width, keys, hidden, vocabulary = sizes(point)
    layer = prompt * (2 * width**2 + 2 * width * keys + 3 * width * hidden) + 2 * prompt**2 * width
    network = load_network("llm_prefill", **point, prompt=prompt, fused=fused)
    assert network.macs == layers * layer + width * vocabulary, "only the last token meets the vocabulary"


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("context", [1, 2048, 131072])
def test_macs_of_a_new_token(context: int, batch: int, fused: bool) -> None:
    network = load_network("llm_decode", context=context, batch=batch, fused=fused)
    learned = 1_100_048_384 - 32000 * 2048 - (2 * 22 + 1) * 2048  # without the table and the norms
    assert network.macs == batch * (learned + 22 * 2 * context * 2048)


def cache_bytes(network: Network) -> float:
    """Return what the steps of a network read of the cache: of inputs from outside, as the second of two factors."""
    steps = plan(network, Abilities()).steps
    return sum(read.bytes for step in steps for read in step.reads if read.writer < 0 and read.operand is Operand.W)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("kv_heads", [1, 4, 32])
@pytest.mark.parametrize(("context", "bits"), [(512, 8), (2048, 16), (8192, 4)])
def test_every_new_token_reads_the_whole_cache(context: int, bits: int, kv_heads: int, fused: bool) -> None:
    network = load_network("llm_decode", context=context, cache_bits=bits, kv_heads=kv_heads, fused=fused)
    assert cache_bytes(network) == 22 * 2 * kv_heads * 64 * context * bits / 8


def moved(network: Network) -> dict[tuple[str, str], float]:
    """Return the bytes that a systolic array reads of and writes to its outer memory, by operand."""
    lines = evaluate(network, load_hardware("systolic")).ledger
    return {(line.operand, line.action): line.count for line in lines if line.component == "dram"}


@pytest.mark.parametrize("point", [{}, {"weight_bits": 4}, {"cache_bits": 4}, {"context": 4096}, {"fused": True}])
def test_a_new_token_costs_every_weight_and_the_cache_once(point: Point) -> None:
    network = load_network("llm_decode", **point)
    learned = 1_100_048_384 - 32000 * 2048 - 45 * 2048 + 2048  # of the table, one row
    cache = 22 * 2 * 256 * point.get("context", 2048) * point.get("cache_bits", 8) / 8
    found = moved(network)
    assert found["W", "read"] == learned * point.get("weight_bits", 8) / 8 + cache
    if not point:
        assert found["O", "write"] == 32000 + 22 * 2 * 256, (
            "the scores of the vocabulary, and a key and a value a layer"
        )


def test_a_prompt_is_written_to_the_cache_at_the_width_of_the_cache() -> None:
    for bits in (4, 16):
        layers = {layer.name: layer for layer in _evaluated("llm_prefill", layers=2, prompt=16, cache_bits=bits)}
        for role in ("keys", "values"):
            assert layers[f"2.1.cache.{role}"].metrics.dram_bytes >= 16 * 256 * bits / 8


@pytest.mark.parametrize("name", ["llm_prefill", "llm_decode"])
def test_what_goes_into_the_cache_is_no_dead_branch(name: str) -> None:
    network = load_network(name, layers=2)
    assert count(network, "store") == 2 * 2
    assert drop_dead_branches(network).nodes == network.nodes


def _evaluated(name: str, **point: Any) -> tuple[Any, ...]:
    return evaluate(load_network(name, **point), load_hardware("systolic")).layers


def test_widths_of_weights_activations_and_cache_are_apart() -> None:
    network = load_network("llm_decode", weight_bits=4, activation_bits=16, cache_bits=2)
    by_name = {node.name: node.op.bits for node in network}
    assert (by_name["2.1.attention.q"].W, by_name["2.1.attention.q"].I) == (4, 16)
    assert (by_name["2.1.attention.scores"].W, by_name["2.1.attention.scores"].I) == (2, 16)
    assert (by_name["2.1.cache.keys"].I, by_name["2.1.cache.keys"].O) == (16, 2)


# ------------------------------------------------------------------------------------------------------------- costs

FUSABLE = [name for name in ALL if "fused" in network_template(name).space.names]


def test_every_network_with_attention_can_fuse_it() -> None:
    assert set(ALL) - set(FUSABLE) == {name for name in ALL if name.startswith(("convnext", "inception_next"))}


@pytest.mark.parametrize("name", FUSABLE)
def test_fused_attention_counts_the_same_and_stores_no_scores(name: str) -> None:
    apart, fused = (load_network(name, fused=fused) for fused in (False, True))
    assert (apart.params, apart.macs) == (fused.params, fused.macs)
    assert count(apart, "attention") == count(fused, "softmax") == 0
    assert count(fused, "attention") == count(apart, "softmax") > 0


@pytest.mark.parametrize("name", ALL)
def test_every_network_runs_on_a_systolic_array(name: str) -> None:
    network = load_network(name)
    totals = evaluate_totals(network, load_hardware("systolic"))
    assert (totals.params, totals.macs) == counts(network)
    assert 0 < totals.utilization.overall <= 1
