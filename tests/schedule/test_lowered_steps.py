"""Ops of several parts, products of two activations, look-ups, and networks of several inputs and results, as steps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from oracle.machines import machine
from random_networks import any_width

from accelsim.dims import Operand
from accelsim.hardware.accelerator import Abilities, Accelerator
from accelsim.schedule.evaluate import evaluate
from accelsim.schedule.run import Run, run
from accelsim.schedule.steps import Plan, Step, plan
from accelsim.workload.builder import Builder, Tensor
from accelsim.workload.network import INPUT, Network, Node
from accelsim.workload.ops import Bits, convolution, deformable, elementwise, embedding, fully_connected, move, scan
from accelsim.workload.ops import attention as attend

TEMPLATES = ("systolic", "npu", "edge_tpu")
TOKENS, WIDTH, HEADS = 6, 8, 2
#: Bytes of a map of tokens, and of all scores.
MAP, SCORES = TOKENS * WIDTH, HEADS * TOKENS * TOKENS


def keeping(folder: Path, operands: str, share: float, *changes: tuple[str, str]) -> Accelerator:
    """Return the small machine of 4096 bytes, where whole tensors of ``operands`` may take a ``share`` of them."""
    flags = f"double_buffered: true, keeps: [{operands}], keep_share: {share}}}"
    return machine(folder, ("double_buffered: true}", flags), *changes).instantiate({"buffer_bytes": 4096})


def writers(step: Step) -> list[int]:
    """Return the steps whose results a step reads; -1 is an input of the network."""
    return [read.writer for read in step.reads]


def ran(network: Network, design: Accelerator) -> tuple[Plan, Run]:
    """Return the steps of a network, and what they cost."""
    steps = plan(network, design.abilities)
    return steps, run([steps], design)


def dram(network: Network, design: Accelerator) -> dict[str, float]:
    """Return bytes to and from the outermost memory by step."""
    return {layer.name: layer.metrics.dram_bytes for layer in evaluate(network, design).layers}


def built(builder: Builder, name: str = "net", inputs: tuple[str, ...] = (INPUT,)) -> Network:
    return Network(name, tuple(builder.nodes), inputs=inputs)


def attention(*, fused: bool) -> Network:
    """Return self-attention over 6 tokens of width 8, two heads of width 4, in one op or in three."""
    b = Builder((1, WIDTH, 1, TOKENS))
    q, k, v = (b.linear(role, b.input, WIDTH, bias=False) for role in "qkv")
    if fused:
        result = b.attention("attend", q, k, v, HEADS)
    else:
        scores = b.matmul("scores", q, k, HEADS)
        result = b.matmul("values", b.each("softmax", "softmax", scores), v, HEADS)
    b.linear("out", result, WIDTH, bias=False)
    return built(b)


# --------------------------------------------------------------------------------------------------- fused attention


def test_fused_attention_is_three_steps_that_hand_on_their_results() -> None:
    steps = plan(attention(fused=True), Abilities()).steps
    assert [step.name for step in steps] == ["q", "k", "v", "attend.scores", "attend.softmax", "attend.values", "out"]
    assert [writers(step) for step in steps] == [[-1], [-1], [-1], [0, 1], [3], [4, 2], [5]]
    assert [step.streamed for step in steps] == [False, False, False, True, True, False, False]
    assert [step.last_use for step in steps] == [3, 3, 5, 4, 5, 6, 7]
    operands = [[read.operand for read in step.reads] for step in steps[3:6]]
    assert operands == [[Operand.I, Operand.W], [Operand.I], [Operand.I, Operand.W]], "keys and values are multiplied"
    assert [step.held_bytes for step in steps[3:6]] == [TOKENS, TOKENS, MAP], "a row of one head, not all scores"
    assert [step.output_bytes for step in steps[3:6]] == [SCORES, SCORES, MAP]


def test_bytes_alive_while_attention_runs() -> None:
    # The input waits for q, k and v, and these for their readers; of the scores a row lives.
    assert plan(attention(fused=True), Abilities()).live_bytes == (
        MAP + MAP,
        MAP + 2 * MAP,
        MAP + 3 * MAP,
        3 * MAP + TOKENS,
        # The softmax writes over the row of scores.
        MAP + TOKENS,
        MAP + TOKENS + MAP,
        MAP + MAP,
    )
    apart = plan(attention(fused=False), Abilities()).live_bytes
    assert apart[3:6] == (3 * MAP + SCORES, MAP + SCORES, MAP + SCORES + MAP)


def test_fused_attention_never_moves_its_scores_outside(tmp_path: Path) -> None:
    # Room for no map of 48 bytes, but for rows of scores.
    design = keeping(tmp_path, "I, O", 20 / 4096)
    assert dram(attention(fused=True), design) == {
        **dict.fromkeys("qkv", WIDTH * WIDTH + MAP + MAP),
        "attend.scores": MAP + MAP,
        "attend.softmax": 0,
        "attend.values": MAP + MAP,
        "out": WIDTH * WIDTH + MAP + MAP,
    }
    apart = dram(attention(fused=False), design)
    assert apart["scores"] == MAP + MAP + SCORES
    assert apart["softmax"] == SCORES + SCORES
    assert apart["values"] == SCORES + MAP + MAP


def test_with_room_for_all_maps_only_the_weights_the_input_and_the_result_move(tmp_path: Path) -> None:
    weights = WIDTH * WIDTH
    for fused, room in ((True, 4 * MAP), (False, 4 * MAP + SCORES)):
        moved = dram(attention(fused=fused), keeping(tmp_path, "I, O", room / 4096))
        assert sum(moved.values()) == 4 * weights + 3 * MAP + MAP, "the input three times, as no input is kept"
        assert moved["out"] == weights + MAP


def test_without_a_memory_that_keeps_results_the_scores_go_out(tmp_path: Path) -> None:
    design = machine(tmp_path).instantiate({"buffer_bytes": 4096})
    fused, apart = (dram(attention(fused=flag), design) for flag in (True, False))
    assert fused["attend.scores"] == apart["scores"] == MAP + MAP + SCORES
    assert fused["attend.softmax"] == apart["softmax"] == 2 * SCORES
    assert fused["attend.values"] == apart["values"] == SCORES + MAP + MAP


@pytest.mark.parametrize("name", TEMPLATES)
def test_fusing_moves_no_more_and_computes_the_same(name: str) -> None:
    b = Builder((1, 64, 1, 128))
    b.attention("a", b.input, b.input, b.input, 4)
    apart = Builder((1, 64, 1, 128))
    scores = apart.matmul("s", apart.input, apart.input, 4)
    apart.matmul("v", apart.each("m", "softmax", scores), apart.input, 4)
    design = any_width(name).instantiate({})
    one, three = (evaluate(built(builder), design).totals for builder in (b, apart))
    assert one.macs == three.macs == 2 * 4 * 128 * 128 * 16
    assert one.dram_bytes <= three.dram_bytes
    scores_bytes = 4 * 128 * 128
    if name == "npu":
        assert one.dram_bytes == three.dram_bytes >= 4 * scores_bytes, "it keeps nothing between layers"
    else:
        assert one.dram_bytes < scores_bytes


# ------------------------------------------------------------------------ multiplied as if it were weights


def product() -> Network:
    """Return the product of two results, 6 rows by 8 x 10: 48 and 80 bytes."""
    b = Builder((1, 4, 1, 6))
    x = b.linear("x", b.input, 8, bias=False)
    y = b.linear("y", b.input, 8, bias=False)
    z = b.add("z", move("pad", (1, 8, 1, 10), (48,)), y)
    b.matmul("product", x, z)
    return built(b)


def test_the_second_of_two_activations_stays_where_its_writer_left_it(tmp_path: Path) -> None:
    assert product().nodes[-1].op.elements_read == (48, 80)
    # Room for all: only the result of 6 x 10 moves.
    assert dram(product(), keeping(tmp_path, "I, O", 0.5))["product"] == 60
    # 100 bytes: x of 48 stays, y too; z finds no room beside both, so it goes out and comes back.
    moved = dram(product(), keeping(tmp_path, "I, O", 100 / 4096))
    assert (moved["z"], moved["product"]) == (80, 80 + 60)
    # Room for nothing.
    assert dram(product(), keeping(tmp_path, "I, O", 1 / 4096))["product"] == 48 + 80 + 60


def test_where_weights_come_from_another_memory_it_goes_out_first(tmp_path: Path) -> None:
    old = "  - {name: buffer, holds: [W, I, O], size: buffer_bytes B, bandwidth: 16 B/cycle, kind: sram, "
    apart = (
        "  - {name: filters, holds: [W], size: buffer_bytes B, bandwidth: 16 B/cycle, kind: sram, keeps: [W]}\n"
        "  - {name: maps, holds: [I, O], size: buffer_bytes B, bandwidth: 16 B/cycle, kind: sram, keeps: [I, O]}\n"
    )
    design = machine(tmp_path, (old + "double_buffered: true}\n", apart)).instantiate({"buffer_bytes": 4096})
    moved = dram(product(), design)
    # Both feature maps have room; z is written outside all the same, because the array takes weights from there.
    assert (moved["z"], moved["product"]) == (80, 80 + 60)


def tensors_outside(steps: Plan, result: Run) -> tuple[set[int], set[int]]:
    """Return the steps whose results are fetched from outside, and those whose results are written there."""
    fetched, written = set(), set()
    for place, step in enumerate(steps.steps):
        if not result.stays.outputs[place, 0]:
            written.add(place)
        for read in step.reads:
            inside = result.stays.weights if read.operand is Operand.W else result.stays.outputs
            at = place if read.operand is Operand.W else read.writer
            if read.writer >= 0 and not inside[at, 0]:
                fetched.add(read.writer)
    return fetched, written


@pytest.mark.parametrize("name", TEMPLATES)
def test_nothing_comes_from_outside_that_did_not_go_there(name: str) -> None:
    for network in (product(), attention(fused=True), attention(fused=False), menagerie()):
        fetched, written = tensors_outside(*ran(network, any_width(name).instantiate({})))
        assert fetched <= written


# ------------------------------------------------------------------------------------------------------ several writers


def upsampling() -> Network:
    """Return a 3 x 3 filter upsampling 5 x 7 to 9 x 13 in four phases, and a pointwise layer after it."""
    b = Builder((1, 4, 5, 7))
    up = b.transposed("up", b.input, 6, 3, stride=2, padding=1, bias=False)
    assert up.shape == (1, 6, 9, 13)
    b.conv("next", up, 2, norm=False)
    return built(b)


def test_a_tensor_that_several_steps_write_is_read_from_each() -> None:
    steps = plan(upsampling(), Abilities()).steps
    assert [step.name for step in steps] == ["up.2x2", "up.2x1", "up.1x2", "up.1x1", "next"]
    assert [writers(step) for step in steps] == [[-1]] * 4 + [[0, 1, 2, 3]]
    assert [step.last_use for step in steps] == [4, 4, 4, 4, 5]
    # Each phase has a pixel for every input pixel; what padding cuts off is shared out evenly.
    assert [read.bytes for read in steps[-1].reads] == [6 * 9 * 13 / 4] * 4
    uneven = Builder((1, 4, 5, 7))
    up = uneven.transposed("up", uneven.input, 6, (3, 4), stride=(3, 3), padding=0, bias=False)
    uneven.conv("next", up, 2, norm=False)
    # Rows: 3 phases of one tap. Columns: one phase of two taps and two phases of one.
    after = plan(built(uneven), Abilities()).steps
    assert [step.name for step in after] == ["up.1x2", "up.1x1", "next"]
    assert [step.output_bytes for step in after[:2]] == [3 * 6 * 35, 6 * 6 * 35]
    shares = [read.bytes for read in after[-1].reads]
    assert shares == pytest.approx([up.elements / 3, up.elements * 2 / 3])
    assert sum(shares) == pytest.approx(up.elements)


def test_an_activation_after_several_steps_is_a_step_of_its_own() -> None:
    b = Builder((1, 4, 5, 7))
    b.transposed("up", b.input, 6, 3, stride=2, activation="relu")
    steps = plan(built(b), Abilities(("relu",))).steps
    assert [step.label for step in steps][-1] == "relu"
    single = Builder((1, 4, 5, 7))
    single.transposed("up", single.input, 6, 2, stride=2, activation="relu")
    assert [step.label for step in plan(built(single), Abilities(("relu",))).steps] == ["pointwise + relu"]


def test_phases_stay_on_chip_together_or_apart(tmp_path: Path) -> None:
    # Four phases of 210 bytes: room for three.
    moved = dram(upsampling(), keeping(tmp_path, "I, O", 700 / 4096))
    assert moved["up.1x2"] < moved["up.1x1"]
    _, result = ran(upsampling(), keeping(tmp_path, "I, O", 700 / 4096))
    assert result.stays.outputs[:, 0].tolist() == [True, True, True, False, False]
    assert not result.stays.inputs[4, 0], "one part is outside"


# ------------------------------------------------------------------------------------------ look-ups, cuts and gathers


def test_only_what_is_looked_up_moves(tmp_path: Path) -> None:
    """Six rows of a table of a thousand; a quarter of a map; a product so that the array has work."""
    b = Builder((1, 1, 1, 6))
    words = b.add("words", elementwise("unary", (1, 1, 1, 6)), b.input)
    table = Tensor("table", b.add("table", embedding(6, 1000, 8), words).shape)
    part = b.move("part", "slice", (1, 2, 1, 6), table)
    b.linear("out", part, 3, bias=False)
    moved = dram(built(b), machine(tmp_path).instantiate({"buffer_bytes": 4096}))
    assert moved["table"] == 6 * 8 + 6 + 48, "six rows, six indices, the result"
    assert moved["part"] == 12 + 12, "a quarter of 48 in, and out"
    assert moved["out"] == 6 + 12 + 18


@pytest.mark.parametrize(("shape", "fetched"), [("full", 4 * 9 * 20 * 6), ("bounded", 120), ("square", 120)])
def test_a_deformable_convolution_gathers(shape: str, fetched: int, tmp_path: Path) -> None:
    op = deformable(shape, (1, 6, 4, 5), 8, (3, 3))  # type: ignore[arg-type]
    offsets = op.elements_read[1]
    node = Node("deform", op, (INPUT, "offsets"))
    network = Network("net", (node,), inputs=(INPUT, "offsets"))
    moved = dram(network, machine(tmp_path).instantiate({"buffer_bytes": 65536}))
    samples = 9 * 20 * 6
    assert moved["deform.sample"] == fetched + offsets + samples
    assert moved["deform.convolve"] == samples + 8 * 54 + 8 * 20


# ------------------------------------------------------------------------------------------------- inputs and results


def cached() -> Network:
    """Return a decoding step: one query of two heads against the keys and values of 5 earlier tokens."""
    b = Builder((1, 8, 1, 1), inputs={"keys": (1, 8, 1, 5), "values": (1, 8, 1, 5)})
    q = b.linear("q", b.input, 8, bias=False)
    k = b.linear("k", b.input, 8, bias=False)
    b.each("keep", "store", k)
    result = b.attention("attend", q, b.inputs["keys"], b.inputs["values"], 2)
    b.linear("out", result, 8, bias=False)
    return built(b, inputs=(INPUT, "keys", "values"))


def test_inputs_come_from_outside_and_every_result_goes_there(tmp_path: Path) -> None:
    network = cached()
    assert network.results == ("keep", "out")
    steps = plan(network, Abilities()).steps
    assert [writers(step) for step in steps] == [[-1], [-1], [1], [0, -1], [3], [4, -1], [5]]
    assert [step.last_use for step in steps] == [3, 2, 7, 4, 5, 6, 7]
    moved = dram(network, keeping(tmp_path, "I, O", 0.5))
    assert moved["keep"] == 8, "the new key goes out, and was on chip"
    assert moved["attend.scores"] == 40, "all keys come in"
    assert moved["attend.values"] == 40
    assert moved["out"] == 64 + 8


def test_an_input_waits_for_its_last_reader() -> None:
    live = plan(cached(), Abilities()).live_bytes
    # The input 8 (until k), keys 40 (until the scores), values 40 (until the weighted sum), then q 8, k 8, scores 5.
    assert live == (
        8 + 40 + 40 + 8,
        8 + 40 + 40 + 8 + 8,
        40 + 40 + 8 + 8,  # the store writes over k
        40 + 40 + 8 + 8 + 5,
        40 + 8 + 5,
        40 + 8 + 5 + 8,
        8 + 8 + 8,
    )


def test_a_result_that_is_also_read_goes_out_and_is_not_activated_away(tmp_path: Path) -> None:
    shape = (1, 4, 1, 6)
    nodes = (
        Node("conv", convolution(shape, 4, (1, 1)), (INPUT,)),
        Node("relu", elementwise("relu", shape), ("conv",)),
        Node("fc", fully_connected(shape, 3), ("relu",)),
    )
    alone, both = Network("net", nodes), Network("net", nodes, outputs=("conv", "fc"))
    assert (alone.results, both.results) == (("fc",), ("conv", "fc"))
    assert [step.label for step in plan(alone, Abilities(("relu",))).steps] == ["pointwise + relu", "fully_connected"]
    steps = plan(both, Abilities(("relu",))).steps
    assert [step.label for step in steps] == ["pointwise", "relu", "fully_connected"]
    assert [step.last_use for step in steps] == [3, 2, 3]
    moved = dram(both, keeping(tmp_path, "I, O", 0.5))
    assert moved["conv"] == 16 + 24 + 24, "weights, the input, the result"


# ----------------------------------------------------------------------------------------------------- sums of layers


def menagerie() -> Network:
    """Return a network of every way in which layers and ops differ: parts, phases, learned activations, tables."""
    b = Builder((2, 8, 6, 6), bits=Bits(W=4, I=8, O=8))
    x = b.conv("stem", b.input, 12, 3, activation=None)
    x = b.each("prelu", "prelu", x, affine=1)
    offsets = b.conv("offsets", x, 18, 3, bias=True)
    x = b.add("deform", deformable("full", x.shape, 12, (3, 3), affine=2, bits=b.bits), x, offsets)
    x = b.transposed("up", x, 8, 3, stride=2, padding=1, activation="relu")
    x = b.add("learned", elementwise("add_learned", x.shape, bits=b.bits), x)
    # 16 query heads of width 2 on 4 heads of keys and values.
    tokens = x.seen_as(2, 8, 1, 121)
    q, k, v = b.linear("q", tokens, 32), b.linear("k", tokens, 8), b.linear("v", tokens, 8)
    op = attend(121, 121, 2, 2, batch=2, heads=4, shared=4, table=77, bits=b.bits)
    y = b.add("attend", op, q, k, v).seen_as(2, 32, 1, 121)
    y = b.each("norm", "layer_norm", y, affine=2)
    state = b.linear("state", y, 5)
    y = b.add("scan", scan(32, 5, 121, batch=2, bits=b.bits), y, y, state, state)
    b.fully_connected("head", y, 10)
    return built(b, "menagerie")


@pytest.mark.parametrize("name", TEMPLATES)
def test_layers_sum_to_the_network(name: str) -> None:
    network = menagerie()
    result = evaluate(network, any_width(name).instantiate({}))
    assert network.params == sum(node.op.parameters for node in network) > 0
    for metric in ("params", "macs", "latency_cycles", "energy_pj", "dram_bytes"):
        total = sum(getattr(layer.metrics, metric) for layer in result.layers)
        assert total == pytest.approx(getattr(result.totals, metric), rel=1e-12), metric
    assert (result.totals.params, result.totals.macs) == (network.params, network.macs)
    assert len({layer.name for layer in result.layers}) == len(result.layers)
    ledger = sum(line.energy_pj for line in result.ledger if line.energy_pj is not None)
    assert ledger == pytest.approx(result.totals.energy_pj, rel=1e-9)
    assert result.totals.utilization.overall <= 1


def test_learned_activations_are_counted_where_they_ride(tmp_path: Path) -> None:
    b = Builder((1, 4, 1, 6))
    b.each("prelu", "prelu", b.conv("conv", b.input, 3, norm=False), affine=1)
    for fuses in ("relu", "prelu"):
        design = machine(tmp_path, ("fuses: [relu]", f"fuses: [{fuses}]")).instantiate({})
        layers = evaluate(built(b), design).layers
        assert [layer.metrics.params for layer in layers] == ([12, 3] if fuses == "relu" else [15])


def least_moved(steps: Plan, result: Run) -> Mapping[int, float]:
    """Return for every step what it cannot do without moving: learned values, reads and results that are outside."""
    least = {}
    for place, step in enumerate(steps.steps):
        amount = 0.0 if result.stays.outputs[place, 0] else step.output_bytes
        if not (step.op.rule.dynamic or result.stays.weights[place, 0]):
            amount += step.op.weights_fetched * step.op.bits.W / 8
        strided = step.op.macs and max(step.op.stride) > 1
        for read in step.reads:
            inside = (
                result.stays.weights[place, 0]
                if read.operand is Operand.W
                else read.writer >= 0 and result.stays.outputs[read.writer, 0]
            )
            amount += 0 if inside or strided else read.bytes
        least[place] = amount
    return least


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_is_outside_moves(name: str) -> None:
    for network in (menagerie(), product(), attention(fused=True), upsampling(), cached()):
        steps, result = ran(network, any_width(name).instantiate({}))
        for place, least in least_moved(steps, result).items():
            moved = result.dram_bytes[place, 0]
            # An input that partly stays is fetched as a whole, in tiles; a wide filter reads some of it again.
            assert moved >= least - 1e-6, (network.name, steps.steps[place].name)


def test_a_batch_of_designs_agrees_with_each_design_alone(tmp_path: Path) -> None:
    template = machine(tmp_path, ("double_buffered: true}", "double_buffered: true, keeps: [I, O], keep_share: 0.1}"))
    sizes = np.array([512, 2048, 16384])
    _, together = ran(attention(fused=True), template.instantiate({"buffer_bytes": sizes}))
    for place, size in enumerate(sizes.tolist()):
        _, alone = ran(attention(fused=True), template.instantiate({"buffer_bytes": size}))
        assert together.dram_bytes[:, place].tolist() == alone.dram_bytes[:, 0].tolist()
        assert together.latency_cycles[:, place].tolist() == alone.latency_cycles[:, 0].tolist()
