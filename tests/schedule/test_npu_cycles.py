"""Compute cycles of NVDLA configurations, against counts made independently of this code.

Counted as ceil(C / atomic-C) x ceil(K / atomic-K) x the other loops, a depthwise layer one channel per pass; figures in
millions of cycles. Squeeze-excite layers are left out of the independent count of MobileNetV3.
"""

from __future__ import annotations

import pytest

from accelsim import load_hardware, load_network
from accelsim.schedule.run import run
from accelsim.schedule.steps import plan

NETWORKS = ("resnet50", "mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large")
MCYCLES = {
    (8, 8): (66.97, 26.28, 25.37, 21.61),
    (32, 8): (20.43, 19.95, 22.33, 19.52),
    (32, 32): (5.11, 18.03, 21.14, 18.76),
    (64, 32): (3.17, 17.78, 21.04, 18.67),
}


@pytest.mark.parametrize(("atomic_c", "atomic_k"), MCYCLES)
def test_compute_steps(atomic_c: int, atomic_k: int) -> None:
    hardware = load_hardware("npu", atomic_c=atomic_c, atomic_k=atomic_k)
    for name, expected in zip(NETWORKS, MCYCLES[atomic_c, atomic_k], strict=True):
        layers = plan(load_network(name), hardware.abilities)
        result = run([layers], hardware)
        gates = [place for place, step in enumerate(layers.steps) if ".se." in step.name]
        steps = result.steps.sum() - result.steps[gates].sum()
        assert round(steps / 1e6, 2) == expected, name
