"""The micro-architecture of NVDLA, and the published configurations.

Sizes, throughputs and options are those of the configuration files of the hardware repository (nvdla/hw,
``spec/defs``) and of its documentation (nvdla/doc, "Scalability parameters" and "Unit Description").
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from accelsim.errors import InputError, Problem, shown

__all__ = ["PRESETS", "Nvdla", "Ports"]

#: What may be 0, which means that the machine does not have it.
_MAY_BE_0 = ("elementwise_per_cycle", "pooled_per_cycle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nvdla:
    """An NVDLA core.

    Attributes:
        atomic_c: Input channels that a MAC cell multiplies in a cycle, at 8 bits.
        atomic_k: Kernels that work at once, at 8 bits.
        banks: Banks of the convolution buffer (CBUF). A bank holds either weights or features.
        bank_bytes: Bytes of a bank.
        memory_atom_bytes: Channels lie in memory in pieces of so many bytes; the last is filled up.
        weight_load_cycles: Cycles to bring the weights of all MAC cells from the CBUF. They are hidden behind a stripe
            (a run of outputs that share the weights) that is at least so long. The documentation's lower limit of a
            stripe is 16 for the full design; the later ones load a kernel a cycle (``CSC_ATOMK`` in nvdla/hw).
        winograd: Whether 3 x 3 filters of stride 1 can run as F(2x2, 3x3).
        images: Images whose feature maps can share a stripe (multi-batch mode); 1 without that mode.
        sixteen_bit: Whether int16 and fp16 run, with half the kernels at once.
        pixel_channels: Channels of a pixel of the image input (R, G, B, A).
        results_per_cycle: Results that leave the accumulators through the SDP.
        elementwise_per_cycle: Results the SDP adds to a second tensor; 0 if it cannot.
        pooled_per_cycle: Results of the pooling engine (PDP); 0 without one.
        pack_groups: Whether groups of a convolution share the array side by side, their weights filled up with zeros
            to a block-diagonal kernel. Otherwise groups run one after the other.

    Raises:
        InputError: A size is not a whole number of at least 1 (a throughput that may be missing: 0).
    """

    atomic_c: int
    atomic_k: int
    banks: int
    bank_bytes: int
    memory_atom_bytes: int
    weight_load_cycles: int
    winograd: bool = False
    images: int = 1
    sixteen_bit: bool = False
    pixel_channels: int = 4
    results_per_cycle: int = 1
    elementwise_per_cycle: int = 0
    pooled_per_cycle: int = 1
    pack_groups: bool = False

    def __post_init__(self) -> None:
        problems = []
        for part in fields(self):
            value, flag = getattr(self, part.name), part.type == "bool"
            least = 0 if part.name in _MAY_BE_0 else 1
            if flag and not isinstance(value, bool):
                problems.append(Problem(field=f"nvdla.{part.name}", got=shown(value), allowed="true or false"))
            elif not flag and (type(value) is not int or value < least):
                allowed = f"a whole number of at least {least}"
                problems.append(Problem(field=f"nvdla.{part.name}", got=shown(value), allowed=allowed))
        if not problems and self.winograd and self.atomic_c % 16:
            message = "Winograd takes the 16 products of a 4 x 4 tile from one MAC cell"
            problems = [
                Problem(field="nvdla.atomic_c", message=message, got=shown(self.atomic_c), allowed="16, 32, 64")
            ]
        if problems:
            raise InputError(problems)

    @property
    def multipliers(self) -> int:
        """Products a cycle at 8 bits."""
        return self.atomic_c * self.atomic_k

    @property
    def buffer_bytes(self) -> int:
        """Bytes of the convolution buffer."""
        return self.banks * self.bank_bytes

    def kernels_at_once(self, bits: int) -> int:
        """Return the kernels that work at once: half as many beyond 8 bits, but at least one."""
        return self.atomic_k if bits <= 8 else max(1, self.atomic_k // 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Bandwidths outside the core, in bytes per cycle of its clock.

    Attributes:
        dram: The primary memory interface, reads and writes together.
        sram_read: Reads over the secondary interface (CVSRAM); 0 without one.
        sram_write: Writes over it; 0 without one.

    Raises:
        InputError: A bandwidth is not a finite number above 0 (of the SRAM: at least 0).
    """

    dram: float
    sram_read: float = 0.0
    sram_write: float = 0.0

    def __post_init__(self) -> None:
        rates = {"dram": self.dram, "sram_read": self.sram_read, "sram_write": self.sram_write}
        problems = [
            Problem(field=f"ports.{name}", got=shown(rate), allowed="bytes per cycle, a finite number above 0")
            for name, rate in rates.items()
            if not math.isfinite(rate) or rate < 0 or (name == "dram" and rate == 0)
        ]
        if problems:
            raise InputError(problems)


#: The configurations of nvdla/hw: ``nv_full`` is the first design (nvdlav1), all others multiply int8 only.
PRESETS: Mapping[str, Nvdla] = {
    "nv_small": Nvdla(atomic_c=8, atomic_k=8, banks=32, bank_bytes=8 * 512, memory_atom_bytes=8, weight_load_cycles=8),
    "nv_small_256": Nvdla(
        atomic_c=32,
        atomic_k=8,
        banks=32,
        bank_bytes=32 * 128,
        memory_atom_bytes=8,
        weight_load_cycles=8,
        elementwise_per_cycle=1,
    ),
    "nv_medium_512": Nvdla(
        atomic_c=32,
        atomic_k=16,
        banks=32,
        bank_bytes=32 * 512,
        memory_atom_bytes=32,
        weight_load_cycles=16,
        results_per_cycle=2,
        pooled_per_cycle=2,
    ),
    "nv_medium_1024_full": Nvdla(
        atomic_c=32,
        atomic_k=32,
        banks=32,
        bank_bytes=32 * 512,
        memory_atom_bytes=32,
        weight_load_cycles=32,
        images=32,
        results_per_cycle=4,
        elementwise_per_cycle=4,
        pooled_per_cycle=4,
    ),
    "nv_large": Nvdla(
        atomic_c=64,
        atomic_k=32,
        banks=16,
        bank_bytes=64 * 512,
        memory_atom_bytes=32,
        weight_load_cycles=32,
        results_per_cycle=16,
        elementwise_per_cycle=4,
        pooled_per_cycle=8,
    ),
    "nv_full": Nvdla(
        atomic_c=64,
        atomic_k=32,
        banks=16,
        bank_bytes=64 * 512,
        memory_atom_bytes=32,
        weight_load_cycles=16,
        winograd=True,
        images=32,
        sixteen_bit=True,
        results_per_cycle=16,
        elementwise_per_cycle=4,
        pooled_per_cycle=8,
    ),
}
