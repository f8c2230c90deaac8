"""Blocks of search spaces: layers left out, elastic residual blocks, cells, and what is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest

from accelsim.errors import InputError
from accelsim.workload.blocks import BLOCKS
from accelsim.workload.builder import Builder, Tensor


def run(block: str, shape: tuple[int, ...] = (1, 16, 8, 8), **options: Any) -> tuple[Builder, Tensor]:
    """Run a block and return the builder with its ops, and what it returned."""
    b = Builder(shape)
    return b, BLOCKS[block](b, b.input, **options)


def roles(b: Builder) -> list[str]:
    return [node.name for node in b.nodes]


def macs(b: Builder) -> int:
    return sum(node.op.macs for node in b.nodes)


# ------------------------------------------------------------------------------------------------------- elastic layers


def test_a_layer_left_out_costs_nothing_where_the_size_stays() -> None:
    b, y = run("skip_or_project", out=16)
    assert b.nodes == []
    assert y == b.input


@pytest.mark.parametrize(("out", "stride", "shape"), [(24, 1, (1, 24, 8, 8)), (16, 2, (1, 16, 4, 4))])
def test_a_layer_left_out_still_changes_the_size(out: int, stride: int, shape: tuple[int, ...]) -> None:
    b, y = run("skip_or_project", out=out, stride=stride)
    assert roles(b) == ["project", "project.relu"]
    assert y.shape == shape


@pytest.mark.parametrize(
    ("operation", "by_hand"),
    [
        ("conv", 64 * 9 * 16 * 16),
        ("sep_conv", 64 * (9 * 16 + 16 * 16)),
        ("mbconv3", 64 * (16 * 48 + 9 * 48 + 48 * 16)),
        ("mbconv6", 64 * (16 * 96 + 9 * 96 + 96 * 16)),
    ],
)
def test_layers_of_mnasnet_by_hand(operation: str, by_hand: int) -> None:
    b, y = run("mnasnet_layer", operation=operation, out=16)
    assert macs(b) == by_hand
    assert y.shape == b.input.shape
    squeezed, _ = run("mnasnet_layer", operation=operation, out=16, se=0.25)
    wide = {"conv": 16, "sep_conv": 16, "mbconv3": 48, "mbconv6": 96}[operation]
    assert macs(squeezed) == by_hand + 2 * wide * 4, "to a quarter of the input, and back"


def test_shortcuts_of_mnasnet() -> None:
    last = {skip: run("mnasnet_layer", operation="conv", out=16, skip=skip)[0] for skip in ("none", "identity", "pool")}
    assert [node.op.kind for node in last["none"].nodes] == ["convolution", "relu"]
    assert [node.op.kind for node in last["identity"].nodes] == ["convolution", "relu", "add"]
    assert [node.op.kind for node in last["pool"].nodes] == ["convolution", "relu", "average_pool", "add"]
    b, _ = run("mnasnet_layer", operation="conv", out=16, stride=2, skip="pool")
    assert "skip" not in roles(b)


def test_a_pooled_shortcut_by_hand() -> None:
    b, y = run("bottleneck_residual_d", out=64, expand=0.25, stride=2)
    assert y.shape == (1, 64, 4, 4)
    assert roles(b) == [
        "reduce",
        "reduce.relu",
        "conv",
        "conv.relu",
        "expand",
        "shortcut.pool",
        "shortcut",
        "add",
        "relu",
    ]
    assert macs(b) == 64 * 16 * 16 + 16 * 9 * 16 * 16 + 16 * 16 * 64 + 16 * 16 * 64
    plain, _ = run("bottleneck_residual_d", out=16, expand=0.5)
    assert "shortcut" not in roles(plain)


@pytest.mark.parametrize("side", [7, 8, 9, 15])
@pytest.mark.parametrize("block", ["bottleneck_residual_d", "elastic_mobile"])
def test_shortcuts_follow_odd_sizes(side: int, block: str) -> None:
    options = {"expand": 0.25} if block == "bottleneck_residual_d" else {"expand": 4}
    _, y = run(block, (1, 16, side, 8), out=32, stride=2, **options)
    assert y.shape == (1, 32, (side + 1) // 2, 4)


def test_a_residual_convolution() -> None:
    b, y = run("residual_conv")
    assert roles(b) == ["conv", "conv.relu", "add"]
    assert y.shape == b.input.shape


def test_elastic_mobile_block_always_has_a_shortcut() -> None:
    def shortcut(**options: Any) -> list[str]:
        b, _ = run("elastic_mobile", **options)
        return [role for role in roles(b) if role.startswith(("shortcut", "add"))]

    assert shortcut(out=16) == ["add"]
    assert shortcut(out=24) == ["shortcut", "add"]
    assert shortcut(out=16, stride=2) == ["shortcut.pool", "add"]
    assert shortcut(out=24, stride=2) == ["shortcut.pool", "shortcut", "add"]
    b, _ = run("elastic_mobile", out=24, expand=4, se=0.25)
    found = {node.name: node.op for node in b.nodes}
    assert found["shortcut"].parameters == 16 * 24, "no norm"
    assert found["se.squeeze"].macs == 64 * 16


def test_elastic_encoder_by_hand() -> None:
    """Two heads of 16: keys and queries 32 wide, values 64; 64 positions; ratio 2."""
    b, y = run("elastic_encoder", (1, 32, 8, 8), value_scale=2, mlp_ratio=2)
    positions, wide, value = 64, 32, 64
    attention = positions * (2 * wide * wide + wide * value + 9 * value + value * wide)
    scores = positions**2 * (wide + value)
    assert macs(b) == attention + scores + positions * 2 * wide * 2 * wide
    assert y.shape == (1, 32, 8, 8)
    bias = next(node.op for node in b.nodes if node.name == "attention.bias")
    assert bias.table == 2 * 15 * 15
    fused, _ = run("elastic_encoder", (1, 32, 8, 8), value_scale=2, mlp_ratio=2, fused=True)
    assert macs(fused) == macs(b)
    assert sum(n.op.parameters for n in fused.nodes) == sum(n.op.parameters for n in b.nodes)


def test_heads_divide_the_channels() -> None:
    with pytest.raises(InputError, match="head"):
        run("elastic_encoder", (1, 24, 4, 4), value_scale=2, mlp_ratio=2)


# ---------------------------------------------------------------------------------------------------------------- cells


def test_a_bench_cell_has_six_edges() -> None:
    with pytest.raises(InputError, match="six operations, of the edges 0-1, 0-2, 1-2, 0-3, 1-3, 2-3"):
        run("nasbench201_cell", edges=("none",) * 5)


def test_a_bench_cell_may_read_the_same_state_twice() -> None:
    b, y = run("nasbench201_cell", edges=("skip_connect",) * 3 + ("none",) + ("skip_connect",) * 2)
    assert [(node.name, node.op.kind, node.inputs) for node in b.nodes] == [
        ("1to2.add", "double", ("input",)),
        ("2to3.add", "add", ("input", "1to2.add")),
    ]
    assert y.shape == b.input.shape


def test_a_bench_reduction_by_hand() -> None:
    b, y = run("nasbench201_reduction", out=32)
    assert y.shape == (1, 32, 4, 4)
    assert macs(b) == 16 * (9 * 16 * 32 + 9 * 32 * 32 + 16 * 32)
    parameters = sum(node.op.parameters for node in b.nodes)
    assert parameters == 9 * 16 * 32 + 64 + 9 * 32 * 32 + 64 + 16 * 32


def test_a_norm_of_its_own() -> None:
    b, _ = run("batch_norm", act="relu")
    assert [node.op.kind for node in b.nodes] == ["batch_norm", "relu"]
    assert b.nodes[0].op.parameters == 32


OPERATIONS = ("sep_conv_3x3", "dil_conv_5x5", "skip_connect", "max_pool_3x3")


def darts(**options: Any) -> tuple[Builder, Tensor]:
    b = Builder((1, 16, 8, 8))
    previous = options.pop("previous", b.input)
    return b, BLOCKS["darts_cell"](b, b.input, previous=previous, **options)


def test_a_darts_cell_by_hand() -> None:
    """Two nodes of 8 channels: a separable and a dilated convolution of the inputs, then a skip and a pool."""
    b, y = darts(filters=8, reads=("0-1", "0-2"), operations=OPERATIONS)
    assert y.shape == (1, 16, 8, 8)
    inputs = 2 * 64 * 16 * 8
    separable = 2 * 64 * (9 * 8 + 8 * 8)
    dilated = 64 * (25 * 8 + 8 * 8)
    assert macs(b) == inputs + separable + dilated
    dilation = next(node.op for node in b.nodes if node.name.endswith("dil_conv_5x5.depthwise"))
    assert dilation.dilation == (1, 2, 2)
    assert [node.inputs for node in b.nodes if node.name == "1.add"] == [("previous", "1.right.max_pool_3x3")]


def test_a_reducing_darts_cell_halves_what_reads_its_inputs() -> None:
    b, y = darts(filters=8, reads=("0-1", "0-2"), operations=OPERATIONS, stride=2)
    assert y.shape == (1, 16, 4, 4)
    strides = {node.name: node.op.stride[1] for node in b.nodes if node.op.stride[1] > 1}
    assert "1.right.max_pool_3x3" not in strides, "it reads the first node, which is small already"
    assert {"0.left.sep_conv_3x3.1.depthwise", "0.right.dil_conv_5x5.depthwise"} <= strides.keys()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reads": ("0-1",), "operations": OPERATIONS}, "1 nodes and 4 operations; use two operations for each node"),
        ({"reads": (), "operations": ()}, "0 nodes and 0 operations"),
        ({"reads": ("0-2", "0-1"), "operations": OPERATIONS}, "node 0; got '0-2'; use states 0 to 1"),
        ({"reads": ("0-1", "2-3"), "operations": OPERATIONS}, "node 1; got '2-3'; use states 0 to 2"),
    ],
)
def test_cells_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        darts(filters=8, **options)
    assert message in str(caught.value)


def test_the_previous_result_must_fit() -> None:
    with pytest.raises(InputError, match="neither as large as the input, 8x8, nor twice as large"):
        darts(filters=8, reads=("0-1",), operations=OPERATIONS[:2], previous=Tensor("other", (1, 16, 24, 24)))
