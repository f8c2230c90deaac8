"""The built-in reference sets, one module each; importing this package registers them."""

from accelsim.validation.builtin_sets import ethos_u, eyeriss, fpga, nvdla, scale_sim, timeloop

__all__ = ["ethos_u", "eyeriss", "fpga", "nvdla", "scale_sim", "timeloop"]
