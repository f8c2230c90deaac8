"""Shuffle, ghost, vanilla, residual and cell networks, and those of other tasks, against published figures."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import pytest
from zoo import activations, intensity, shares

from accelsim.hardware.load import load_hardware
from accelsim.schedule.evaluate import evaluate_totals
from accelsim.workload.load import load_network, network_template
from accelsim.workload.network import Network
from accelsim.workload.ops import Shape
from accelsim.workload.published import comparisons

# ---------------------------------------------------------------------------------------------------------- counts

# Parameters, exact; parameters (M), MACs (M), output elements of convolutions and fully connected layers without
# squeeze-excite (M), share of depthwise convolutions (%), as counted independently.
COUNTED: dict[tuple[str, float | None], tuple[int | None, float, float, float, float]] = {
    ("shufflenet_v2", 0.5): (1_366_792, 1.3668, 40.48, 1.02, 4.5),
    ("shufflenet_v2", 1.0): (2_278_604, 2.2786, 144.91, 1.95, 2.9),
    ("ghostnet", 1.0): (None, 5.1825, 141.15, 3.54, 12.5),
    ("ghostnet_v2", 1.0): (None, 6.1569, 167.05, 4.55, 12.6),
    ("squeezenet1_1", None): (1_235_496, 1.2355, 349.15, 2.59, 0.0),
    ("inception_v1", None): (6_624_904, 6.6249, 1498.38, 3.23, 0.0),
    ("resnet18", None): (11_689_512, 11.6895, 1814.07, 2.48, 0.0),
    ("resnet34", None): (21_797_672, 21.7977, 3663.76, 3.74, 0.0),
    ("resnet50", None): (25_557_032, 25.5570, 4089.18, 11.11, 0.0),
    ("resnext50_32x4d", None): (25_028_904, 25.0289, 4230.48, 14.40, 0.0),
    ("vanillanet_5", None): (None, 15.5233, 5161.19, 10.24, 2.9),
    ("vanillanet_6", None): (None, 32.5094, 5993.10, 10.64, 2.6),
    ("vanillanet_9", None): (None, 41.3952, 8577.37, 15.46, 3.2),
}


def network_of(name: str, width: float | None) -> Network:
    """Return a network, at a width if it is stated."""
    return load_network(name) if width is None else load_network(name, width=width)


@pytest.mark.parametrize(("name", "width"), COUNTED)
def test_counts(name: str, width: float | None) -> None:
    network = network_of(name, width)
    exact, params_m, macs_m, _, _ = COUNTED[name, width]
    assert exact in (None, network.params)
    assert round(network.params / 1e6, 4) == params_m
    assert round(network.macs / 1e6, 2) == macs_m


@pytest.mark.parametrize(("name", "width"), COUNTED)
def test_activations_and_depthwise_share(name: str, width: float | None) -> None:
    network = network_of(name, width)
    assert round(activations(network) / 1e6, 2) == COUNTED[name, width][3]
    assert round(100 * shares(network)["depthwise"], 1) == COUNTED[name, width][4]


# Parameters that the model zoos print in full, for networks that are in no table of MACs.
EXACT: dict[tuple[str, tuple[tuple[str, Any], ...]], int] = {
    ("shufflenet_v2", (("width", 1.5),)): 3_503_624,
    ("shufflenet_v2", (("width", 2.0),)): 7_393_996,
    ("nasnet_a_mobile", ()): 5_289_978,
}


@pytest.mark.parametrize(("name", "settings"), EXACT)
def test_exact_parameters(name: str, settings: tuple[tuple[str, Any], ...]) -> None:
    assert load_network(name, **dict(settings)).params == EXACT[name, settings]


@pytest.mark.parametrize(("width", "macs_m", "gigaflops"), [(0.5, 40, 0.04), (1.0, 144, 0.145), (1.5, 295, 0.296)])
def test_shufflenet_macs_are_those_of_torchvision(width: float, macs_m: int, gigaflops: float) -> None:
    macs = load_network("shufflenet_v2", width=width).macs
    assert macs // 1_000_000 == macs_m
    assert round(macs / 1e9, 3 if gigaflops > 0.1 else 2) == gigaflops


@pytest.mark.parametrize(
    ("name", "width", "params_m", "macs_m"),
    [
        ("ghostnet", 0.5, 2.6, 42),
        ("ghostnet", 1.0, 5.2, 141),
        ("ghostnet_v2", 1.0, 6.2, 167),
        ("ghostnet_v2", 1.3, 9.0, 269),
        ("ghostnet_v2", 1.6, 12.4, 399),
    ],
)
def test_ghost_networks_at_every_published_width(name: str, width: float, params_m: float, macs_m: int) -> None:
    network = load_network(name, width=width)
    assert round(network.params / 1e6, 1) == params_m
    assert round(network.macs / 1e6) == macs_m


def test_nasnet_macs_are_those_of_the_paper() -> None:
    assert round(load_network("nasnet_a_mobile").macs / 1e6) == 564


OURS = {name for name, _ in COUNTED} - {"resnet18", "resnet50"} | {
    *("nasnet_a_mobile", "unet", "sesr", "ds_cnn", "resnet8", "mobilenet_v1_vww", "autoencoder"),
    *("tc_resnet", "c3d", "codenet"),
}


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_a_file_quotes_is_what_is_counted_or_the_difference_has_a_reason(name: str) -> None:
    for row in comparisons(network_template(name)):
        params, macs = abs(row.params_deviation or 0), abs(row.macs_deviation or 0)
        if params > 0.005 or macs > 0.01:
            assert row.published is not None
            assert row.published.note, row
        assert params < 0.016
        assert macs < {"unet": 0.121, "nasnet_a_mobile": 0.037}.get(name, 0.016)


# ------------------------------------------------------------------------------- where the MACs are, and peak memory

# Share of the MACs in percent: pointwise, depthwise, larger filters, fully connected; and MACs per byte.
COMPOSITION = {
    "resnet50": (51.8, 0.0, 48.1, 0.1, 85.6),
    "ghostnet_v2": (81.8, 12.6, 3.2, 1.5, 11.0),
    "shufflenet_v2": (90.8, 2.9, 5.6, 0.7, 23.4),
}


@pytest.mark.parametrize("name", COMPOSITION)
def test_composition(name: str) -> None:
    network = load_network(name)
    found = shares(network)
    kinds = ("pointwise", "depthwise", "conv2d", "fully_connected")
    # The table cuts some last digits and rounds others.
    assert [100 * found[kind] for kind in kinds] == pytest.approx(COMPOSITION[name][:4], abs=0.06)
    assert round(intensity(network), 1) == COMPOSITION[name][4]


@pytest.mark.parametrize(
    ("name", "kib"), [("shufflenet_v2", 441), ("resnet50", 1176), ("resnet18", 931), ("squeezenet1_1", 917)]
)
def test_peak_activation_memory(name: str, kib: int) -> None:
    assert round(load_network(name).peak_layer_bytes / 1024) == kib


# ---------------------------------------------------------------------------------------------- tables of the papers


def layer_shapes(network: Network) -> dict[str, Shape]:
    """Return the shape that each layer of the file writes in the end, without the batch."""
    return {node.name.partition(".")[0]: node.op.output_shape[1:] for node in network}


def repetitions(network: Network) -> Counter[str]:
    """Return how often each layer of the file is repeated."""
    parts = {tuple(node.name.split(".")[:2]) for node in network}
    return Counter(layer for layer, turn in (part for part in parts if len(part) > 1) if turn.isdigit())


@pytest.mark.parametrize(
    ("width", "channels"),
    [
        (0.5, (24, 48, 96, 192, 1024)),
        (1.0, (24, 116, 232, 464, 1024)),
        (1.5, (24, 176, 352, 704, 1024)),
        (2.0, (24, 244, 488, 976, 2048)),
    ],
)
def test_stages_of_shufflenet(width: float, channels: tuple[int, ...]) -> None:
    network = load_network("shufflenet_v2", width=width)
    shapes = layer_shapes(network)
    assert [shapes[layer] for layer in "123456"] == [
        (channels[0], 112, 112),
        (channels[0], 56, 56),
        (channels[1], 28, 28),
        (channels[2], 14, 14),
        (channels[3], 7, 7),
        (channels[4], 7, 7),
    ]
    assert repetitions(network) == {"3": 4, "4": 8, "5": 4}
    assert sum(node.op.kind == "slice" for node in network) == 2 * (3 + 7 + 3), "units of stride 2 split nothing"
    assert sum(node.op.kind == "concat" for node in network) == 16
    assert sum(node.op.kind == "transpose" for node in network) == 16


# Kernel, hidden channels, output channels, hidden channels of the squeeze-excite, rows of the output.
GHOST_ROWS = (
    (3, 16, 16, None, 112),
    (3, 48, 24, None, 56),
    (3, 72, 24, None, 56),
    (5, 72, 40, 20, 28),
    (5, 120, 40, 32, 28),
    (3, 240, 80, None, 14),
    (3, 200, 80, None, 14),
    (3, 184, 80, None, 14),
    (3, 184, 80, None, 14),
    (3, 480, 112, 120, 14),
    (3, 672, 112, 168, 14),
    (5, 672, 160, 168, 7),
    (5, 960, 160, None, 7),
    (5, 960, 160, 240, 7),
    (5, 960, 160, None, 7),
    (5, 960, 160, 240, 7),
)


@pytest.mark.parametrize("name", ["ghostnet", "ghostnet_v2"])
def test_rows_of_ghostnet(name: str) -> None:
    network = load_network(name)
    nodes = {node.name: node.op for node in network}
    prefixes = [key.removesuffix(".ghost1.concat") for key in nodes if key.endswith(".ghost1.concat")]
    rows = []
    for prefix in prefixes:
        squeeze = nodes.get(f"{prefix}.se.squeeze")
        depthwise = nodes.get(f"{prefix}.depthwise") or nodes.get(f"{prefix}.shortcut.depthwise")
        rows.append(
            (
                depthwise.sizes[-1] if depthwise else None,
                nodes[f"{prefix}.ghost1.concat"].output_shape[1],
                nodes[f"{prefix}.add"].output_shape[1],
                squeeze.output_shape[1] if squeeze else None,
                nodes[f"{prefix}.add"].output_shape[2],
            )
        )
    assert [row[1:] for row in rows] == [row[1:] for row in GHOST_ROWS]
    assert all(found[0] in (None, row[0]) for found, row in zip(rows, GHOST_ROWS, strict=True))
    assert sum(row[0] is not None for row in rows) == 5, "four that halve the size, and one more that widens"
    gates = [key.removesuffix(".gate.conv") for key in nodes if key.endswith(".gate.conv")]
    assert gates == (prefixes[2:] if name == "ghostnet_v2" else []), "from the third row on"
    shapes = layer_shapes(network)
    assert [shapes[layer] for layer in ("1", "17", "19", "20")] == [
        (16, 112, 112),
        (960, 7, 7),
        (1280, 1, 1),
        (1000, 1, 1),
    ]


def test_the_gate_of_ghostnet_v2_has_half_the_resolution_and_two_long_filters() -> None:
    for node in load_network("ghostnet_v2"):
        if node.name.endswith((".gate.rows", ".gate.columns")):
            assert sorted(node.op.sizes[-2:]) == [1, 5]
            assert node.op.output_shape[2] in (28, 14, 7, 3)


def test_fire_modules_of_squeezenet() -> None:
    network = load_network("squeezenet1_1")
    shapes = [node.op.output_shape[1:] for node in network if node.name.endswith("concat")]
    assert shapes == [(128, 55, 55)] * 2 + [(256, 27, 27)] * 2 + [(384, 13, 13)] * 2 + [(512, 13, 13)] * 2
    squeezes = [node.op.output_shape[1] for node in network if node.name.endswith("squeeze")]
    assert squeezes == [16, 16, 32, 32, 48, 48, 64, 64]
    assert {node.op.affine for node in network if node.op.macs} == {1}, "biases and no batch norm"
    assert not any(node.op.kind == "fully_connected" for node in network)


def test_branches_of_inception() -> None:
    """Table 1 of arXiv 1409.4842: what each block hands on; the two reductions are pools between blocks."""
    network = load_network("inception_v1")
    joined = [node.op.output_shape[1:] for node in network if node.name.endswith("concat")]
    assert joined == [
        *((256, 28, 28), (480, 28, 28)),
        *((512, 14, 14), (512, 14, 14), (512, 14, 14), (528, 14, 14), (832, 14, 14)),
        *((832, 7, 7), (1024, 7, 7)),
    ]
    paper = load_network("inception_v1", kernel=5)
    taps = {"five": [node.op.sizes[-1] for node in paper if node.name.endswith(".five")]}
    assert taps == {"five": [5] * 9}
    assert [node.op.output_shape for node in paper] == [node.op.output_shape for node in network]


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("resnet18", (2, 2, 2, 2)),
        ("resnet34", (3, 4, 6, 3)),
        ("resnet50", (3, 4, 6, 3)),
        ("resnext50_32x4d", (3, 4, 6, 3)),
    ],
)
def test_stages_of_residual_networks(name: str, blocks: tuple[int, ...]) -> None:
    network = load_network(name)
    assert [repetitions(network)[layer] for layer in "3456"] == list(blocks)
    wide = 1 if name in ("resnet18", "resnet34") else 4
    shapes = layer_shapes(network)
    assert [shapes[layer] for layer in "123456"] == [
        (64, 112, 112),
        (64, 56, 56),
        (64 * wide, 56, 56),
        (128 * wide, 28, 28),
        (256 * wide, 14, 14),
        (512 * wide, 7, 7),
    ]
    assert sum(node.op.kind == "add" for node in network) == sum(blocks)


def test_resnext_has_32_groups_twice_as_wide() -> None:
    grouped = [node.op for node in load_network("resnext50_32x4d") if node.op.label == "grouped"]
    plain = [node.op for node in load_network("resnet50") if node.name.endswith(".conv") and node.name != "1.conv"]
    assert len(grouped) == len(plain) == 16
    for one, other in zip(grouped, plain, strict=True):
        assert one.sizes[1] == 32
        assert one.output_shape == (1, 2 * other.output_shape[1], *other.output_shape[2:])
        assert one.stride == other.stride, "the stride on the 3x3"


@pytest.mark.parametrize(
    ("name", "widths"),
    [
        ("vanillanet_5", (512, 1024, 2048, 4096)),
        ("vanillanet_6", (512, 1024, 2048, 4096, 4096)),
        ("vanillanet_9", (512, 512, 1024, 2048, 2048, 2048, 4096, 4096)),
    ],
)
def test_vanillanet_has_as_many_layers_as_its_name_says(name: str, widths: tuple[int, ...]) -> None:
    network = load_network(name)
    series = [node.op for node in network if node.name.endswith("series")]
    assert [op.output_shape[1] for op in series] == list(widths)
    assert {op.sizes[-2:] for op in series} == {(7, 7)}
    assert series[0].output_shape[2:] == (56, 56)
    assert series[-1].output_shape[2:] == (7, 7)
    layers = [node for node in network if node.op.macs and not node.name.endswith("series")]
    assert len(layers) == int(name.partition("_")[2]), "the classifier is one of them"
    assert not any(node.op.kind == "add" for node in network), "no shortcuts"
    assert shares(network)["pointwise"] > 0.95


def test_cells_of_nasnet() -> None:
    shapes = layer_shapes(load_network("nasnet_a_mobile"))
    assert shapes["stem"] == (32, 111, 111)
    assert shapes["stem_1"] == (44, 56, 56)
    assert shapes["stem_2"] == (88, 28, 28)
    for stage, channels, size in (("first", 264, 28), ("second", 528, 14), ("third", 1056, 7)):
        assert [shapes[f"{stage}_{place}"] for place in (1, 2, 3, 4)] == [(channels, size, size)] * 4
    assert shapes["second_0"] == (352, 14, 14)
    assert shapes["third_0"] == (704, 7, 7)


def test_every_cell_of_nasnet_reads_the_one_before_the_last() -> None:
    network = load_network("nasnet_a_mobile")
    order = list(dict.fromkeys(node.name.partition(".")[0] for node in network))
    cells = [name for name in order if "_" in name]
    assert len(cells) == 2 + 4 + 1 + 4 + 1 + 4
    for place, cell in enumerate(cells):
        read = {
            source.partition(".")[0] for node in network if node.name.startswith(f"{cell}.") for source in node.inputs
        }
        before = ("stem", "stem", *cells)[place : place + 3]
        assert read == {cell, *before[:2]}, cell


# -------------------------------------------------------------------------------------------- other tasks than images


def test_unet_has_23_layers_and_joins_counterparts() -> None:
    network = load_network("unet")
    layers = [node for node in network if node.op.macs]
    assert len(layers) == 23, "as the paper counts"
    joined = [node.op.output_shape[1:] for node in network if node.op.kind == "concat"]
    assert joined == [(1024, 32, 32), (512, 64, 64), (256, 128, 128), (128, 256, 256)]
    assert network.nodes[-1].op.output_shape == (1, 2, 256, 256)
    assert round(network.params / 1e6, 1) == 31.0


def test_what_is_commonly_said_of_unet_counts_each_output_pixel_of_a_transposed_convolution_four_times() -> None:
    network = load_network("unet")
    transposed = sum(node.op.macs for node in network if node.op.kind == "transposed_convolution")
    assert round(network.macs / 1e9, 1) == 48.1
    assert (network.macs + 3 * transposed) / 1e9 == pytest.approx(54.7, rel=0.005)


@pytest.mark.parametrize(
    ("m", "features", "params_k", "macs_g"),
    [(3, 16, 8.91, 2.05), (5, 16, 13.52, 3.11), (7, 16, 18.12, 4.17), (11, 16, 27.34, 6.30), (11, 32, 105.37, 24.27)],
)
def test_sesr_to_720_rows(m: int, features: int, params_k: float, macs_g: float) -> None:
    """The paper cuts, not rounds, to two digits."""
    network = load_network("sesr", m=m, features=features)
    assert network.params // 10 == round(100 * params_k)
    assert network.macs // 10**7 == round(100 * macs_g)
    assert network.nodes[-1].op.output_shape == (1, 1, 720, 1280)


def test_sesr_four_times_to_720_rows() -> None:
    network = load_network("sesr", scale=4, resolution=180)
    assert network.params == 25 * 16 + 5 * 9 * 16 * 16 + 25 * 16 * 16
    assert network.nodes[-1].op.output_shape == (1, 1, 720, 1280)
    assert sum(node.op.kind == "add" for node in network) == 2, "two long shortcuts"


def test_the_detector_has_three_heads_on_a_quarter_of_the_size() -> None:
    network = load_network("codenet")
    shapes = layer_shapes(network)
    assert [shapes[name] for name in ("map", "what", "size", "where")] == [
        (128, 128, 128),
        (20, 128, 128),
        (2, 128, 128),
        (2, 128, 128),
    ]
    last = [node for node, use in zip(network.nodes, network.last_use, strict=True) if use == len(network)]
    assert [node.name for node in last] == ["what.conv", "size.conv", "where.conv"]
    deformable = [node.op for node in network if node.op.kind.startswith("deformable")]
    assert [op.output_shape[1:3] for op in deformable] == [(512, 16), (256, 32), (128, 64)] + [(128, 128)] * 3
    assert {op.sizes[2:4] for op in deformable} == {(1, 1)}, "depthwise"


def test_the_encoder_of_the_detector_is_shufflenet() -> None:
    encoder = load_network("shufflenet_v2").params - (1024 * 1000 + 1000)
    decoder = sum(a * b + 9 * b + 2 * b + b + 1 for a, b in ((1024, 512), (512, 256), (256, 128)))
    heads = sum(128 * 128 + 9 * 128 + 2 * 128 + 128 + 1 + 128 * out + out for out in (20, 2, 2))
    assert load_network("codenet").params == encoder + decoder + heads


@pytest.mark.parametrize("offsets", ["square", "bounded", "full"])
def test_the_offsets_of_the_detector_change_what_is_read_and_little_else(offsets: str) -> None:
    network = load_network("codenet", offsets=offsets)
    kinds = Counter(node.op.kind for node in network)
    assert kinds[f"deformable_{offsets}"] == 6
    sources = 128 * 128 * (1 if offsets == "square" else 18)
    last = [node.op for node in network if node.op.kind.startswith("deformable")][-1]
    assert last.elements_read == (128 * 128 * 128, sources)


def test_tc_resnet_counts_of_the_paper() -> None:
    """Two operations a MAC; parameters with the running statistics of the batch norms."""
    table = {(1, 1.0): (66, 3.0), (1, 1.5): (145, 6.6), (2, 1.0): (137, 6.1), (2, 1.5): (305, 13.4)}
    for (depth, width), (params_k, operations_m) in table.items():
        network = load_network("tc_resnet", depth=depth, width=width)
        running = sum(2 * node.op.output_shape[1] for node in network if node.op.affine == 2)
        assert round((network.params + running) / 1e3) == params_k
        assert round(2 * network.macs / 1e6, 1) == operations_m


def test_tc_resnet_is_one_dimensional() -> None:
    network = load_network("tc_resnet")
    assert {node.op.output_shape[2] for node in network} == {1}
    assert [node.op.output_shape[1:] for node in network if node.op.kind == "add"] == [
        (24, 1, 49),
        (32, 1, 25),
        (48, 1, 13),
    ]


def test_c3d_counts_and_shapes() -> None:
    network = load_network("c3d")
    assert round(network.params / 1e6, 1) == 78.4
    assert round(network.macs / 1e9, 1) == 38.5
    pools = [node.op.output_shape[1:] for node in network if node.op.kind == "max_pool"]
    assert pools == [(64, 16, 56, 56), (128, 8, 28, 28), (256, 4, 14, 14), (512, 2, 7, 7), (512, 4, 4)]
    assert {node.op.label for node in network if node.op.macs} == {"conv3d", "fully_connected"}
    other = load_network("c3d", classes=487)
    assert other.params - network.params == (487 - 101) * 4097


# -------------------------------------------------------------------------------------------------------- MLPerf Tiny


def test_tiny_networks_by_hand() -> None:
    keywords = load_network("ds_cnn")
    assert keywords.params == (40 * 64 + 64) + 4 * (9 * 64 + 64 + 64 * 64 + 64) + (64 * 12 + 12)
    assert keywords.macs == 125 * (40 * 64 + 4 * (9 * 64 + 64 * 64)) + 64 * 12
    images = load_network("resnet8")
    assert images.params == 77_706
    assert round(images.macs / 1e6, 1) == 12.5
    machines = load_network("autoencoder")
    sides = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640)
    assert machines.macs == sum(a * b for a, b in pairwise(sides))
    assert machines.params == machines.macs + sum(sides[1:])
    norms = 4 * sum(sides[1:-1])
    assert machines.params + norms == 269_992, "before its batch norms are folded"


TINY = {
    "ds_cnn": "kws_ref_model.tflite",
    "resnet8": "pretrainedResnet_quant.tflite",
    "mobilenet_v1_vww": "vww_96_int8.tflite",
}
MODELS = Path(__file__).parents[2].parent / "shared" / "reference" / "models"


def deployed(path: Path) -> list[tuple[str, int, int]]:
    """Return label, MACs and learned values of every convolution and fully connected layer of a TFLite file."""
    tflite = pytest.importorskip("tflite", reason="reads the published files")
    model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    kinds = tflite.BuiltinOperator
    rows = []
    for place in range(graph.OperatorsLength()):
        operator = graph.Operators(place)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if kind not in (kinds.CONV_2D, kinds.DEPTHWISE_CONV_2D, kinds.FULLY_CONNECTED):
            continue
        _, weights, biases = ([int(side) for side in graph.Tensors(t).ShapeAsNumpy()] for t in operator.InputsAsNumpy())
        made = [int(side) for side in graph.Tensors(operator.Outputs(0)).ShapeAsNumpy()]
        learned = prod(weights)
        positions = made[1] * made[2] if len(made) == 4 else 1
        label = "pointwise" if weights[1:3] == [1, 1] else "conv2d"
        label = {kinds.DEPTHWISE_CONV_2D: "depthwise", kinds.FULLY_CONNECTED: "fully_connected"}.get(kind, label)
        rows.append((label, learned * positions, learned + biases[0]))
    return rows


@pytest.mark.parametrize("name", TINY)
def test_tiny_networks_are_those_of_the_published_files_layer_by_layer(name: str) -> None:
    path = MODELS / TINY[name]
    if not path.exists():
        pytest.skip(f"{TINY[name]} of mlcommons/tiny is not beside the repository")
    ours = [(node.op.label, node.op.macs, node.op.parameters) for node in load_network(name) if node.op.macs]
    assert sorted(ours) == sorted(deployed(path)), "a shortcut may stand before or after the branch beside it"


# --------------------------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_network_runs_on_a_systolic_array(name: str) -> None:
    network = load_network(name)
    totals = evaluate_totals(network, load_hardware("systolic"))
    assert totals.macs == network.macs
    assert totals.latency_ms > 0


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_batch_multiplies_macs_and_not_parameters(name: str) -> None:
    one, two = load_network(name), load_network(name, batch=2)
    assert two.macs == 2 * one.macs
    assert two.params == one.params
    assert two.peak_layer_bytes == 2 * one.peak_layer_bytes


@pytest.mark.parametrize("name", sorted(OURS - {"autoencoder", "c3d"}))
def test_parameters_do_not_depend_on_the_resolution(name: str) -> None:
    sizes = network_template(name).space["resolution"].domain.grid()
    small, large = (load_network(name, resolution=size) for size in (min(sizes), max(sizes)))
    assert small.params == large.params
    assert small.macs < large.macs
