"""The front door: what is public, and that it is all there."""

from __future__ import annotations

import importlib
import inspect

import pytest

import accelsim as acs


def test_every_public_name_resolves_and_is_documented() -> None:
    for name in acs.__all__:
        member = getattr(acs, name)
        assert inspect.getdoc(member), name
        assert name in dir(acs)


def test_the_table_of_homes_is_the_public_names() -> None:
    assert sorted(acs.__all__) == acs.__all__
    assert set(acs._HOME) == set(acs.__all__)
    for name, home in acs._HOME.items():
        assert name in importlib.import_module(home).__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'evaluat'"):
        acs.evaluat  # noqa: B018


def test_the_example_of_the_front_page() -> None:
    result = acs.evaluate(acs.load_network("mobilenet_v2"), acs.load_hardware("systolic", rows=64))
    assert result.hardware_parameters["rows"] == 64
    assert result.totals.macs == 300_774_272
