"""What only looks like a pattern: another constant, another operand, a reader or a result inside."""

from __future__ import annotations

import pytest
from test_patterns import (
    BOUNDED,
    CONV,
    CUBE,
    ERF,
    EXPS,
    FOLDED,
    GROUPS,
    LAST,
    MEAN,
    NORM,
    SHIFTED,
    TANH,
    Case,
    assert_sound,
    image,
    rows,
)

from accelsim.workload.importers.patterns import recompose

NEAR = {
    "gelu_of_a_third": rows("", *ERF, ("Mul", "x s", "m"), ("Mul", "m odd", "y")),
    "gelu_of_another": rows("", *ERF, ("Mul", "z s", "m"), ("Mul", "m half", "y")),
    "gelu_two_more": rows("", *ERF[:2], ("Add", "e two", "s"), ("Mul", "x s", "m"), ("Mul", "m half", "y")),
    "gelu_other_root": rows("", ("Mul", "x root2", "d"), *ERF[1:], ("Mul", "x s", "m"), ("Mul", "m half", "y")),
    "gelu_tanh_without_root": rows("", *CUBE, ("Tanh", "p", "e"), TANH[2], ("Mul", "x half", "h"), ("Mul", "h s", "y")),
    "gelu_read_inside": rows(
        "", *ERF, ("Mul", "x s", "m"), ("Mul", "m half", "y"), ("Neg", "e", "w"), outputs=("y", "w")
    ),
    "gelu_result_inside": rows("", *ERF, ("Mul", "x s", "m"), ("Mul", "m half", "y"), outputs=("y", "s")),
    "swish_of_another": rows("", ("Sigmoid", "z", "s"), ("Mul", "s x", "y")),
    "swish_faster": rows("", ("Mul", "x two", "d"), ("Sigmoid", "d", "s"), ("Mul", "s x", "y")),
    "swish_gate_is_a_result": rows("", ("Sigmoid", "x", "s"), ("Mul", "s x", "y"), outputs=("s", "y")),
    "hard_swish_of_another_slope": rows("", ("HardSigmoid", "x", "s"), ("Mul", "x s", "y")),
    "hard_sigmoid_shifted_by_2": rows("", ("Add", "x two", "p"), BOUNDED[1], ("Div", "c six", "y")),
    "hard_sigmoid_up_to_3": rows("", SHIFTED, ("Clip", "p zero three", "c"), ("Div", "c six", "y")),
    "hard_sigmoid_by_3": rows("", *BOUNDED, ("Div", "c three", "y")),
    "hard_sigmoid_turned_over": rows("", *BOUNDED, ("Div", "six c", "y")),
    "hard_swish_of_another": rows("", *BOUNDED, ("Mul", "z c", "m"), ("Div", "m six", "y")),
    "softplus_of_two": rows("", ("Exp", "x", "e"), ("Add", "two e", "s"), ("Log", "s", "y")),
    "mish_of_another": rows("", ("Softplus", "z", "s"), ("Tanh", "s", "t"), ("Mul", "t x", "y")),
    "clip_read_between": rows(
        "", ("Relu", "x", "r"), ("Clip", "r zero six", "y"), ("Neg", "r", "w"), outputs=("y", "w")
    ),
    "clip_by_an_activation": rows("", ("Relu", "x", "r"), ("Min", "r z", "y")),
    "layer_norm_cubed": rows("", *MEAN, ("Pow", "d three", "q"), *NORM[3:], ("Div", "d r", "y")),
    "layer_norm_without_guard": rows("", *NORM[:4], ("Sqrt", "v", "r"), ("Div", "d r", "y")),
    "layer_norm_large_guard": rows("", *NORM[:4], ("Add", "v one", "ve"), NORM[5], ("Div", "d r", "y")),
    "layer_norm_of_another": rows("", *NORM, ("Div", "z r", "y")),
    "layer_norm_other_mean": rows("", ("ReduceMean", "z", "mu", LAST), *NORM[1:], ("Div", "x r", "y")),
    "layer_norm_mean_read": rows("", *NORM, ("Div", "d r", "y"), ("Neg", "mu", "w"), outputs=("y", "w")),
    "layer_norm_variance_is_a_result": rows("", *NORM, ("Div", "d r", "y"), outputs=("y", "v")),
    "layer_norm_without_the_axis": rows(
        "", *NORM[:3], ("ReduceMean", "q", "v", {"axes": [-1], "keepdims": 0}), *NORM[4:], ("Div", "d r", "y")
    ),
    "layer_norm_of_two_separate_axes": image(
        "", *[(*call[:3], {"axes": [1, 3]}) if len(call) > 3 else call for call in NORM], ("Div", "d r", "y")
    ),
    "softmax_of_another": rows(
        "", EXPS[0], ("Sub", "z m", "d"), *EXPS[2:3], ("ReduceSum", "x", "t", LAST), ("Div", "e t", "y")
    ),
    "softmax_turned_over": rows("", *EXPS, ("Div", "t e", "y")),
    "softmax_sum_is_a_result": rows("", *EXPS, ("Div", "e t", "y"), outputs=("y", "t")),
    "softmax_over_two_axes": image(
        "", ("Exp", "x", "e"), ("ReduceSum", "e", "t", {"axes": [2, 3]}), ("Div", "e t", "y")
    ),
    "l2_of_another": rows("", ("ReduceL2", "z", "n", LAST), ("Div", "x n", "y")),
    "l2_large_guard": rows("", ("ReduceL2", "x", "n", LAST), ("Add", "n one", "c"), ("Div", "x c", "y")),
    "l2_not_squared": rows(
        "", ("Mul", "x z", "q"), ("ReduceSum", "q", "n", LAST), ("Sqrt", "n", "r"), ("Div", "x r", "y")
    ),
    "group_norm_scaled_inside": image(
        "", GROUPS[0], ("InstanceNormalization", "f zeros zeros", "n"), ("Reshape", "n unfolded", "y"), shapes=FOLDED
    ),
    "group_norm_to_another_shape": image("", *GROUPS[:2], ("Reshape", "n flat", "y"), shapes={**FOLDED, "y": (2, 128)}),
    "bias_of_a_learned_left_side": rows(
        "", ("MatMul", "matrix x", "m"), ("Add", "vector m", "y"), shapes={"m": (2, 8, 8)}
    ),
    "bias_of_two_activations": rows("", ("MatMul", "x z", "m"), ("Add", "vector m", "y")),
    "bias_for_all": rows("", ("MatMul", "x matrix", "m"), ("Add", "one m", "y")),
    "bias_after_a_read": rows(
        "", ("MatMul", "x matrix", "m"), ("Add", "six_wide m", "y"), ("Neg", "m", "w"), outputs=("y", "w")
    ),
    "conv_bias_along_a_row": image("", CONV, ("Add", "ones i1", "y")),
    "conv_number": image("", CONV, ("Add", "three i1", "y")),
    "conv_norm_of_an_activation": image("", CONV, ("BatchNormalization", "i1 vector z vector vector", "y")),
    "conv_read_before_its_norm": image(
        "",
        CONV,
        ("BatchNormalization", "i1 vector vector vector vector", "y"),
        ("Neg", "i1", "i2"),
        outputs=("y", "i2"),
    ),
    "pad_by_reflection": image("", ("Pad", "x around", "p", {"mode": "reflect"}), ("Conv", "p filter", "y")),
    "pad_by_ones": image("", ("Pad", "x around one", "p"), ("Conv", "p filter", "y")),
    "pad_channels": image("", ("Pad", "x deep", "p"), ("Conv", "p filter", "y")),
    "pad_automatic": image("", ("Pad", "x around", "p"), ("Conv", "p filter", "y", {"auto_pad": "SAME_UPPER"})),
    "pad_read_twice": image(
        "", ("Pad", "x around", "p"), ("Conv", "p filter", "y"), ("Neg", "p", "w"), outputs=("y", "w")
    ),
    "pad_max_by_zeros": image("", ("Pad", "x around", "p"), ("MaxPool", "p", "y", {"kernel_shape": [3, 3]})),
    "pad_average_not_counted": image("", ("Pad", "x around", "p"), ("AveragePool", "p", "y", {"kernel_shape": [3, 3]})),
    "dropout_in_training": rows("", ("Relu", "x", "b"), ("Dropout", "b half training", "c"), ("Neg", "c", "y")),
    "dropout_whose_mask_is_read": rows(
        "", ("Relu", "x", "b"), ("Dropout", "b", "c mask"), ("Neg", "c", "y"), outputs=("y", "mask")
    ),
    "identity_of_an_input": rows("", ("Identity", "x", "y")),
    "identity_of_a_result": rows("", ("Relu", "x", "b"), ("Identity", "b", "y"), outputs=("b", "y")),
    "reshape_that_copies_an_axis": image(
        "", ("Reshape", "x flat", "f"), ("Reshape", "f copied", "y"), shapes={"y": (2, 16, 8)}
    ),
    "reshape_read_between": image(
        "", ("Reshape", "x flat", "f"), ("Reshape", "f unfolded", "y"), ("Neg", "f", "w"), outputs=("y", "w")
    ),
    "quantised_pair": rows("", ("QuantizeLinear", "x one", "q"), ("DequantizeLinear", "q one", "y")),
    "scaled_learned": rows("", ("MatMul", "x matrix", "m"), ("Mul", "m half", "y")),
    "scaled_by_an_activation": rows("", ("MatMul", "x z", "m"), ("Mul", "m z", "y")),
    "scaled_the_other_way": rows("", ("MatMul", "x z", "m"), ("Div", "half m", "y")),
    "number_made_larger": Case((("Sigmoid", "x", "s"), ("Mul", "s x", "y")), (), {"x": (4,)}, {"y": (1, 4)}),
}


@pytest.mark.parametrize("name", NEAR)
def test_what_only_looks_like_a_pattern_stays(name: str) -> None:
    given = NEAR[name].graph()
    assert recompose(given).calls == given.calls


@pytest.mark.parametrize("name", NEAR)
def test_what_stays_stays_whole(name: str) -> None:
    assert_sound(NEAR[name].graph())
