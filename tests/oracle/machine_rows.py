"""Drawn cases in the model's own form, and what may stay on chip in them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from accelsim.cost.array import Geometry
from accelsim.cost.rows import Kept, Machine, OpRows, op_rows
from accelsim.cost.traffic import Structure
from accelsim.dims import OPERANDS, Operand
from accelsim.mapping.nest import Mappings
from oracle.machine_cases import MachineCase
from oracle.machine_demand import held

__all__ = ["rows_of", "what_stays"]


def rows_of(case: MachineCase, *, apart: bool = True) -> OpRows:
    """Return the nests of ``case`` in closed form; ``apart`` says that it matters if bytes are read or written."""
    machine, mappings = case.machine, case.mappings
    structure = Structure(
        holds=machine.holds,
        double_buffered=case.double_buffered,
        outputs_held=Operand.O in machine.flow.held,
        sliding=machine.sliding,
        fans=machine.fans,
        multicast=machine.multicast,
        reduces=machine.reduces,
        apart=apart,
    )
    tiles, orders, copies = (
        np.array([getattr(mapping, name) for mapping in mappings], dtype=np.int64)
        for name in ("tiles", "orders", "copies")
    )
    size = Geometry(float(machine.rows), float(machine.columns), float(machine.hold_limit))
    return op_rows(case.op, Mappings.of(tiles, orders, copies), Machine(structure, machine.flow, size))


@st.composite
def what_stays(draw: st.DrawFn, case: MachineCase) -> Kept:
    """Draw which whole tensors stay, each in any memory that holds it."""
    stays, levels = [], []
    for operand in OPERANDS:
        found = [level for level, other in held(case.machine) if other is operand]
        levels.append(draw(st.sampled_from(found)) if found else -1)
        stays.append(bool(found) and draw(st.booleans()))
    (w, i, o), (at_w, at_i, at_o) = stays, levels
    return Kept((w, i, o), (at_w, at_i, at_o))
