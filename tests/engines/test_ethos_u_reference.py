"""The Ethos-U model against the estimates of the vendor's compiler: layer by layer, and whole networks."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from accelsim.engines.ethos_u import Estimate, Kind, Layer, Spread, chain, estimate, npu, system

REFERENCE = Path(__file__).parents[1] / "reference" / "ethos_u"
SYSTEM_OF = {"ethos-u55": "ethos-u55-high-end-embedded", "ethos-u65": "ethos-u65-high-end"}
KIND_OF = {"Conv2D": Kind.CONVOLUTION, "DepthwiseConv2D": Kind.DEPTHWISE, "FullyConnected": Kind.FULLY_CONNECTED}
MACHINES = ("ethos-u55-128", "ethos-u55-256", "ethos-u65-256")
GENERATED = ("gen_mobilenet_v1", "gen_resnet18", "gen_resnet50")
TRAINED = "mobilenet_v1_1.0_224_quant_embedding_extractor"
#: Trained weights of the published network take 5.74 bits each, as weights of this deviation do.
TRAINED_SPREAD = Spread(9.8)


def rows(name: str) -> list[dict[str, str]]:
    with (REFERENCE / name).open() as file:
        return list(csv.DictReader(file))


def of_row(row: dict[str, str], kind: Kind) -> Layer:
    high, wide, deep, out, taps, stride, rows_out, columns_out = (
        int(row[name]) for name in ("ih", "iw", "c", "k", "fh", "stride", "oh", "ow")
    )
    across = int(row.get("fw") or taps)
    return Layer(
        kind=kind,
        ifm=(high, wide, deep),
        ofm=(rows_out, columns_out, out),
        kernel=(taps, across),
        stride=(stride, stride),
    )


def machine_of(name: str) -> str:
    return SYSTEM_OF[npu(name).family]


def percentile(errors: Iterable[float], share: float) -> float:
    return float(np.percentile(np.abs(list(errors)), share))


# ------------------------------------------------------------------------------------------------ layers alone
@cache
def single() -> list[tuple[dict[str, str], Estimate]]:
    found = []
    for row in rows("single_layers.csv"):
        kind = Kind.DEPTHWISE if row["kind"] == "dw" else Kind.CONVOLUTION
        machine = npu(row["accelerator"])
        found.append((row, estimate(of_row(row, kind), machine, system(machine_of(machine.name)))))
    return found


def single_errors(machine: str, ours: str, theirs: tuple[str, ...]) -> list[float]:
    errors = []
    for row, got in single():
        expected = sum(float(row[name]) for name in theirs)
        if row["accelerator"] == machine and expected:
            errors.append(getattr(got, ours) / expected - 1)
    return errors


def test_all_rows_of_layers_are_there() -> None:
    assert len(single()) == 303


@pytest.mark.parametrize("machine", MACHINES)
def test_npu_cycles_of_layers_are_those_of_the_compiler(machine: str) -> None:
    errors = single_errors(machine, "npu_cycles", ("npu_cycles",))
    assert len(errors) == 101
    assert percentile(errors, 50) < 1e-4
    assert percentile(errors, 90) < 2e-3
    assert max(np.abs(errors)) < 7e-3


@pytest.mark.parametrize("machine", MACHINES)
def test_where_no_weights_are_moved_npu_cycles_are_exact(machine: str) -> None:
    alone = [
        (got.npu_cycles, float(row["npu_cycles"]))
        for row, got in single()
        if row["accelerator"] == machine and got.staging is not None and not got.staging.staged
    ]
    assert len(alone) > 15
    assert all(ours == theirs for ours, theirs in alone)


def test_weights_are_staged_where_the_compiler_stages_them_and_in_a_buffer_of_its_size() -> None:
    for row, got in single():
        maps = sum(-(-int(np.prod(shape)) // 16) * 16 for shape in (_ifm(row), _ofm(row)))
        buffer = int(float(row["staging_usage_bytes"])) - (maps if "u55" in row["accelerator"] else 0)
        assert got.staging is not None
        assert got.staging.staged == (buffer > 0), row["layer"]
        if buffer:
            # A few 16-byte words apart: the sample of weights, where the law gives the mean.
            assert got.staging.buffer_bytes == pytest.approx(buffer, rel=0.02, abs=64), row["layer"]


def _ifm(row: dict[str, str]) -> tuple[int, ...]:
    return tuple(int(row[name]) for name in ("ih", "iw", "c"))


def _ofm(row: dict[str, str]) -> tuple[int, ...]:
    return tuple(int(row[name]) for name in ("oh", "ow", "k"))


@pytest.mark.parametrize("machine", MACHINES)
def test_cycles_of_memories_are_those_of_the_compiler(machine: str) -> None:
    far = single_errors(machine, "far_cycles", ("dram_access_cycles", "offchip_flash_cycles"))
    assert percentile(far, 50) < 1e-3
    assert percentile(far, 90) < 3e-2
    near = single_errors(machine, "sram_cycles", ("sram_access_cycles",))
    assert percentile(near, 50) < 1e-3
    assert percentile(near, 90) < 3e-2


def test_op_cycles_are_those_of_the_compiler() -> None:
    errors = [got.cycles / float(row["op_cycles"]) - 1 for row, got in single()]
    assert percentile(errors, 50) < 1e-4
    assert percentile(errors, 90) < 2e-3
    assert max(np.abs(errors)) < 0.03


# ------------------------------------------------------------------------------------------------ whole networks
def layers_of(ops: list[dict[str, str]]) -> list[Layer]:
    layers: list[Layer] = []
    for row in ops:
        shape = layers[-1].ofm if layers else (0, 0, 0)
        high, wide, deep = shape
        if row["npu_op"] in KIND_OF:
            layers.append(of_row(row, KIND_OF[row["npu_op"]]))
        elif row["npu_op"] == "Add":
            layers.append(Layer(kind=Kind.ADD, ifm=shape, ofm=shape, inputs=2))
        elif row["npu_op"] == "MaxPool":
            ofm = (high // 2, wide // 2, deep)
            layers.append(Layer(kind=Kind.MAX_POOL, ifm=shape, ofm=ofm, kernel=(3, 3), stride=(2, 2)))
        else:
            assert row["npu_op"] == "AvgPool"
            layers.append(Layer(kind=Kind.AVERAGE_POOL, ifm=shape, ofm=(1, 1, deep), kernel=(high, wide)))
    return layers


@cache
def networks() -> dict[tuple[str, str], list[tuple[dict[str, str], Estimate]]]:
    ops: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in rows("networks_per_op.csv"):
        ops[row["model"], row["accelerator"]].append(row)
    found = {}
    for (model, machine), group in ops.items():
        # The published network has the shapes of the generated one, but no classifier.
        shapes = ops["gen_mobilenet_v1", machine][: len(group)] if model == TRAINED else group
        spread = TRAINED_SPREAD if model == TRAINED else Spread()
        done = chain(layers_of(shapes), npu(machine), system(machine_of(machine)), spread)
        found[model, machine] = list(zip(group, done, strict=True))
    return found


def summary(model: str, machine: str) -> dict[str, str]:
    name = machine.replace("-", "_").replace("ethos_u", "Ethos_U")
    return next(
        row for row in rows("networks_summary.csv") if (row["model"], row["accelerator_configuration"]) == (model, name)
    )


CASES = [(model, machine) for model in (*GENERATED, TRAINED) for machine in MACHINES]


@pytest.mark.parametrize(("model", "machine"), CASES)
def test_npu_cycles_of_the_ops_of_networks_are_those_of_the_compiler(model: str, machine: str) -> None:
    errors = [got.npu_cycles / float(row["npu_cycles"]) - 1 for row, got in networks()[model, machine]]
    assert percentile(errors, 50) < 1e-6
    assert percentile(errors, 90) < 5e-4
    assert max(np.abs(errors)) < 2e-3


@pytest.mark.parametrize(("model", "machine"), CASES)
def test_totals_of_networks_are_those_of_the_compiler(model: str, machine: str) -> None:
    total = sum(got.cycles for _, got in networks()[model, machine])
    expected = float(summary(model, machine)["cycles_total"])
    assert total == pytest.approx(expected, rel=1.1e-2 if model == TRAINED else 1e-4)


@pytest.mark.parametrize(("model", "machine"), [case for case in CASES if case[0] != TRAINED])
def test_bytes_of_networks_are_those_of_the_compiler(model: str, machine: str) -> None:
    stated = summary(model, machine)
    ops = [got for _, got in networks()[model, machine]]
    far = float(stated["dram_total_bytes"]) + float(stated["off_chip_flash_total_bytes"])
    assert sum(op.sram_bytes for op in ops) == pytest.approx(float(stated["sram_total_bytes"]), rel=5e-4)
    assert sum(op.far_bytes for op in ops) == pytest.approx(far, rel=5e-4)


@pytest.mark.parametrize(("model", "machine"), [case for case in CASES if case[0] != TRAINED])
def test_coded_weights_of_networks_have_the_size_of_the_compilers(model: str, machine: str) -> None:
    coded = sum(sum(got.staging.code.weights) for _, got in networks()[model, machine] if got.staging)
    assert coded == pytest.approx(float(summary(model, machine)["total_npu_encoded_weights"]), rel=2e-4)


@pytest.mark.parametrize("machine", MACHINES[:2])
def test_bytes_of_trained_weights_are_near_with_one_deviation_for_all_layers(machine: str) -> None:
    stated = summary(TRAINED, machine)
    ops = [got for _, got in networks()[TRAINED, machine]]
    assert sum(op.sram_bytes for op in ops) == pytest.approx(float(stated["sram_total_bytes"]), rel=0.03)
    assert sum(op.far_bytes for op in ops) == pytest.approx(float(stated["off_chip_flash_total_bytes"]), rel=0.01)
