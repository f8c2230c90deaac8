"""NVIDIA's performance workbook (nvdla/hw, ``perf/NVDLA_OpenSource_Performance.xlsx``): its arithmetic, layer by layer.

The workbook is an estimate of its own, coarser than the hardware. What it does that the traversal does not:

* MACs spread evenly over all multipliers: no atoms are left empty, no stripe is short, no result waits for the SDP;
* a filter of stride ``s`` is filled up to a multiple of ``s`` rows and columns (strides become channels) before it is
  stored, so a 1 x 1 filter of stride 2 moves four times its weights;
* lines slide through the buffer: no strip reads a row twice. If neither operand fits beside the least of the other
  (the rows of one output, 32 kernels), the larger one is read once for every share of the smaller one;
* a GB/s is 1024 bytes a microsecond, and cycles are rounded up;
* with an SRAM, features stay in it, and weights are shared by as many images as it holds; the second tensor of an
  addition costs nothing. A result goes to DRAM too if the classifier, which runs in batches, reads it, and, once the
  layers before have read and written more bytes of the SRAM than it has, always. (The last rule is inferred from the
  sheet of ResNet-50: it is what its figures do.)
* without an SRAM, its ResNet-50 sheet leaves half of 2048 multipliers idle where there are 64 kernels: as if 16 of them
  belonged to a kernel (``cell_multipliers``). With that, and no Winograd in the small designs, the frame rates of the
  NVDLA primer come out: 269, 46 and 7.5 (published: 269, 46, 7.3) at 2048, 256 and 64 multipliers. The AlexNet sheet
  does not do it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from accelsim.dims import Dim
from accelsim.errors import InputError, Problem, shown
from accelsim.workload.ops import Op

__all__ = ["Figures", "Step", "Workbook", "figures", "sram_images"]

_KIB = 1024
_WINOGRAD_SPEED, _WINOGRAD_WEIGHTS = 2.25, 16 / 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbook:
    """The cells at the head of a sheet.

    Attributes:
        multipliers: MACs a cycle.
        buffer_kib: Convolution buffer.
        clock_mhz: Clock of the core.
        dram: DRAM bandwidth in the sheet's GB/s.
        sram_kib: CVSRAM; 0 without one.
        sram_read: Its read bandwidth in GB/s.
        sram_write: Its write bandwidth in GB/s.
        winograd: Whether 3 x 3 convolutions of stride 1 run as Winograd ones.
        pixel_channels: Channels of an image pixel in memory.
        images: Images that share the weights of a convolution.
        classified: Images that share those of a fully connected layer.
        resident_kernels: Kernels that the buffer holds at least.
        cell_multipliers: Multipliers that one kernel can use; ``None`` for all.

    Raises:
        InputError: A cell is not a finite number above 0 (the SRAM's size: at least 0).
    """

    multipliers: int = 2048
    buffer_kib: float = 512.0
    clock_mhz: float = 1000.0
    dram: float = 10.0
    sram_kib: float = 0.0
    sram_read: float = 25.0
    sram_write: float = 25.0
    winograd: bool = True
    pixel_channels: int = 4
    images: int = 1
    classified: int = 1
    resident_kernels: int = 32
    cell_multipliers: int | None = None

    def __post_init__(self) -> None:
        cells = {name: getattr(self, name) for name in self.__slots__ if name not in ("winograd", "sram_kib")}
        problems = [
            Problem(field=f"workbook.{name}", got=shown(value), allowed="a finite number above 0")
            for name, value in cells.items()
            if value is not None and not (math.isfinite(value) and value > 0)
        ]
        if not (math.isfinite(self.sram_kib) and self.sram_kib >= 0):
            problems.append(Problem(field="workbook.sram_kib", got=shown(self.sram_kib), allowed="0 or more"))
        if problems:
            raise InputError(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A line of a sheet.

    Attributes:
        op: A convolution or fully connected layer of one image, of 8 bits.
        stored: Result elements after the pooling that rides on it; ``None`` for all results.
        added: Whether a second tensor of the same size is added to its results.
    """

    op: Op
    stored: int | None = None
    added: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a sheet says of a layer, for one image.

    Attributes:
        mac_cycles: Cycles of the multipliers.
        dram_kib: DRAM traffic.
        sram_read_kib: CVSRAM reads.
        sram_write_kib: CVSRAM writes.
        cycles: Cycles of ``MAC``, ``DRAM``, ``CVSRAM-R``, ``CVSRAM-W``.
    """

    mac_cycles: float
    dram_kib: float
    sram_read_kib: float
    sram_write_kib: float
    cycles: Mapping[str, float]

    @property
    def most_cycles(self) -> float:
        """Cycles of the layer: those of its slowest resource."""
        return max(self.cycles.values())

    @property
    def long_pole(self) -> str:
        """Name of the slowest resource, the first of equals."""
        return max(self.cycles, key=lambda name: self.cycles[name])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sizes:
    """Sizes in KiB of a layer's tensors and of the least part of each that works."""

    inputs: float
    least_inputs: float
    weights: float
    least_weights: float
    outputs: float
    winograd: bool
    channels: int

    @property
    def features(self) -> float:
        return self.inputs + self.outputs


def _sizes(step: Step, book: Workbook) -> _Sizes:
    op, size = step.op, step.op.size
    if op.kind not in ("convolution", "fully_connected") or size(Dim.B) != 1 or max(op.bits.W, op.bits.I) > 8:
        message = "a sheet has convolutions and fully connected layers of one image, of 8 bits"
        raise InputError(Problem(field="workbook.step", message=message, got=shown(op.label)))
    image = op.kind == "convolution" and size(Dim.G) == 1 and size(Dim.C) <= book.pixel_channels
    channels = book.pixel_channels if image else size(Dim.C)
    height, width = (op.extent[1], op.extent[2]) if op.kind == "convolution" else (1, 1)
    taps = [-(-size(dim) // step_) * step_ for dim, step_ in ((Dim.FY, op.stride[1]), (Dim.FX, op.stride[2]))]
    winograd = book.winograd and size(Dim.FY) == size(Dim.FX) == 3 and op.stride[1] == op.stride[2] == 1 and not image
    groups, kernels = size(Dim.G), size(Dim.K)
    weights = groups * kernels * channels * taps[0] * taps[1] / _KIB * (_WINOGRAD_WEIGHTS if winograd else 1.0)
    inputs = groups * channels * height * width / _KIB
    rows = min(height, size(Dim.FY) * op.stride[1])
    return _Sizes(
        inputs=inputs,
        least_inputs=inputs * rows / height,
        weights=weights,
        least_weights=weights * min(1.0, book.resident_kernels / (groups * kernels)),
        outputs=(op.output_elements if step.stored is None else step.stored) / _KIB,
        winograd=winograd,
        channels=channels,
    )


def sram_images(steps: Sequence[Step], book: Workbook) -> int:
    """Return how many images' features the SRAM holds beside the weights, in the convolution where it holds fewest."""
    sizes = [_sizes(step, book) for step in steps if step.op.kind == "convolution"]
    return max(1, min((math.floor((book.sram_kib - one.weights) / one.features) for one in sizes), default=1))


def figures(steps: Sequence[Step], book: Workbook) -> list[Figures]:
    """Return the sheet's figures of a network, layer by layer.

    Args:
        steps: Layers in the order they run; the first reads the image from DRAM.
        book: The head of the sheet.

    Raises:
        InputError: A layer is no convolution or fully connected layer of one image and 8 bits.
    """
    found, passed = [], 0.0
    for place, step in enumerate(steps):
        sizes = _sizes(step, book)
        after = steps[place + 1].op.kind if place + 1 < len(steps) else ""
        classifier = step.op.kind == "fully_connected"
        weights = sizes.weights / (book.classified if classifier else book.images)
        if book.sram_kib:
            first = place == 0
            dram = weights + (sizes.inputs if first or classifier else 0.0)
            if not classifier and (after == "fully_connected" or passed > book.sram_kib):
                dram += sizes.outputs
            read, write = 0.0 if first else sizes.inputs, sizes.outputs
            passed += read + write
        else:
            again_inputs, again_weights = (0, 0) if classifier else _again(sizes, book.buffer_kib)
            dram = weights * (1 + again_weights) + sizes.inputs * (1 + again_inputs)
            dram += sizes.outputs * (2 if step.added else 1)
            read = write = 0.0
        found.append(_figures(step, sizes, book, dram, read, write))
    return found


def _again(sizes: _Sizes, buffer: float) -> tuple[int, int]:
    """Return how often inputs and weights are read again."""
    if sizes.weights + sizes.least_inputs <= buffer or sizes.inputs + sizes.least_weights <= buffer:
        return 0, 0
    if sizes.weights < sizes.inputs:
        return _shares(sizes.weights, sizes.least_inputs, buffer) - 1, 0
    return 0, _shares(sizes.inputs, sizes.least_weights, buffer) - 1


def _shares(small: float, least: float, buffer: float) -> int:
    """Return in how many shares the smaller operand passes.

    Where even the least of the other fills the buffer the sheets give no rule; the smaller one then has all of it.
    """
    return math.ceil(small / (buffer - least)) if buffer > least else math.ceil(small / buffer) + 1


def _figures(step: Step, sizes: _Sizes, book: Workbook, dram: float, read: float, write: float) -> Figures:
    macs = step.op.macs / step.op.size(Dim.C) * sizes.channels
    busy = float(book.multipliers)
    if step.op.kind == "convolution" and book.cell_multipliers is not None:
        busy = min(busy, float(book.cell_multipliers * step.op.size(Dim.G) * step.op.size(Dim.K)))
    mac = macs / busy / (_WINOGRAD_SPEED if sizes.winograd else 1.0)
    traffic = {"DRAM": (dram, book.dram), "CVSRAM-R": (read, book.sram_read), "CVSRAM-W": (write, book.sram_write)}
    cycles = {"MAC": mac}
    for name, (kib, rate) in traffic.items():
        # A sheet's GB/s is a KiB per microsecond and 1000.
        cycles[name] = float(math.ceil(round(kib * book.clock_mhz / rate, 6)))
    return Figures(mac_cycles=mac, dram_kib=dram, sram_read_kib=read, sram_write_kib=write, cycles=cycles)
