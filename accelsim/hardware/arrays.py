"""Arrays of a template: engines and dataflows by name, sizes, and the unit for depthwise convolutions."""

from __future__ import annotations

import numpy as np

from accelsim.config.source import FieldPath, field_name
from accelsim.errors import Problem, shown
from accelsim.hardware.accelerator import Array, Floats
from accelsim.hardware.engines import BLOCK_ENGINES, ENGINES, Dataflow, Engine
from accelsim.hardware.memories import read_fan_out
from accelsim.hardware.quantities import Quantities
from accelsim.hardware.spec import ArraySpec, LayoutSpec
from accelsim.hardware.step_cycles import DENSE_8_BITS, read_step_cycles

__all__ = ["read_array", "read_depthwise"]

_ARRAY: FieldPath = ("array",)
_DEPTHWISE: FieldPath = ("array", "depthwise")


def read_array(spec: ArraySpec, read: Quantities) -> Array:
    """Return the array; mistakes are noted in ``read``."""
    for name in spec.options if spec.engine in ENGINES else ():
        here = (*_ARRAY, "options", name)
        read.note(here, Problem(field=field_name(here), message=f"the engine {spec.engine} has no options"))
    return _layout(spec, _ARRAY, read.number(spec.dispatch_cycles, (*_ARRAY, "dispatch_cycles"), least=0), read)


def read_depthwise(spec: ArraySpec, array: Array, read: Quantities) -> Array | None:
    """Return the PEs for depthwise convolutions, ``None`` if the array runs them; mistakes are noted in ``read``.

    Args:
        spec: The array of the template.
        array: What was read of it.
        read: Reads numbers over the template's parameters.
    """
    if spec.depthwise is None:
        return None
    found = _layout(spec.depthwise, _DEPTHWISE, array.dispatch_cycles, read, shares_pes=spec.depthwise.shares_pes)
    there, wanted = _all_pes(array), _all_pes(found)
    if found.shares_pes and np.any(short := wanted > there):
        message = f"{wanted[short][0]:g} PEs in this layout, but the array whose PEs they are has {there[short][0]:g}"
        allowed = "no more PEs than the array has, or leave shares_pes out"
        read.note(_DEPTHWISE, Problem(field=field_name(_DEPTHWISE), message=message, allowed=allowed))
    return found


def _all_pes(array: Array) -> Floats:
    return array.pes if array.fan_out is None else array.pes * array.fan_out.copies


def _layout(
    spec: LayoutSpec, path: FieldPath, dispatch: Floats, read: Quantities, *, shares_pes: bool = False
) -> Array:
    engine = _engine(spec, path, read)
    limit = spec.hold_limit
    found = Array(
        dataflow=_dataflow(spec, path, engine, read),
        rows=_pes(spec, path, "rows", any(flow.rows for flow in engine.values()), read),
        columns=_pes(spec, path, "columns", any(flow.columns for flow in engine.values()), read),
        hold_limit=np.full(read.count, np.inf)
        if limit is None
        else read.number(limit, (*path, "hold_limit"), whole=True),
        dispatch_cycles=dispatch,
        fan_out=read_fan_out(spec.fan_out, path, read),
        shares_pes=shares_pes,
        step_cycles=read_step_cycles(spec.step_cycles, path, read),
    )
    return found.doing(DENSE_8_BITS)


def _engine(spec: LayoutSpec, path: FieldPath, read: Quantities) -> Engine:
    """Return the engine named; the first there is, if there is none of the name."""
    if spec.engine in ENGINES:
        return ENGINES[spec.engine]
    here = (*path, "engine")
    known = sorted([*ENGINES, *BLOCK_ENGINES]) if path == _ARRAY else ENGINES
    read.note(here, Problem.unknown(field_name(here), spec.engine, known, "unknown compute engine"))
    return ENGINES[next(iter(ENGINES))]


def _pes(spec: LayoutSpec, path: FieldPath, key: str, used: bool, read: Quantities) -> Floats:
    """Return the PEs along ``key``, an axis that the engine does or does not lay dims on."""
    here, value = (*path, key), getattr(spec, key)
    if value is None:
        if used and spec.engine in ENGINES:
            read.note(here, Problem(field=field_name(here), message="this key is required and is missing"))
        return np.ones(read.count)
    pes = read.number(value, here, whole=True)
    if not used and np.any(pes > 1):
        message = f"the engine {spec.engine} lays nothing on its {key}: more PEs would only idle"
        allowed = "1, or leave it out; copies of an array are its fan_out"
        read.note(here, Problem(field=field_name(here), message=message, got=shown(value), allowed=allowed))
    return pes


def _dataflow(spec: LayoutSpec, path: FieldPath, engine: Engine, read: Quantities) -> Dataflow:
    first = next(iter(engine))
    if spec.engine not in ENGINES:
        return engine[first]
    chosen = str(read.names.get(spec.dataflow, spec.dataflow)) if spec.dataflow else first
    if chosen not in engine or (spec.dataflow is None and len(engine) > 1):
        what = "unknown dataflow" if spec.dataflow else "the engine has several dataflows: name one"
        here = (*path, "dataflow")
        read.note(here, Problem.unknown(field_name(here), spec.dataflow, engine, what))
    return engine.get(chosen, engine[first])
