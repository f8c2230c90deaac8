"""A million designs of the systolic template, each with the best mapping of every MobileNetV2 layer; one core.

Run as ``python -m benchmarks.sweep [DESIGNS]`` in a process of its own, so that memory and time are its alone.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

import accelsim as acs
from accelsim.parameters import Space

DESIGNS = 1_000_000


def columns(space: Space, designs: int, seed: int = 0) -> dict[str, object]:
    """Return random designs: every parameter takes the values of its domain alike."""
    drawn = np.random.default_rng(seed)
    return {parameter.name: drawn.choice(np.array(parameter.domain.grid()), designs) for parameter in space.parameters}


def main() -> None:
    """Sweep twice: with everything to be found out, and again."""
    designs = int(sys.argv[1]) if len(sys.argv) > 1 else DESIGNS
    network, template = acs.load_network("mobilenet_v2"), acs.hardware_template("systolic")
    acs.sweep(acs.load_network("resnet18"), template, {})  # compiled code is loaded before the clock starts
    given = columns(template.space, designs)
    for what in ("first", "again"):
        start = time.process_time()
        found = acs.sweep(network, template, given)
        seconds = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{designs:,} systolic designs x MobileNetV2, {what}: {seconds:.1f} s of one core, "
            f"{designs / seconds:,.0f} designs/s, {found.legal.mean():.1%} fit, peak memory {peak:.0f} MiB"
        )


if __name__ == "__main__":
    main()
