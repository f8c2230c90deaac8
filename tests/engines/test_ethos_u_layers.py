"""What an Ethos-U sees of an op of a network."""

from __future__ import annotations

import pytest

from accelsim.engines.ethos_u import Activation, Kind, Layer, Work, layer_of
from accelsim.workload.ops.attributes import Bits
from accelsim.workload.ops.op import Op, loops


def op(kind: str, stride: int = 1, side: int = 1, reads: tuple[int, ...] | None = None, **sizes: int) -> Op:
    return Op(kind, loops(**sizes), stride=(1, stride, stride), extent=(1, side, side), reads=reads)


def work(op: Op) -> Work:
    found = layer_of(op)
    assert found is not None
    return found


def test_a_convolution_is_one() -> None:
    got = work(op("convolution", 2, 56, K=128, C=64, OY=28, OX=28, FY=3, FX=3))
    assert got == Work(
        Layer(kind=Kind.CONVOLUTION, ifm=(56, 56, 64), ofm=(28, 28, 128), kernel=(3, 3), stride=(2, 2)), 1
    )
    assert got.layer.macs == 128 * 64 * 28 * 28 * 9
    assert got.layer.weights == 128 * 64 * 9


def test_groups_of_one_channel_are_depthwise() -> None:
    got = work(op("convolution", 1, 28, G=96, OY=28, OX=28, FY=3, FX=3))
    assert got.layer.kind is Kind.DEPTHWISE
    assert got.layer.ifm == got.layer.ofm == (28, 28, 96)
    assert got.layer.macs == 96 * 28 * 28 * 9
    assert got.times == 1


def test_a_depthwise_layer_may_multiply_its_channels() -> None:
    got = work(op("convolution", 1, 28, G=8, K=4, OY=28, OX=28, FY=3, FX=3)).layer
    assert got.kind is Kind.DEPTHWISE
    assert (got.ifm[2], got.ofm[2]) == (8, 32)


def test_other_groups_run_one_after_the_other_and_so_do_samples() -> None:
    got = work(op("convolution", 1, 28, B=2, G=4, K=16, C=8, OY=28, OX=28, FY=3, FX=3))
    assert got.layer.kind is Kind.CONVOLUTION
    assert (got.layer.ifm[2], got.layer.ofm[2]) == (8, 16)
    assert got.times == 8


def test_a_classifier_is_a_vector_product() -> None:
    got = work(op("fully_connected", K=1000, C=1280)).layer
    assert got == Layer(kind=Kind.FULLY_CONNECTED, ifm=(1, 1, 1280), ofm=(1, 1, 1000))


def test_pools_keep_their_channels() -> None:
    got = work(op("max_pool", 2, 112, G=64, OY=56, OX=56, FY=3, FX=3)).layer
    assert got == Layer(kind=Kind.MAX_POOL, ifm=(112, 112, 64), ofm=(56, 56, 64), kernel=(3, 3), stride=(2, 2))
    assert got.macs == got.weights == 0


def test_the_stride_of_a_global_pool_is_of_no_account() -> None:
    got = work(op("average_pool", 7, 7, G=64, FY=7, FX=7)).layer
    assert (got.kernel, got.stride, got.ofm) == ((7, 7), (1, 1), (1, 1, 64))


def test_a_sum_reads_two_maps() -> None:
    got = work(op("add", K=64, OY=14, OX=14)).layer
    assert got == Layer(kind=Kind.ADD, ifm=(14, 14, 64), ofm=(14, 14, 64), inputs=2)


@pytest.mark.parametrize(
    ("kind", "activation"),
    [("relu6", Activation.CLAMP), ("sigmoid", Activation.LOOK_UP), ("hard_swish", Activation.LOOK_UP)],
)
def test_an_activation_by_itself_is_a_pool_of_one_that_it_rides_on(kind: str, activation: Activation) -> None:
    got = work(op(kind, K=64, OY=14, OX=14)).layer
    assert (got.kind, got.activation, got.kernel) == (Kind.AVERAGE_POOL, activation, (1, 1))


@pytest.mark.parametrize("kind", ["softmax", "layer_norm", "cumulative_sum"])
def test_other_ops_run_elsewhere(kind: str) -> None:
    assert layer_of(op(kind, K=64, OY=14, OX=14)) is None


def test_volumes_run_elsewhere() -> None:
    assert layer_of(Op("convolution", loops(K=8, C=8, OZ=4, OY=8, OX=8, FZ=3), extent=(6, 8, 8))) is None


@pytest.mark.parametrize(("bits", "width"), [(4, 8), (8, 8), (12, 16), (16, 16), (32, 32)])
def test_odd_widths_take_the_next_that_the_hardware_has(bits: int, width: int) -> None:
    made = Op("add", loops(K=8, OY=4, OX=4), bits=Bits(W=8, I=bits, O=bits))
    assert work(made).layer.bits == width


def test_few_channels_and_odd_ones_go_by_taps() -> None:
    def convolution(depth: int, kernel: int) -> Layer:
        return Layer(kind=Kind.CONVOLUTION, ifm=(8, 8, depth), ofm=(8, 8, 8), kernel=(kernel, kernel))

    assert convolution(8, 1).part_kernel_first  # 8 channels or fewer always do
    assert not convolution(32, 3).part_kernel_first  # 32 channels fill a step; 9 of 12 taps would not
    assert convolution(33, 3).part_kernel_first  # 33 of 64 channels are worse than 33 of 40 and 9 of 12 taps
    assert not convolution(33, 1).part_kernel_first  # one tap of four is worst of all
    assert convolution(16, 5).kernel_first
    assert convolution(64, 3).kernel_first  # nine taps are five and four: nothing is lost, and equals go by taps
    assert not convolution(64, 1).kernel_first  # a single tap leaves half a step empty
