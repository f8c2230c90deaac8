"""The built-in reference sets, one module each; importing this package registers them."""

from accelsim.validation.builtin_sets import (
    edge_tpu,
    ethos_u,
    ethos_u_template,
    eyeriss,
    fpga,
    nvdla,
    scale_sim,
    timeloop,
)

__all__ = ["edge_tpu", "ethos_u", "ethos_u_template", "eyeriss", "fpga", "nvdla", "scale_sim", "timeloop"]
