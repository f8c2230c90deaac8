"""The work that every tool gets: a machine, a dozen single layers, and two whole networks as lists of layers.

The lists are written from the published tables and not read from accelsim, so that no tool is favoured; a test holds
them against accelsim's own networks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path

__all__ = ["MACHINE", "WARM_UP", "Job", "Layer", "Machine", "jobs", "mobilenet_v2", "resnet18"]


@dataclass(frozen=True)
class Machine:
    """A weight-stationary array with one level of on-chip memory; operands of one byte, partial sums of four.

    Attributes:
        rows: PEs down the array.
        columns: PEs across the array.
        buffer_kib: On-chip memory for all operands together, in KiB.
        dram_bytes_per_cycle: DRAM bandwidth in bytes a cycle.
    """

    rows: int
    columns: int
    buffer_kib: int
    dram_bytes_per_cycle: int


@dataclass(frozen=True)
class Layer:
    """A square convolution of one image, padded by half its kernel; a classifier has a map of 1x1.

    Attributes:
        name: Name, without commas.
        inputs: Input channels.
        outputs: Output channels.
        size: Input rows and columns.
        kernel: Kernel rows and columns.
        stride: Stride in both directions.
        groups: 1, or ``inputs`` for a depthwise layer.
    """

    name: str
    inputs: int
    outputs: int
    size: int
    kernel: int
    stride: int = 1
    groups: int = 1

    @property
    def output_size(self) -> int:
        """Return output rows and columns."""
        return (self.size + 2 * (self.kernel // 2) - self.kernel) // self.stride + 1

    @property
    def macs(self) -> int:
        """Return multiply-accumulates."""
        return self.output_size**2 * self.outputs * self.kernel**2 * self.inputs // self.groups

    def array_cycles(self, machine: Machine) -> int:
        """Return the compute cycles of one group on the weight-stationary array (SCALE-Sim's sum, arXiv 1811.02883)."""
        window, outputs = self.kernel**2 * self.inputs // self.groups, self.outputs // self.groups
        folds = ceil(window / machine.rows) * ceil(outputs / machine.columns)
        return folds * (self.output_size**2 + 2 * machine.rows + machine.columns - 2)


@dataclass(frozen=True)
class Job:
    """What a driver is given in one run.

    Attributes:
        name: Name in the table.
        machine: What the layers run on.
        layers: The layers in order.
        network: Name of the same network in accelsim; empty for layers on their own.
    """

    name: str
    machine: Machine
    layers: tuple[Layer, ...]
    network: str = ""

    def write(self, path: Path) -> None:
        """Write the job to a JSON file."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Job:
        """Return the job that ``write`` wrote."""
        data = json.loads(path.read_text(encoding="utf-8"))
        layers = tuple(Layer(**layer) for layer in data["layers"])
        return cls(data["name"], Machine(**data["machine"]), layers, data["network"])


MACHINE = Machine(rows=32, columns=32, buffer_kib=512, dram_bytes_per_cycle=16)
#: Run once before the clock starts, so that imports and compilers count as start-up; it is part of no job.
WARM_UP = Layer("warm_up", inputs=8, outputs=8, size=8, kernel=3)


def mobilenet_v2() -> tuple[Layer, ...]:
    """Return the layers of MobileNetV2 1.0 at 224x224 (arXiv 1801.04381, table 2)."""
    layers = [Layer("stem", 3, 32, 224, 3, 2)]
    inputs, size = 32, 112
    table = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for stage, (expand, outputs, repeat, first) in enumerate(table, start=1):
        for turn in range(repeat):
            stride, hidden, name = first if turn == 0 else 1, inputs * expand, f"{stage}.{turn + 1}"
            if expand > 1:
                layers.append(Layer(f"{name}.expand", inputs, hidden, size, 1))
            layers.append(Layer(f"{name}.depthwise", hidden, hidden, size, 3, stride, groups=hidden))
            size = layers[-1].output_size
            layers.append(Layer(f"{name}.project", hidden, outputs, size, 1))
            inputs = outputs
    return (*layers, Layer("head", 320, 1280, 7, 1), Layer("classifier", 1280, 1000, 1, 1))


def resnet18() -> tuple[Layer, ...]:
    """Return the layers of ResNet-18 at 224x224 (arXiv 1512.03385, table 1)."""
    layers = [Layer("stem", 3, 64, 224, 7, 2)]
    inputs, size = 64, 56
    for stage, outputs in enumerate((64, 128, 256, 512), start=1):
        for turn in range(2):
            stride = 2 if stage > 1 and turn == 0 else 1
            name = f"{stage}.{turn + 1}"
            layers.append(Layer(f"{name}.conv1", inputs, outputs, size, 3, stride))
            layers.append(Layer(f"{name}.conv2", outputs, outputs, layers[-1].output_size, 3))
            if inputs != outputs:
                layers.append(Layer(f"{name}.shortcut", inputs, outputs, size, 1, stride))
            inputs, size = outputs, layers[-1].output_size
    return (*layers, Layer("classifier", 512, 1000, 1, 1))


def _named(layers: Iterable[Layer], names: str) -> tuple[Layer, ...]:
    known = {layer.name: layer for layer in layers}
    return tuple(known[name] for name in names.split())


def jobs(machine: Machine = MACHINE) -> tuple[Job, ...]:
    """Return what is measured: twelve layers one by one, and both networks."""
    mobile, residual = mobilenet_v2(), resnet18()
    single = _named(mobile, "stem 2.1.expand 2.1.depthwise 2.1.project 4.2.depthwise 4.2.project head")
    single += _named(residual, "1.1.conv1 2.1.conv1 2.1.shortcut 3.2.conv2 4.2.conv2")
    return (
        Job("12 single layers", machine, single),
        Job("MobileNetV2", machine, mobile, "mobilenet_v2"),
        Job("ResNet-18", machine, residual, "resnet18"),
    )
