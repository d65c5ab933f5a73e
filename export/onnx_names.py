"""Names for an exported graph: those of the modules it came from, and nothing of the machine."""

import ast
from importlib.metadata import version

import onnx

SCOPES = "pkg.torch.onnx.name_scopes"  # where torch.onnx notes the modules around a node


def rename(model: onnx.ModelProto, parameters: set[str]) -> None:
    """Rename and strip `model` in place, so that equal modules give equal bytes.

    A node becomes "scope/Op", with _1, _2, ... where that is taken; its outputs take its name. In
    the body of a loop it becomes "Op".
    Constants that are no `parameters` of the module become "constant", "constant_1", ...
    Documentation, stack traces and the exporter's own metadata go.
    """
    graph = model.graph
    kept = {value.name for value in (*graph.input, *graph.output)}
    taken = kept | parameters
    constants = (tensor.name for tensor in graph.initializer if tensor.name not in parameters)
    renamed = {name: _unique("constant", taken) for name in constants}
    for node in graph.node:
        node.name = _unique(_scoped(node), taken)
        for position, output in enumerate(node.output):
            if output and output not in kept:
                renamed[output] = node.name + (f":{position}" if position else "")
    _apply(graph, renamed)
    stored = {tensor.name for tensor in graph.initializer}
    shapes = [value for value in graph.value_info if value.name not in stored]
    del graph.value_info[:]
    graph.value_info.extend(shapes)
    graph.name = "dsplet"
    model.producer_name, model.producer_version, model.doc_string = "dsplet", version("dsplet"), ""
    del model.metadata_props[:]


def _scoped(node: onnx.NodeProto) -> str:
    scopes = next((entry.value for entry in node.metadata_props if entry.key == SCOPES), "[]")
    modules = [scope for scope in ast.literal_eval(scopes)[:-1] if scope]
    return f"{modules[-1]}/{node.op_type}" if modules else node.op_type


def _unique(name: str, taken: set[str]) -> str:
    unique, number = name, 0
    while unique in taken:
        number += 1
        unique = f"{name}_{number}"
    taken.add(unique)
    return unique


def _apply(graph: onnx.GraphProto, renamed: dict[str, str]) -> None:
    graph.doc_string = ""
    del graph.metadata_props[:]
    for value in (*graph.initializer, *graph.value_info, *graph.input, *graph.output):
        value.name = renamed.get(value.name, value.name)
        value.doc_string = ""
        del value.metadata_props[:]
    for node in graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
        for attribute in node.attribute:
            attribute.doc_string = ""
            inner = [attribute.g] if attribute.HasField("g") else []
            for subgraph in (*inner, *attribute.graphs):
                _apply(subgraph, renamed)
                taken: set[str] = set()
                for inside in subgraph.node:
                    inside.name = _unique(inside.op_type, taken)
