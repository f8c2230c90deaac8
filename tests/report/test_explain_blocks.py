"""Layers on engines that cut ops into blocks: sums that are the model's figures, words where there is no loop nest."""

from __future__ import annotations

import re

import pytest

from accelsim import evaluate, load_hardware, load_network
from accelsim.errors import InputError
from accelsim.mappers.exact import best_mapping
from accelsim.report.explain.answer import QUESTIONS, explain
from accelsim.report.explain.case import case_of
from accelsim.report.explain.mapped import map_layer
from accelsim.report.explain.sums import Explanation, Part
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
    assert views["10.pool"].blocks.startswith("blocks of 1 x 2 x 96 outputs")


def test_a_pool_says_what_its_cycles_are_made_of() -> None:
    """Of the Ethos-U55: blocks times cycles of the multipliers, and beside that one block's way in and out."""
    network, design = load_network("resnet18"), load_hardware("ethos_u55")
    found = explain("cycles", network, design, "2.pool")
    count, each = re.search(r", ([\d,.]+) x ([\d,]+) cycles of the multipliers", found.parts[0].title).groups()
    busy = float(count.replace(",", "")) * float(each.replace(",", ""))
    cycles = found.results["latency_cycles"].number().value
    assert 0.99 * cycles < busy < cycles
    (add,) = [part for part in explain("cycles", network, design, "3.1.add").parts if part.title.startswith("engine")]
    assert add.title.endswith(", 301,056 cycles of the output unit")
    assert add.lines[0].number().value == 301056


def test_bytes_that_came_under_the_layer_before_are_told_apart() -> None:
    network, design = load_network("mobilenet_v2"), load_hardware("ethos_u55", macs=256)
    staged = next(one for one in reversed(evaluate(network, design).layers) if "staged on chip" in one.mapping)
    told = {name: _memories(explain("cycles", network, design, name)) for name in (staged.name, "10.pool")}
    assert told["10.pool"].title == "memories"
    assert told[staged.name].title == "memories, by the bytes that move while the layer runs"
    read = next(line.number().value for line in told[staged.name].lines if line.what == "flash reads")
    assert read < staged.bytes_by_level["flash"], "the first slice of the weights came under the layer before"


def _memories(found: Explanation) -> Part:
    (part,) = (part for part in found.parts if part.title.startswith("memories"))
    return part


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
