"""How an op runs on the MAC array: the modes, and the cycles of each.

A *stripe* is a run of outputs during which the MAC cells keep their weights. It takes a cycle an output, but at least
the time in which the next weights come from the buffer (nvdla/doc, Unit Description). The stripes of a kernel group
then walk over the taps and over the input channels, ``atomic_c`` at a time:

    direct    stripes x FY x FX x ceil(C / atomic_c) x ceil(K / kernels at once)
    image     a line at a time; the pixels of a filter row lie side by side, FX x pixel channels of them as channels
              (pre-extension); 2 or 4 filter rows at once where those take at most half or a quarter of
              ``atomic_c`` (post-extension)
    winograd  4 x 4 inputs make 2 x 2 outputs; ``atomic_c / 16`` channels at a time; outputs are filled up to
              multiples of 4 rows and columns

Groups run one after the other; batch by batch, unless the machine takes several images in one stripe.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.dims import Dim
from accelsim.engines.nvdla.machine import Nvdla
from accelsim.engines.plane import Plane
from accelsim.errors import InputError, Problem, shown
from accelsim.workload.ops import Op

__all__ = ["MODES", "Shape", "mac_cycles", "modes_of", "shape_of", "unsupported"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MODES = ("direct", "image", "winograd")
_KINDS = ("convolution", "fully_connected")
#: Outputs of a Winograd layer are filled up to multiples of it (nvdla/doc).
_WINOGRAD_OUTPUTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape(Plane):
    """An op as the core sees it, groups packed if the machine does that; images are the batch.

    Attributes:
        stride: Down and across.
        dilation: Down and across.
        padding: Zeros above the first row.
        height: Input rows.
        width: Input columns.
        bits: The wider of weights and inputs.
    """

    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: int
    height: int
    width: int
    bits: int


def unsupported(op: Op, *, sixteen_bit: bool) -> str | None:
    """Return why a core, with or without 16-bit modes, cannot run an op, in a few words; ``None`` if it can."""
    if op.kind not in _KINDS:
        return f"the MAC array runs {' and '.join(_KINDS)}, not {op.kind}"
    if op.size(Dim.OZ) > 1 or op.size(Dim.FZ) > 1:
        return "it has no third window axis"
    widest = max(op.bits.W, op.bits.I)
    if widest > 16:
        return f"it multiplies 16 bits at most, not {widest}"
    if widest > 8 and not sixteen_bit:
        return f"it multiplies 8 bits at most, not {widest}"
    return None


def shape_of(op: Op, machine: Nvdla) -> Shape:
    """Return the op as the core sees it.

    Raises:
        InputError: The core cannot run it (``unsupported``).
    """
    reason = unsupported(op, sixteen_bit=machine.sixteen_bit)
    if reason is not None:
        raise InputError(Problem(field=f"nvdla.{op.kind}", message=reason, got=shown(op.label)))
    size = op.size
    groups, kernels, channels = size(Dim.G), size(Dim.K), size(Dim.C)
    packed = min(groups, max(1, machine.atomic_c // channels)) if machine.pack_groups else 1
    slides = op.kind == "convolution"
    return Shape(
        images=size(Dim.B),
        groups=-(-groups // packed),
        kernels=kernels * packed,
        channels=channels * packed,
        rows=size(Dim.OY),
        columns=size(Dim.OX),
        filter_rows=size(Dim.FY),
        filter_columns=size(Dim.FX),
        stride=(op.stride[1], op.stride[2]),
        dilation=(op.dilation[1], op.dilation[2]),
        padding=op.padding[1],
        height=op.extent[1] if slides else size(Dim.OY),
        width=op.extent[2] if slides else size(Dim.OX),
        bits=max(op.bits.W, op.bits.I),
    )


def modes_of(shape: Shape, machine: Nvdla) -> tuple[str, ...]:
    """Return the modes that can run a shape; ``direct`` always can.

    A map of at most ``pixel_channels`` channels is an image. Image input and Winograd know no dilation, and image input
    no batch: its images run one after the other.
    """
    modes = ["direct"]
    window = shape.filter_rows * shape.filter_columns
    plain = shape.dilation == (1, 1) and shape.groups == 1
    if plain and shape.channels <= machine.pixel_channels and window > 1:
        modes.append("image")
    if (
        machine.winograd
        and shape.filter_rows == shape.filter_columns == 3
        and shape.stride == shape.dilation == (1, 1)
        and shape.channels > machine.pixel_channels
    ):
        modes.append("winograd")
    return tuple(modes)


def mac_cycles(shape: Shape, machine: Nvdla, mode: str, rows: Ints, images: Ints) -> Floats:
    """Return the cycles of the MAC array for the whole op.

    Args:
        shape: What to run.
        machine: The core.
        mode: One of ``MODES``.
        rows: Output rows between two fetches of the feature map, at least 1.
        images: Images that share a stripe, at least 1.

    Returns:
        One number of cycles for each pair of ``rows`` and ``images``.
    """
    kernel_groups = -(-shape.kernels // machine.kernels_at_once(shape.bits))
    if mode == "image":
        turns = shape.images * shape.rows * _line(shape.columns, machine) * _image_taps(shape, machine)
        return np.full(rows.shape, float(turns * kernel_groups))
    if mode == "winograd":
        columns = -(-shape.columns // _WINOGRAD_OUTPUTS) * _WINOGRAD_OUTPUTS
        taps = -(-shape.channels // (machine.atomic_c // 16))
        lines, share = -(-rows // _WINOGRAD_OUTPUTS) * _WINOGRAD_OUTPUTS, 4
        last = shape.rows % rows
        last = -(-last // _WINOGRAD_OUTPUTS) * _WINOGRAD_OUTPUTS
    else:
        columns, lines, last, share = shape.columns, rows, shape.rows % rows, 1
        taps = shape.filter_rows * shape.filter_columns * -(-shape.channels // machine.atomic_c)
    whole = shape.rows // rows
    stripes = np.zeros(rows.shape)
    for together, times in ((images, shape.images // images), (shape.images % images, (shape.images % images > 0) * 1)):
        for run, runs in ((lines, whole), (last, (last > 0) * 1)):
            stripes += times * runs * np.maximum(run * columns * together // share, machine.weight_load_cycles)
    return stripes * (shape.groups * taps * kernel_groups)


def _line(columns: int, machine: Nvdla) -> int:
    """Return the cycles of an output line of an image: its stripes do not cross into the next line."""
    longest = max(2 * machine.atomic_k, machine.weight_load_cycles)
    whole, rest = divmod(columns, longest)
    return whole * longest + (max(rest, machine.weight_load_cycles) if rest else 0)


def _image_taps(shape: Shape, machine: Nvdla) -> int:
    """Return the steps over filter rows and extended channels of an image."""
    extended = machine.pixel_channels * shape.filter_columns
    step = machine.pixel_channels * shape.stride[1]
    lines = next(n for n in (4, 2, 1) if n == 1 or max(extended, step) <= machine.atomic_c // n)
    return -(-shape.filter_rows // lines) * -(-extended // machine.atomic_c)
