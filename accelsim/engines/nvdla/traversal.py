"""How an op is cut to fit the convolution buffer, and what each cut moves.

The buffer's banks hold features or weights. A *fetch* is a strip of output rows (of one or more images) with the input
rows it needs, and some of the kernels. Either

* kernels stay, strips come: weights are read once, features once for every share of the kernels; or
* a strip stays, kernels come in groups: features are read once (rows that two strips share, twice), weights once for
  every strip, of every image not in the same strip.

All channels of a window are there at once: sums do not leave the accumulators. Where even one row and one kernel group
do not fit, channels are cut too, and sums of 32 bits go out and come back through the SDP (an assumption: the
documentation does not say how software splits such a layer).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from accelsim.engines.nvdla.machine import Nvdla, Ports
from accelsim.engines.nvdla.steps import MODES, Shape, mac_cycles, modes_of, shape_of
from accelsim.errors import InputError, NoMappingError, Problem, shown
from accelsim.workload.ops import Op

__all__ = ["Blocks", "binding", "resources", "traverse"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: Bits of a sum outside the accumulators (nvdla/doc: between CACC and SDP).
_SUM_BITS = 32
#: Weights of a 3 x 3 filter become 4 x 4 for Winograd, before they are stored.
_WINOGRAD_WEIGHTS = 16 / 9
_HOMES = ("dram", "sram")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blocks:
    """Candidate cuts of one op; every array has one entry a candidate, all of which fit the buffer.

    Attributes:
        mode: Place in ``MODES``.
        rows: Output rows of a strip.
        images: Images of a strip.
        kernels: Kernels of a group in the buffer at once.
        room_bytes: Bytes of the banks in use.
        mac_cycles: Cycles of the MAC array.
        result_cycles: Cycles in which results leave through the SDP.
        weight_bytes: Weights read.
        input_bytes: Inputs read.
        output_bytes: Final results written.
        sum_bytes: Partial sums written, and as many read; 0 unless channels are cut.
    """

    mode: Ints
    rows: Ints
    images: Ints
    kernels: Ints
    room_bytes: Floats
    mac_cycles: Floats
    result_cycles: Floats
    weight_bytes: Floats
    input_bytes: Floats
    output_bytes: Floats
    sum_bytes: Floats

    def __len__(self) -> int:
        return len(self.mode)

    @property
    def compute_cycles(self) -> Floats:
        """Cycles of the core alone: the MAC array, or the way out of its results."""
        return np.maximum(self.mac_cycles, self.result_cycles)


def traverse(op: Op, machine: Nvdla) -> Blocks:
    """Return every cut of an op worth a look.

    Raises:
        InputError: The core cannot run the op.
        NoMappingError: Not even one output row and one kernel group fit the buffer.
    """
    shape = shape_of(op, machine)
    parts, most = 1, -(-shape.channels // machine.atomic_c)
    while True:
        found = [_cuts(op, shape, machine, mode, parts) for mode in modes_of(shape, machine)]
        found = [blocks for blocks in found if len(blocks)]
        if found:
            return Blocks(
                **{name: np.concatenate([getattr(one, name) for one in found]) for name in Blocks.__dataclass_fields__}
            )
        if parts == most:
            limit = (
                f"the convolution buffer has {machine.buffer_bytes} bytes; one row of windows and kernels needs more"
            )
            raise NoMappingError(f"{op.label}: {limit}")
        parts = min(most, parts * 2)


def _cuts(op: Op, shape: Shape, machine: Nvdla, mode: str, parts: int) -> Blocks:
    """Return the cuts in one mode that fit, with channels in so many parts."""
    whole = replace(shape, channels=machine.pixel_channels) if mode == "image" else shape
    one = replace(whole, channels=-(-whole.channels // parts))
    least = 4 if mode == "winograd" else 1
    strip, kernels, stay, images = _choices(one, machine, mode, least)
    data_bytes = -(-op.bits.I // 8)
    atom = 1 if mode == "image" else machine.memory_atom_bytes
    line = -(-one.channels * data_bytes // atom) * atom * one.width
    weight = one.channels * one.filter_rows * one.filter_columns * op.bits.W / 8
    weight *= _WINOGRAD_WEIGHTS if mode == "winograd" else 1.0
    window = np.minimum((strip - 1) * one.stride[0] + (one.filter_rows - 1) * one.dilation[0] + 1, one.height)
    banks = -(-window * line * images // machine.bank_bytes) + np.ceil(kernels * weight / machine.bank_bytes)
    fits = banks <= machine.banks
    strip, kernels, images, stay, banks = strip[fits], kernels[fits], images[fits], stay[fits], banks[fits]

    shares = -(-one.kernels // kernels)
    strips = -(-one.rows // strip)
    line = -(-whole.channels * whole.groups * data_bytes // atom) * atom * one.width
    weights = whole.kernels * parts * weight * whole.groups
    batches = -(-one.images // images)
    again = np.where((strips == 1) & (batches == 1), 1, shares)
    outputs = float(op.output_elements)
    return Blocks(
        mode=np.full(strip.shape, MODES.index(mode), dtype=np.int64),
        rows=strip,
        images=images,
        kernels=kernels,
        room_bytes=banks.astype(np.float64) * machine.bank_bytes,
        mac_cycles=mac_cycles(one, machine, mode, strip, images) * parts,
        result_cycles=np.full(strip.shape, outputs * parts / machine.results_per_cycle),
        weight_bytes=np.where(stay, 1, strips * batches) * weights,
        input_bytes=np.where(stay, again, 1) * (_rows_read(one, strip) * line * one.images).astype(np.float64),
        output_bytes=np.full(strip.shape, outputs * op.bits.O / 8),
        sum_bytes=np.full(strip.shape, outputs * (parts - 1) * _SUM_BITS / 8),
    )


def _choices(shape: Shape, machine: Nvdla, mode: str, least: int) -> tuple[Ints, Ints, npt.NDArray[np.bool_], Ints]:
    """Return strips, kernels in the buffer, whether the kernels stay, and images of a strip."""
    group = machine.kernels_at_once(shape.bits)
    strips = sorted({min(shape.rows, -(-size // least) * least) for size in _shares(shape.rows)})
    kernels = sorted({min(shape.kernels, size * group) for size in _shares(-(-shape.kernels // group))})
    together = sorted({1, 1 if mode == "image" else min(shape.images, machine.images)})
    rows = [
        (strip, count, stay, images)
        for images in together
        for strip in strips
        for count, stay in [*((size, True) for size in kernels), (kernels[0], False)]
    ]
    table = np.array(rows, dtype=np.int64)
    return table[:, 0], table[:, 1], table[:, 2].astype(np.bool_), table[:, 3]


def _shares(total: int) -> list[int]:
    """Return the sizes of a share when a total is dealt into 1, 2, 3 ... equal shares, each size once."""
    sizes, count = [total], 1
    while sizes[-1] > 1:
        # The next number of shares for which the size changes.
        count = -(-total // (sizes[-1] - 1))
        sizes.append(-(-total // count))
        if len(sizes) >= 24:
            sizes.append(1)
    return sizes


def _rows_read(shape: Shape, strip: Ints) -> Ints:
    """Return the input rows that all strips together read; what two share counts twice, padding never."""
    reach = (shape.filter_rows - 1) * shape.dilation[0] + 1
    sizes, places = np.unique(strip, return_inverse=True)
    counts = []
    for size in sizes:
        first = np.arange(0, shape.rows, size)
        last = np.minimum(first + size, shape.rows) - 1
        start = np.clip(first * shape.stride[0] - shape.padding, 0, shape.height)
        end = np.clip(last * shape.stride[0] - shape.padding + reach, 0, shape.height)
        counts.append(int((end - start).sum()))
    return np.array(counts, dtype=np.int64)[places]


def resources(blocks: Blocks, ports: Ports, *, inputs: str = "dram", outputs: str = "dram") -> Mapping[str, Floats]:
    """Return the cycles of every resource: ``MAC``, ``SDP``, ``DRAM``, ``CVSRAM-R``, ``CVSRAM-W``.

    Args:
        blocks: Candidates.
        ports: Bandwidths.
        inputs: Where inputs come from, ``dram`` or ``sram``; weights come from DRAM.
        outputs: Where results go.

    Raises:
        InputError: An unknown memory, or the SRAM of a machine without its ports.
    """
    homes = {"inputs": inputs, "outputs": outputs}
    problems = [Problem.unknown(name, home, _HOMES) for name, home in homes.items() if home not in _HOMES]
    if "sram" in homes.values() and not (ports.sram_read and ports.sram_write):
        problems.append(Problem(field="ports", message="it has no SRAM", got=shown(ports)))
    if problems:
        raise InputError(problems)
    none = np.zeros(len(blocks))
    read = {inputs: blocks.input_bytes}
    written = {outputs: blocks.output_bytes + blocks.sum_bytes}
    read[outputs] = read.get(outputs, none) + blocks.sum_bytes
    dram = blocks.weight_bytes + read.get("dram", none) + written.get("dram", none)
    return {
        "MAC": blocks.mac_cycles,
        "SDP": blocks.result_cycles,
        "DRAM": dram / ports.dram,
        "CVSRAM-R": read["sram"] / ports.sram_read if "sram" in read else none,
        "CVSRAM-W": written["sram"] / ports.sram_write if "sram" in written else none,
    }


def binding(cycles: Mapping[str, Floats]) -> list[str]:
    """Return the resource with the most cycles for each candidate; the first named of equals."""
    names = list(cycles)
    return [names[place] for place in np.argmax(np.stack([cycles[name] for name in names]), axis=0)]
