"""Products of matrices: with learned weights, or of two activations."""

from __future__ import annotations

import math
from dataclasses import replace

from accelsim.workload.importers.graph import Call
from accelsim.workload.importers.rules.registry import Context, UnsupportedError, rule
from accelsim.workload.importers.rules.shapes import op_shape, turned
from accelsim.workload.ops import Op, elementwise, loops, matmul

__all__: list[str] = []

_MATRICES = 2


def _learned(
    c: Context,
    call: Call,
    x: str,
    weights: str,
    *,
    batch: int = 1,
    groups: int = 1,
    inner: int,
    out: int,
    positions: int,
    bias_at: int | None = 2,
    width: int | None = None,
) -> None:
    """Add a layer that ``positions`` of ``x`` pass through; of several matrices, each sees a group of its own.

    ``width`` is that of a weight in bits, where several share an element of the constant.
    """
    added = call.inputs[bias_at] if bias_at is not None and len(call.inputs) > bias_at else ""
    constant = bool(added) and c.is_constant(added)
    size = math.prod(c.shape(added)) if constant else 0
    each = size == groups * out
    bits = c.bits(call, weights)
    op = Op(
        "fully_connected" if groups == 1 else "convolution",
        loops(B=batch, G=groups, K=out, C=inner, OX=positions),
        extent=(1, 1, positions),
        bits=bits if width is None else replace(bits, W=width),
        affine=int(each) + 2 * int(call.attributes.get("batch_norm", 0)),
        table=0 if each else size,
    )
    _with_addend(c, call, op, (x,), "" if constant else added)


def _with_addend(c: Context, call: Call, op: Op, sources: tuple[str, ...], added: str) -> None:
    """Add a product, and the addition of an activation ``added`` if there is one."""
    target = call.outputs[0]
    if not added:
        c.emit(op, sources, target)
        return
    product, count = f"{target}#product", math.prod(c.shape(added))
    c.emit(op, sources, product, role="product")
    reads = None if count == op.output_elements else (op.output_elements, count)
    total = elementwise("add", op_shape(c.shape(target)), bits=c.bits(call), reads=reads)
    c.emit(total, (product, added), target)


@rule("Gemm")
def gemm(c: Context, call: Call) -> None:
    """Become a fully connected layer, or a product of two activations."""
    a, b = call.inputs[:2]
    left, right = c.shape(a), c.shape(b)
    if len(left) != _MATRICES or len(right) != _MATRICES:
        raise UnsupportedError("a product of matrices needs two axes each")
    turned = bool(call.attributes.get("transA", 0))
    rows, inner = left[::-1] if turned else left
    across, out = right[::-1] if call.attributes.get("transB", 0) else right
    if inner != across:
        raise UnsupportedError(f"matrices of {left} and {right} do not fit")
    if c.is_constant(b):
        batch, positions = (1, rows) if turned else (rows, 1)
        _learned(c, call, a, b, batch=batch, inner=inner, out=out, positions=positions)
    elif c.is_constant(a):
        _learned(c, call, b, a, inner=inner, out=rows, positions=out)
    else:
        added = call.inputs[2] if len(call.inputs) > _MATRICES else ""
        if added and c.is_constant(added):
            raise UnsupportedError("a constant added to a product of two activations")
        _with_addend(c, call, matmul(rows, inner, out, bits=c.bits(call, b)), (a, b), added)


@rule("MatMul")
def product(c: Context, call: Call) -> None:
    """Become a fully connected layer over the last axis, or a product of two activations, head by head.

    A third input is a bias that the file adds in an operator of its own. An operand that is read turned (``trans``,
    ``transBatch``) costs no transposition.
    """
    a, b = call.inputs[:2]
    left, right = (turned(c.shape(name), call.attributes, side) for name, side in ((a, "A"), (b, "B")))
    left = (1, *left) if len(left) == 1 else left
    right = (*right, 1) if len(right) == 1 else right
    if len(left) < _MATRICES or len(right) < _MATRICES or left[-1] != right[-2]:
        raise UnsupportedError(f"matrices of {c.shape(a)} and {c.shape(b)} do not fit")
    rows, inner, columns = left[-2], left[-1], right[-1]
    of_left, of_right = math.prod(left[:-2]), math.prod(right[:-2])
    if c.is_constant(b) and of_right == 1:
        _learned(c, call, a, b, batch=left[0], inner=inner, out=columns, positions=of_left * rows // left[0])
    elif c.is_constant(a) and of_left == 1:
        _learned(c, call, b, a, batch=of_right, inner=inner, out=rows, positions=columns)
    elif _heads(left, right) != max(of_left, of_right) or max(of_left, of_right) % min(of_left, of_right):
        raise UnsupportedError(f"heads of {left} and {right} do not fit")
    elif c.is_constant(a) or c.is_constant(b):
        _matrix_each(c, call, left, right)
    else:
        _activations(c, call, left, right)


@rule("com.microsoft.MatMulNBits")
def packed_product(c: Context, call: Call) -> None:
    """Become a fully connected layer whose weights have the width that the operator states, several in a byte."""
    x, weights = call.inputs[:2]
    shape, width = c.shape(x), int(call.attributes.get("bits", 4))
    inner, out = (int(call.attributes[name]) for name in "KN")
    if shape[-1] != inner or not c.is_constant(weights) or math.prod(c.shape(weights)) * 8 < inner * out * width:
        raise UnsupportedError(f"weights for {inner} channels of {width} bits do not fit an input of shape {shape}")
    batch = shape[0] if len(shape) > 1 else 1
    positions = math.prod(shape[:-1]) // batch
    c.approximate("the scales of its blocks of weights are left out")
    _learned(c, call, x, weights, batch=batch, inner=inner, out=out, positions=positions, bias_at=5, width=width)


def _heads(left: tuple[int, ...], right: tuple[int, ...]) -> int:
    """Return the number of products: leading axes of length 1 are stretched."""
    least = min(len(left), len(right))
    longer = left if len(left) > len(right) else right
    pairs = zip(left[-least:-2], right[-least:-2], strict=True)
    return math.prod(longer[:-least]) * math.prod(max(pair) for pair in pairs)


def _matrix_each(c: Context, call: Call, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    """Add a layer with a learned matrix for each head, as a grouped convolution over single positions."""
    (a, b), first = call.inputs[:2], c.is_constant(call.inputs[0])
    x, weights, of_x, of_weights = (b, a, right, left) if first else (a, b, left, right)
    heads, groups = math.prod(of_x[:-2]), math.prod(of_weights[:-2])
    if heads < groups:
        raise UnsupportedError("several constant matrices for the same head")
    out, positions = (left[-2], right[-1]) if first else (right[-1], left[-2])
    _learned(c, call, x, weights, batch=heads // groups, groups=groups, inner=left[-1], out=out, positions=positions)


def _activations(c: Context, call: Call, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    """Add a product of two activations; matrices of one side that meet the same one of the other share it."""
    a, b = call.inputs[:2]
    rows, inner, columns = left[-2], left[-1], right[-1]
    if math.prod(left[:-2]) < math.prod(right[:-2]):  # the other way round: the product of both turned
        a, b, left, right, rows, columns = b, a, right, left, columns, rows
    heads = math.prod(right[:-2])
    shared = math.prod(left[:-2]) // heads
    c.emit(
        matmul(rows, inner, columns, heads=heads, shared=shared, bits=c.bits(call, b)),
        (a, b),
        call.outputs[0],
    )


def _axes(c: Context, call: Call) -> tuple[set[str], set[str], set[str], dict[str, int]]:
    """Return the axes of both operands and of the result of an equation, and their lengths.

    Raises:
        UnsupportedError: It is not the product of two tensors.
    """
    equation = str(call.attributes.get("equation", "")).replace(" ", "")
    terms, arrow, result = equation.partition("->")
    words = terms.split(",")
    if "." in equation or len(words) != _MATRICES or len(call.inputs) != _MATRICES:
        raise UnsupportedError(f"the equation {equation!r}")
    if not arrow:
        result = "".join(letter for letter in terms if letter != "," and terms.count(letter) == 1)
    sizes: dict[str, int] = {}
    for word, name in zip(words, call.inputs, strict=True):
        shape = c.shape(name)
        if len(word) != len(shape) or len(set(word)) != len(word):
            raise UnsupportedError(f"the equation {equation!r} on {len(shape)} axes")
        for letter, size in zip(word, shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise UnsupportedError(f"the equation {equation!r} on axes of {sizes[letter]} and {size}")
    a, b, out = set(words[0]), set(words[1]), set(result)
    if not out <= a | b or len(out) != len(result):
        raise UnsupportedError(f"the equation {equation!r}")
    if (a | b) - out - (a & b):
        raise UnsupportedError(f"the equation {equation!r} sums over one side alone")
    return a, b, out, sizes


@rule("Einsum")
def einsum(c: Context, call: Call) -> None:
    """Become the product that the equation says, whichever order its axes have."""
    a, b, out, sizes = _axes(c, call)

    def over(letters: set[str]) -> int:
        return math.prod(sizes[letter] for letter in letters)

    heads, inner, rows, columns = over(a & b & out), over((a & b) - out), over(a - b), over(b - a)
    x, y = call.inputs
    if c.is_constant(y):
        _learned(c, call, x, y, groups=heads, inner=inner, out=columns, positions=rows, bias_at=None)
    elif c.is_constant(x):
        _learned(c, call, y, x, groups=heads, inner=inner, out=rows, positions=columns, bias_at=None)
    else:
        c.emit(matmul(rows, inner, columns, heads=heads, bits=c.bits(call, y)), (x, y), call.outputs[0])
