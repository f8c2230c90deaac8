"""The built-in kinds of op.

Vector work counts compare, add and multiply steps of the usual fixed-point form; a table look-up counts 1, and so does
moving an element through a lane.
"""

from __future__ import annotations

from accelsim.dims import Dim
from accelsim.workload.ops.kinds import OP_KINDS, Lookup, OpKind, Projection, Sliding
from accelsim.workload.ops.lower import attention, deformable, transposed

__all__: list[str] = []

B, G, K, C, OZ, OY, OX, FZ, FY, FX = Dim

_WINDOW: Projection = (Sliding(OZ, FZ), Sliding(OY, FY), Sliding(OX, FX))
_PIXELS: Projection = (OZ, OY, OX)
_FILTER: Projection = (G, K, C, FZ, FY, FX)
_IMAGE: Projection = (B, G, C, *_WINDOW)
_MAP: Projection = (B, G, K, *_PIXELS)


def _add(kind: OpKind) -> None:
    OP_KINDS.register(kind.name)(kind)


# ------------------------------------------------------------------------------------------------ made of MACs
_add(OpKind(name="convolution", inputs=(_IMAGE,), weights=_FILTER, output=_MAP))
#: Loops run over input pixels; every tap adds into the output pixel it slides to.
_add(
    OpKind(
        name="transposed_convolution",
        inputs=((B, G, C, *_PIXELS),),
        weights=_FILTER,
        output=(B, G, K, *_WINDOW),
        lower=transposed,
    )
)
#: The second input holds two offsets a tap and pixel ("full", "bounded") or one dilation a pixel ("square").
for _shape in ("full", "bounded", "square"):
    _add(
        OpKind(
            name=f"deformable_{_shape}",
            inputs=(_IMAGE, (B, FZ, FY, FX, *_PIXELS) if _shape != "square" else (B, *_PIXELS)),
            weights=_FILTER,
            output=_MAP,
            lower=deformable,
        )
    )
#: ``OY OX`` are positions that share the weights (tokens); a classifier has one.
_add(OpKind(name="fully_connected", inputs=((B, C, OY, OX),), weights=(K, C), output=(B, K, OY, OX)))
#: ``G`` heads of all samples, each with a right matrix of its own; ``OY`` left matrices (query heads) that share one;
#: ``OX`` rows of the left matrix. There is no ``B``: hardware holds a right matrix no longer than its own group lasts.
_add(OpKind(name="matmul", inputs=((G, C, OY, OX),), weights=(G, K, C), dynamic=True, output=(G, K, OY, OX)))
#: Queries, keys, values; ``FX`` keys, ``C`` and ``K`` the width of a key and of a value; scores never leave the chip.
_add(
    OpKind(
        name="attention",
        inputs=((B, G, C, OY, OX), (B, G, C, FX), (B, G, K, FX)),
        output=(B, G, K, OY, OX),
        lower=attention,
    )
)

# ---------------------------------------------------------------------------------------------- windows and sums
for _name, _work in {"max_pool": 1.0, "average_pool": 1.0, "lp_pool": 2.0}.items():
    _add(OpKind(name=_name, inputs=(_IMAGE,), output=_MAP, vector_work=_work))
#: ``C`` values become one, by a sum, a maximum, an index: whichever axes they come from.
_add(OpKind(name="reduce", inputs=((B, G, C, *_PIXELS),), output=(B, G, *_PIXELS), vector_work=1.0, whole=True))
_add(OpKind(name="cumulative_sum", inputs=(_MAP,), output=_MAP, vector_work=1.0, whole=True))
#: Selective scan of a state-space block (Mamba, arXiv 2312.00752): x, step, B and C in; ``K`` channels, ``C`` states
#: each, ``OX`` positions. Step A and its exponential (2), step B x (2), the state (2), its product with C, summed (2).
_add(
    OpKind(
        name="scan",
        inputs=((B, K, OX), (B, K, OX), (B, C, OX), (B, C, OX)),
        weights=(K, C),
        output=(B, K, OX),
        vector_work=8.0,
        whole=True,
    )
)
#: Samples between the four neighbours of positions that data gives: weights of both axes, four products, three sums.
for _shape, _gathered in {"full": 4, "bounded": 0, "square": 0}.items():
    _add(OpKind(name=f"sample_{_shape}", inputs=None, output=_MAP, vector_work=9.0, gathered=_gathered))

# -------------------------------------------------------------------------------------------------- normalisation
for _name, _work in {
    "softmax": 5.0,  # maximum, subtract, table, sum, multiply
    "layer_norm": 7.0,  # sum, square, sum, subtract, multiply, scale, shift
    "group_norm": 7.0,
    "rms_norm": 4.0,  # square, sum, multiply, scale
    "l2_norm": 3.0,  # square, sum, multiply
    "batch_norm": 2.0,  # scale, shift
}.items():
    _add(OpKind(name=_name, inputs=(_MAP,), output=_MAP, vector_work=_work, whole=_name != "batch_norm"))

# ------------------------------------------------------------------------------------------------ element by element
for _name in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "power", "compare"):
    _add(OpKind(name=_name, inputs=(_MAP, _MAP), output=_MAP, vector_work=1.0))
_add(OpKind(name="select", inputs=(_MAP, _MAP, _MAP), output=_MAP, vector_work=1.0))
#: A feature map scaled by one value per channel, as squeeze-excite does.
_add(OpKind(name="scale", inputs=(_MAP, (B, G, K)), output=_MAP, vector_work=1.0))
#: Learned values for every element of a map (positions), or for every channel (layer scale).
_add(OpKind(name="add_learned", inputs=(_MAP,), weights=(G, K, *_PIXELS), output=_MAP, vector_work=1.0))
_add(OpKind(name="scale_learned", inputs=(_MAP,), weights=(G, K), output=_MAP, vector_work=1.0))
#: Learned values added to attention scores, one for every distance of two tokens: the op's ``table`` counts them.
_add(OpKind(name="position_bias", inputs=(_MAP,), output=_MAP, vector_work=1.0))
#: Pairs of channels turned by an angle that grows with the position (arXiv 2104.09864): two products, one sum a value.
_add(OpKind(name="rotary", inputs=(_MAP,), output=_MAP, vector_work=3.0))
for _name, _work in {
    "relu": 1.0,  # max
    "relu6": 2.0,  # max, min
    "clip": 2.0,
    "leaky_relu": 2.0,  # multiply, max
    "prelu": 2.0,
    "hard_sigmoid": 3.0,  # add, clip to [0, 6] (2); the division by 6 goes into the output scale
    "hard_swish": 4.0,  # hard_sigmoid, multiply
    "sigmoid": 1.0,  # table
    "tanh": 1.0,
    "gelu": 1.0,
    "elu": 1.0,
    "softplus": 1.0,
    "exp": 1.0,
    "swish": 2.0,  # table, multiply
    "mish": 2.0,
    "double": 1.0,  # a tensor added to itself; of quantised values a change of scale
    "unary": 1.0,  # any other function of one element: a square root, a rounding, a change of type
}.items():
    _add(OpKind(name=_name, inputs=(_MAP,), output=_MAP, vector_work=_work, activation=_name != "unary"))

# --------------------------------------------------------------------------------------------------- movement only
for _name in ("concat", "pad", "transpose", "expand", "unknown"):
    _add(OpKind(name=_name, inputs=None, output=_MAP, vector_work=1.0))
_add(OpKind(name="slice", inputs=None, output=_MAP, vector_work=1.0, gathered=1))
_add(OpKind(name="gather", inputs=None, output=_MAP, vector_work=1.0, gathered=1))
#: Values put where a later inference finds them: the keys and values of a language model.
_add(OpKind(name="store", inputs=(_MAP,), output=_MAP, vector_work=1.0, lasting=True))
#: ``K`` values of a learned table for each of ``OX`` indices.
_add(
    OpKind(
        name="embedding",
        inputs=((B, OX),),
        weights=(Lookup(), K),
        output=(B, K, OX),
        vector_work=1.0,
        gathered=1,
    )
)
_add(OpKind(name="resize_nearest", inputs=None, output=_MAP, vector_work=1.0))
_add(OpKind(name="resize_bilinear", inputs=None, output=_MAP, vector_work=7.0))  # four products, three sums
