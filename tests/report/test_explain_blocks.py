"""Layers on engines that cut ops into blocks: sums that are the model's figures, words where there is no loop nest."""

from __future__ import annotations

import pytest

from accelsim import evaluate, load_hardware, load_network
from accelsim.errors import InputError
from accelsim.mappers.exact import best_mapping
from accelsim.report.explain.answer import QUESTIONS, explain
from accelsim.report.explain.case import case_of
from accelsim.report.explain.mapped import map_layer
from accelsim.report.explain.view import mapping_views
from accelsim.schedule.run import run
from accelsim.schedule.steps import plan


@pytest.mark.parametrize("question", sorted(QUESTIONS))
@pytest.mark.parametrize("layer", ["1.conv", "3.1.depthwise", "3.2.add", "10.pool", "11.fc"])
def test_every_figure_of_a_layer_can_be_explained(question: str, layer: str) -> None:
    """``explain`` itself refuses a sum that is not the model's figure."""
    found = explain(question, load_network("mobilenet_v2"), load_hardware("ethos_u55"), layer)
    assert found.results


def test_the_engines_cycles_are_one_number_with_the_blocks_in_words() -> None:
    network, design = load_network("mobilenet_v2"), load_hardware("ethos_u55")
    found = explain("cycles", network, design, "3.2.project")
    layer = next(one for one in evaluate(network, design).layers if one.name == "3.2.project")
    assert found.parts[0].title == f"engine ethos_u: {layer.mapping}"
    (line,) = found.parts[0].lines
    assert line.what == "cycles of the engine"
    assert line.number().value <= layer.metrics.latency_cycles


def test_there_is_no_loop_nest_to_show_but_blocks() -> None:
    network, design = load_network("mobilenet_v2"), load_hardware("ethos_u55")
    views = {view.layer: view for view in mapping_views(network, design)}
    assert views["1.conv"].lines == ()
    assert views["1.conv"].blocks.startswith("blocks of ")
    assert views["1.conv"].as_dict()["blocks"] == views["1.conv"].blocks
    assert views["10.pool"].blocks == ""
    assert "blocks" not in views["10.pool"].as_dict()


def test_the_exact_mapper_refuses_by_the_engines_name() -> None:
    network, design = load_network("mobilenet_v2"), load_hardware("ethos_u55")
    message = "the engine ethos_u cuts ops into blocks of its own: there is no loop nest to search for"
    with pytest.raises(InputError, match=message):
        best_mapping(network.nodes[0].op, design)
    with pytest.raises(InputError, match=message):
        map_layer(network, design, "1.conv")


def test_a_front_of_blocks_has_no_case() -> None:
    design = load_hardware("ethos_u55")
    steps = plan(load_network("mobilenet_v2"), design.abilities)
    front, row = run([steps], design).mapped(0, 0)
    with pytest.raises(TypeError, match="no loop nests"):
        case_of("1.conv", design, front, row)
