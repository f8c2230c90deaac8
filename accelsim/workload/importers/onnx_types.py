"""Types and shapes of the values of an ONNX graph, inferred operator by operator."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from accelsim.workload.importers.onnx_contrib import alike, standard, typed_like
from accelsim.workload.importers.onnx_order import captured
from accelsim.workload.importers.onnx_runtime import result_shapes
from accelsim.workload.importers.onnx_sizes import LONGEST_AXIS, MOST_VALUES

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, TypeProto

__all__ = ["Types", "shape_of"]

_MOST_AXES = 64
#: Place of the input that has a number for every axis of the result; ONNX would write down all of them, however many.
_MAKERS = {"Reshape": 1, "Expand": 1, "ConstantOfShape": 0, "Col2Im": 1, "MaxUnpool": 2, "CenterCropPad": 1, "Tile": 1}
_MAKERS |= {"Resize": 3, "Upsample": 1, "AffineGrid": 1}


def shape_of(kind: TypeProto | None) -> tuple[int, ...] | None:
    """Return the shape of a tensor type; ``None`` where it is not known in full."""
    if kind is None or not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        return None
    dims = kind.tensor_type.shape.dim
    if not all(dim.HasField("dim_value") and 0 <= dim.dim_value < LONGEST_AXIS for dim in dims):
        return None
    shape = tuple(int(dim.dim_value) for dim in dims)
    return shape if math.prod(shape) < MOST_VALUES else None


class Types:
    """What is known of the values of a graph: what the file states, and more with every operator looked at.

    Attributes:
        versions: Version of the operators of each domain.
    """

    def __init__(self, model: ModelProto) -> None:
        graph = model.graph
        self.versions = {entry.domain: entry.version for entry in model.opset_import}
        self.versions.setdefault("", self.versions.get("ai.onnx", 1))
        self._imports = list(model.opset_import)
        self._ir = model.ir_version
        self._stated = {value.name: value.type for value in (*graph.value_info, *graph.output)}
        self._known: dict[str, TypeProto] = {value.name: value.type for value in graph.input}
        for tensor in graph.initializer:
            self.constant(tensor)
        self._made: list[str] = []

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Return the shape of a value, if it is known in full."""
        return shape_of(self._known.get(name))

    def constant(self, tensor: TensorProto) -> None:
        """Add a constant."""
        import onnx.helper

        self._known[tensor.name] = onnx.helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))

    def infer(self, node: NodeProto, tensors: Mapping[str, TensorProto]) -> None:
        """Add what a node writes; ``tensors`` are small constants."""
        found = dict(self._inferred(node, tensors)) if self._few_axes(node) else {}
        for name in filter(None, node.output):
            kinds = [kind for kind in (found.get(name), self._stated.get(name)) if kind is not None]
            if kinds:
                self._known[name] = next((kind for kind in kinds if shape_of(kind) is not None), kinds[0])
                self._made.append(name)

    def _inferred(self, node: NodeProto, tensors: Mapping[str, TensorProto]) -> Mapping[str, TypeProto]:
        import onnx.defs
        import onnx.shape_inference

        if own := result_shapes(node, self.shape):
            return self._own(own, node)
        if (like := standard(node)) is not node:
            return self._like(like, node)

        names = {*filter(None, node.input), *(captured(node) if any(_inside(node)) else ())}
        kinds: dict[str, Any] = {name: self._known[name] for name in names if name in self._known}
        data: dict[str, Any] = {name: tensors[name] for name in node.input if name in tensors}
        try:
            schema = onnx.defs.get_schema(node.op_type, self.versions.get(node.domain, 1), node.domain)
            return onnx.shape_inference.infer_node_outputs(
                schema, node, kinds, data, opset_imports=self._imports, ir_version=self._ir
            )
        except Exception:  # unknown to ONNX, or it contradicts its operands: the rules say what is wrong with it
            return {}

    def _own(self, shapes: Mapping[str, tuple[int, ...]], node: NodeProto) -> Mapping[str, TypeProto]:
        """Return what ``node`` writes; a shape that the file states in full holds, as that of a cache with room."""
        import onnx.helper

        read = self._known.get(typed_like(node))
        kind = onnx.TensorProto.FLOAT if read is None else read.tensor_type.elem_type
        return {
            name: onnx.helper.make_tensor_type_proto(kind, shape)
            for name, shape in shapes.items()
            if shape_of(self._stated.get(name)) is None
        }

    def _like(self, like: NodeProto, node: NodeProto) -> Mapping[str, TypeProto]:
        """Return what ``node`` writes: shapes of what ``like`` writes, elements of what it reads."""
        import onnx

        shapes = Types(onnx.ModelProto(ir_version=self._ir, opset_import=self._imports))
        for name in filter(None, like.input):
            if name in self._known:
                shapes._known[name] = onnx.TypeProto()
                shapes._known[name].CopyFrom(self._known[name])
                shapes._known[name].tensor_type.elem_type = onnx.TensorProto.FLOAT
        found = dict(shapes._inferred(like, {}))
        read = self._known.get(typed_like(node))
        for kind in found.values():
            kind.tensor_type.elem_type = read.tensor_type.elem_type if read is not None else onnx.TensorProto.FLOAT
        return found | {name: found[like.output[0]] for name in alike(node) if like.output[0] in found}

    def _few_axes(self, node: NodeProto) -> bool:
        place = _MAKERS.get(node.op_type)
        if place is not None and place < len(node.input) and node.input[place]:
            shape = self.shape(node.input[place])
            return shape is not None and math.prod(shape) <= _MOST_AXES
        return not any(
            inner.op_type in _MAKERS or any(_inside(inner)) for graph in _inside(node) for inner in graph.node
        )

    def write_to(self, graph: GraphProto) -> None:
        """State in ``graph`` what is known of all that its operators write."""
        import onnx.helper

        known = [onnx.helper.make_value_info(name, self._known[name]) for name in self._made]
        del graph.value_info[:]
        graph.value_info.extend(known)


def _inside(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _makes_axes(graph: GraphProto) -> bool:
    return any(node.op_type in _MAKERS or any(map(_makes_axes, _inside(node))) for node in graph.node)
