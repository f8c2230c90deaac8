"""One network and one design, as commands take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from accelsim.cli.settings import split_settings
from accelsim.cli.transforms import transformed

if TYPE_CHECKING:
    from accelsim.hardware.chip import Hardware
    from accelsim.workload.network import Network

__all__ = ["AsJson", "HardwareName", "LayerName", "NetworkName", "Settings", "Transforms", "network_and_design"]

NetworkName: TypeAlias = Annotated[
    str, typer.Option("--network", "-n", help="A network's name, or the path of its YAML file.")
]
HardwareName: TypeAlias = Annotated[
    str, typer.Option("--hardware", "-w", help="A template's name, or the path of its YAML file; CHIP.PART for a part.")
]
LayerName: TypeAlias = Annotated[
    str | None, typer.Option("--layer", "-l", help="A layer, as `accelsim evaluate` names it; all if none is given.")
]
Settings: TypeAlias = Annotated[
    list[str] | None, typer.Option("--set", help="A parameter of the hardware or the network, as name=value.")
]
Transforms: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--transform", help="A step on the network, as name:option=value,option=value; in the order given."),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]


def network_and_design(
    network: str, hardware: str, settings: Sequence[str] | None, transforms: Sequence[str] | None
) -> tuple[Network, Hardware]:
    """Return the network after its transforms, and the design: an accelerator, or a chip of several.

    Raises:
        InputError: A file, a setting or a transform has a mistake.
    """
    from accelsim.hardware.load import hardware_template
    from accelsim.workload.load import network_template

    net, machine = network_template(network), hardware_template(hardware)
    for_network, for_hardware = split_settings(settings or [], net.space, machine.space)
    return transformed(net.build(for_network), transforms or []), machine.instantiate(for_hardware)
