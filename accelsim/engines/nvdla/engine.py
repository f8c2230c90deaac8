"""NVDLA behind a hardware template: every figure of the core is an option, every cut of an op a way to run it."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np

from accelsim.dims import Operand
from accelsim.engines.engine import Around, Floats, Traversal, Ways, no_traffic
from accelsim.engines.nvdla.machine import Nvdla
from accelsim.engines.nvdla.post import post_ways, takes
from accelsim.engines.nvdla.steps import MODES, shape_of, unsupported
from accelsim.engines.nvdla.traversal import Blocks, traverse
from accelsim.hardware.engines import SWITCH, Option, Peak, Settings
from accelsim.workload.ops import Op

__all__ = ["NvdlaEngine"]

#: Multiply-accumulates of F(2x2, 3x3) for a multiplication: 36 for 16.
_WINOGRAD, _TILE = 36 / 16, 16
_WEIGHTS, _INPUTS, _OUTPUTS = range(3)


def _number(what: str, default: int | None = None) -> Option:
    return Option(help=what, default=default)


def _switch(what: str) -> Option:
    return Option(help=what, words=SWITCH, default="false")


@lru_cache(maxsize=1024)
def _core(settings: Settings) -> Nvdla:
    values: dict[str, Any] = {name: value if isinstance(value, bool) else int(float(value)) for name, value in settings}
    # A MAC cell takes the 16 products of a Winograd tile: a smaller one, or part of one, has no such mode.
    values["winograd"] = values["winograd"] and values["atomic_c"] % _TILE == 0
    return Nvdla(**values)


class NvdlaEngine(Traversal):
    """The convolution core: direct, image-input and Winograd mode, with all cuts that fit the buffer.

    Memories: DRAM, perhaps an SRAM on the secondary interface, and the convolution buffer.
    """

    options = MappingProxyType(
        {
            "atomic_c": _number("input channels that a MAC cell multiplies in a cycle"),
            "atomic_k": _number("kernels that work at once"),
            "banks": _number("banks of the convolution buffer"),
            "bank_bytes": _number("bytes of a bank"),
            "memory_atom_bytes": _number("channels lie in memory in pieces of so many bytes"),
            "weight_load_cycles": _number("cycles to bring the weights of all MAC cells, hidden behind a long stripe"),
            "winograd": _switch("whether 3 x 3 filters of stride 1 run as F(2x2, 3x3), in MAC cells of 16 or more"),
            "images": _number("images that can share a stripe", 1),
            "sixteen_bit": _switch("whether 16 bits run, with half the kernels at once"),
            "pixel_channels": _number("channels of a pixel of the image input", 4),
            "results_per_cycle": _number("results that leave the accumulators in a cycle", 1),
            "elementwise_per_cycle": _number("results added to a second tensor in a cycle, or multiplied with it", 1),
            "pooled_per_cycle": _number("values that the pooling engine takes in a cycle", 1),
            "pack_groups": _switch("whether groups share the array side by side"),
        }
    )
    memories = (2, 3)

    def peak(self, settings: Settings) -> Peak:
        """Return the multipliers; with Winograd one saves 20 of 36 multiplications."""
        core = _core(settings)
        return Peak(float(core.multipliers), _WINOGRAD if core.winograd else 1.0)

    def unsupported(self, op: Op, words: Settings) -> str | None:
        """Return why the core cannot run an op; ``None`` if it can."""
        return unsupported(op, sixteen_bit=bool(dict(words)["sixteen_bit"]))

    def takes(self, op: Op, words: Settings) -> bool:
        """Return whether an op without MACs runs in the SDP or the PDP."""
        return takes(op, sixteen_bit=bool(dict(words)["sixteen_bit"]))

    def ways(self, op: Op, settings: Settings, around: Around) -> Ways:
        """Return every cut of an op worth a look; of one without MACs, its way past the convolution core.

        Of the convolution buffer: what is fetched goes in once; Atomic-C inputs come out in every cycle of the MAC
        array, all weights for every strip.
        """
        core = _core(settings)
        if not op.macs:
            return post_ways(op, core, around)
        blocks, shape = traverse(op, core), shape_of(op, core)
        buffer = around.memories - 1
        moved, room = no_traffic(len(blocks), around.memories)
        weights, inputs, outputs = map(around.home, Operand)
        moved[:, weights, _WEIGHTS, 0] += blocks.weight_bytes
        moved[:, inputs, _INPUTS, 0] += blocks.input_bytes
        moved[:, outputs, _OUTPUTS, 1] += blocks.output_bytes + blocks.sum_bytes
        moved[:, outputs, _OUTPUTS, 0] += blocks.sum_bytes
        moved[:, buffer, _WEIGHTS, 1] += blocks.weight_bytes
        moved[:, buffer, _INPUTS, 1] += blocks.input_bytes
        strips = -(-shape.rows // blocks.rows) * -(-shape.images // blocks.images)
        moved[:, buffer, _WEIGHTS, 0] += _once(op, blocks) * strips
        moved[:, buffer, _INPUTS, 0] += blocks.mac_cycles * core.atomic_c * -(-op.bits.I // 8)
        room[:, buffer, _INPUTS] = blocks.room_bytes
        return Ways(
            cycles=blocks.compute_cycles,
            steps=blocks.mac_cycles,
            moved=moved,
            room=room,
            words=tuple(
                f"{MODES[mode]}: strips of {rows} rows"
                + (f" of {images} images" if images > 1 else "")
                + f", {kernels} kernels in the buffer"
                for mode, rows, images, kernels in zip(
                    *(part.tolist() for part in (blocks.mode, blocks.rows, blocks.images, blocks.kernels)), strict=True
                )
            ),
        )


def _once(op: Op, blocks: Blocks) -> Floats:
    """Return the bytes of all weights as each mode stores them."""
    factor = np.where(blocks.mode == MODES.index("winograd"), 16 / 9, 1.0)
    return np.asarray(factor * op.bytes_of(Operand.W))
