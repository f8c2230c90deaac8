"""The files that come along: every one loads, at every value of its parameters, and a slip in it would be noticed."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accelsim.config.library import FOLDERS, available, find
from accelsim.config.source import Source
from accelsim.errors import InputError
from accelsim.hardware.load import hardware_template, load_hardware, read_template
from accelsim.hardware.technology import read_table
from accelsim.parameters import Point, Space
from accelsim.study.plan import load_study, plan_study
from accelsim.workload.load import NetworkTemplate, load_network, network_template

TOP = Path(__file__).parent.parent
READERS: dict[str, Callable[[Source], Any]] = {
    "network": NetworkTemplate,
    "hardware": read_template,
    "study": plan_study,
    "technology": read_table,
}
BUNDLED = [(what, name) for what in FOLDERS for name in available(what)]


def source_of(what: str, name: str) -> Source:
    """Return a bundled file."""
    return Source.read(find(what, name))


def test_there_is_a_reader_for_every_folder_and_something_to_read() -> None:
    assert READERS.keys() == FOLDERS.keys()
    assert {"mobilenet_v2", "resnet50"} <= available("network").keys()
    assert {"systolic", "npu", "edge_tpu"} <= available("hardware").keys()
    assert {"quickstart", "cosearch_quickstart"} <= available("study").keys()


@pytest.mark.parametrize(("what", "name"), BUNDLED)
def test_every_bundled_file_loads(what: str, name: str) -> None:
    assert READERS[what](source_of(what, name)) is not None


@pytest.mark.parametrize("folder", sorted(FOLDERS.values()))
def test_folders_hold_nothing_that_is_not_found(folder: str) -> None:
    found = {path for what in FOLDERS for path in available(what).values()}
    files = {path for path in (TOP / folder).rglob("*") if path.is_file()}
    assert files
    assert files <= found


def test_the_wheel_carries_every_folder() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
    carried = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for folder in {name.partition("/")[0] for name in FOLDERS.values()}:
        assert carried[folder] == f"accelsim/_data/{folder}"


@pytest.mark.parametrize(("what", "name"), BUNDLED)
def test_every_file_says_what_it_is(what: str, name: str) -> None:
    data = source_of(what, name).data
    assert isinstance(data, dict)
    assert data["schema_version"] == 1
    assert data["description"].strip()
    assert "\n" not in data["description"]
    if what != "study":
        assert data["sources"], "figures need a source"


@pytest.mark.parametrize(("what", "name"), BUNDLED)
def test_a_misspelt_key_is_found_at_its_line(what: str, name: str) -> None:
    path = find(what, name)
    text = path.read_text(encoding="utf-8")
    # Without its base a preset is no preset: every key that a template needs is then missing.
    keys = [key for key in re.finditer(r"^([a-z_]+):", text, re.MULTILINE) if (what, key[1]) != ("hardware", "base")]
    assert keys
    for key in keys:
        wrong = f"{text[: key.end(1)]}x{text[key.end(1) :]}"
        with pytest.raises(InputError) as caught:
            READERS[what](Source.parse(wrong, path))
        line = text.count("\n", 0, key.start()) + 1
        found = [(p.line, p.field, p.suggestion) for p in caught.value.problems]
        assert (line, f"{key[1]}x", key[1]) in found


def _damaged(text: str, rng: random.Random) -> str:
    """Return ``text`` with a line lost, doubled or moved, a value replaced, or a character lost or added."""
    lines = text.splitlines()
    place = rng.randrange(len(lines))
    line = lines[place]
    at = rng.randrange(len(line) + 1)
    odd = rng.choice(["0", "-1", ".nan", ".inf", "null", "true", "''", "[1]", "{a: 1}", "x", "9**9**9", "1 GB", "rows"])
    lines[place : place + 1] = rng.choice(
        [
            [],
            [line, line],
            [line, rng.choice(lines)],
            [re.sub(r"(?<=: )[^,{}\[\]]+(?=[,}\]]|$)", odd, line, count=rng.randrange(3))],
            [line[:at] + line[at + 1 :]],
            [line[:at] + rng.choice("[]{}:,#&*!|>'\" \tx0-") + line[at:]],
        ]
    )
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("what", "name"), BUNDLED)
def test_a_damaged_file_loads_or_says_where_it_is_wrong(what: str, name: str) -> None:
    rng = random.Random(name)  # noqa: S311 - which damage is done is no secret
    path = find(what, name)
    text = path.read_text(encoding="utf-8")
    refused = 0
    for _ in range(60):
        damaged = _damaged(_damaged(text, rng), rng)
        try:
            READERS[what](Source.parse(damaged, path))
        except InputError as error:
            refused += 1
            assert all(problem.file is not None and problem.field for problem in error.problems)
            assert len(str(error)) < 20_000
    assert refused > 10


@pytest.mark.parametrize("what", ["network", "hardware"])
def test_a_default_outside_its_domain_is_found(what: str) -> None:
    for name, path in available(what).items():
        text = path.read_text(encoding="utf-8")
        wrong, count = re.subn(r"default: (\[[^\]]*\]|[^,}\n]+)", "default: nothing_like_it", text, count=1)
        if "\nbase: " in text and not count:
            continue  # a preset states values, not domains
        assert count, name
        with pytest.raises(InputError, match="is outside the domain"):
            READERS[what](Source.parse(wrong, path))


def _one_at_a_time(space: Space) -> list[Point]:
    """Return the points that differ from the defaults in one parameter, over the grid of its domain."""
    return [{name: value} for name in space.names for value in space[name].domain.grid()]


def _corners(space: Space) -> list[Point]:
    """Return the points with every parameter at its first and at its last value."""
    return [{name: space[name].domain.grid()[end] for name in space.names} for end in (0, -1)]


@pytest.mark.parametrize("name", available("network"))
def test_every_value_of_a_network_parameter_can_be_built(name: str) -> None:
    template = network_template(name)
    for point in (*_one_at_a_time(template.space), *_corners(template.space)):
        network = template.build(point)
        assert network.macs > 0
        assert network.parameters.items() >= point.items()


@pytest.mark.parametrize("name", available("hardware"))
def test_every_value_of_a_template_parameter_can_be_built(name: str) -> None:
    template = hardware_template(name)
    points = [*_one_at_a_time(template.space), *_corners(template.space)]
    built = 0
    for places, accelerator in template.batches(points):
        built += len(places)
        assert accelerator.name == name
        assert all(accelerator.parameters[i].items() >= points[place].items() for i, place in enumerate(places))
    assert built == len(points)


def test_loading_by_name_is_loading_the_bundled_file() -> None:
    assert load_network("mobilenet_v2") == network_template(find("network", "mobilenet_v2")).build({})
    assert load_hardware("systolic").name == "systolic"
    assert load_study("quickstart").total >= 4 * 500, "four networks, at least 500 designs each"
