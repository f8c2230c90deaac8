"""The shared words: dims and operands, their order and places."""

from __future__ import annotations

from accelsim.dims import DIMS, OPERANDS, Dim, Operand


def test_dims_stand_in_the_order_that_every_array_uses() -> None:
    assert [str(dim) for dim in DIMS] == ["B", "G", "K", "C", "OY", "OX", "FY", "FX"]
    assert [dim.position for dim in DIMS] == list(range(8))


def test_operands() -> None:
    assert [str(operand) for operand in OPERANDS] == ["W", "I", "O"]


def test_words_read_from_a_file_equal_the_words_here() -> None:
    assert Dim("OX") is Dim.OX
    assert Operand("W") is Operand.W
    assert {"OX": 1}[Dim.OX] == 1
