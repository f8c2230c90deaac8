"""Coral's Edge TPU: 200 measured networks of NAS-Bench-201, and Google's own figures of three networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from accelsim.validation.builtin_sets.measured import compare_networks
from accelsim.validation.sets import SETS, Comparison, Files, Kind, ReferenceFile, ReferenceSet, Scope, Series

if TYPE_CHECKING:
    from accelsim.validation.measurements import Measurements

__all__ = ["FITTED", "coral", "unseen"]

#: What was fitted to the measurements of both sets together.
FITTED = (
    "invocation_us",
    "dispatch_cycles",
    "weight_rate",
    "border_rate",
    "vector_rate",
    "pool_rate",
    "add_rate",
)
#: Milliseconds on the Dev Board, whose Edge TPU is behind PCIe (google-coral/edgetpu, benchmarks/reference).
_CORAL = {"mobilenet_v1": 2.22, "mobilenet_v2": 2.56, "inception_v1": 4.0}
#: The same board, of a network that nothing was fitted to (coral.ai/docs/edgetpu/benchmarks).
_BLIND = {"efficientnet_edgetpu_s": 5.5}
_PRESET = "edge_tpu_coral"


def coral(files: Files) -> Measurements:  # noqa: ARG001 - the figures stand above
    """Return Google's latencies of three networks on the Dev Board."""
    return _on_the_board(_CORAL)


def _on_the_board(latencies: dict[str, float]) -> Measurements:
    from accelsim.validation.measurements import Measurements
    from accelsim.workload.load import load_network

    networks = tuple(load_network(name) for name in latencies)
    return Measurements(Path("coral"), "latency_ms", tuple(latencies), networks, np.array(list(latencies.values())))


def unseen(measured: Measurements) -> Series:
    """Return the measured networks with what a fit that did not see them says: five-fold cross-validation.

    The fit is that of the preset, of the same parameters to these networks and Google's three together.
    """
    from accelsim.hardware.load import accelerator_template
    from accelsim.validation.fit import calibrate
    from accelsim.validation.measurements import Measurements

    three = coral({})
    both = Measurements(
        measured.path,
        measured.quantity,
        (*measured.names, *three.names),
        (*measured.networks, *three.networks),
        np.concatenate([measured.values, three.values]),
    )
    found = calibrate(accelerator_template("edge_tpu"), both, FITTED)
    return Series(
        what="latency, not seen by the fit",
        unit="ms",
        scope=Scope.NETWORK,
        names=measured.names,
        groups=("",) * len(measured),
        predicted=found.unseen[: len(measured)],
        reference=measured.values,
    )


def _compare(files: Files) -> Comparison:
    from accelsim.hardware.load import accelerator_template
    from accelsim.validation.measurements import read_measurements
    from accelsim.workload.spaces.nasbench201 import EDGES, index_of

    measured = read_measurements(files["table"])
    (with_preset,) = compare_networks(accelerator_template(_PRESET), measured, {}).series
    points = [{name: network.parameters[name] for name in EDGES} for network in measured.networks]
    names = tuple(f"network {index_of(point)}" for point in points)
    return Comparison((replace(with_preset, names=names), replace(unseen(measured), names=names)))


def _compare_coral(files: Files) -> Comparison:
    from accelsim.hardware.load import accelerator_template

    preset = accelerator_template(_PRESET)
    fitted, blind = (compare_networks(preset, given, {}).series[0] for given in (coral(files), _on_the_board(_BLIND)))
    return Comparison((fitted, replace(blind, what="latency, not seen by the fit")))


SETS.register("edge_tpu")(
    ReferenceSet(
        title="Coral's Edge TPU on NAS-Bench-201",
        kind=Kind.MEASURED,
        source="measured latencies of 200 networks of NAS-Bench-201 for CIFAR-10, 8 bits, on a Coral Edge TPU",
        compared="Latency with the preset `edge_tpu_coral`, whose seven fitted parameters come from these networks and "
        "those of `coral`; and the same from fits that did not see the network in question (five-fold "
        "cross-validation). Networks that are equal but for edges that lead nowhere were measured up to 30 % apart, "
        "4.8 % on average, and outliers are all on the slow side: no model is much closer than this.",
        not_modelled="The compiler's choices beyond those of `edge_tpu`; what else the host does meanwhile.",
        compare=_compare,
        files=(ReferenceFile("table", ("edge_tpu/nasbench201_coral_200.csv",)),),
        plotted=False,
    )
)
SETS.register("coral")(
    ReferenceSet(
        title="Google's figures of the Coral Dev Board",
        kind=Kind.MEASURED,
        source="google-coral/edgetpu, benchmarks/reference: MobileNetV1, MobileNetV2 and InceptionV1 on the Dev Board; "
        "coral.ai/docs/edgetpu/benchmarks: EfficientNet-EdgeTPU-S on the same board",
        compared="Latency with the preset `edge_tpu_coral`. The first three are among the 203 points that it was "
        "fitted to, and settle how fast weights come and maxima are taken, of which NAS-Bench-201 says little. The fit "
        "saw no depthwise window larger than 3 x 3; EfficientNet-EdgeTPU-S, with 5 x 5 ones, is foretold.",
        not_modelled="Larger networks, whose weights do not fit on chip, are bound by the link to the host.",
        compare=_compare_coral,
    )
)
