"""A graph as text and arrays, and back again: what a .q.onnx carries."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from dsplet.base.errors import shown
from dsplet.quantize.fixed.arithmetic import StoredArray
from dsplet.quantize.fixed.graph import LATER, Graph, Node, Value, Weight
from dsplet.quantize.fixed.qformat import QFormat


def to_text(graph: Graph) -> tuple[str, dict[str, StoredArray]]:
    """JSON text and the arrays it names (weights, biases, tables), which travel beside it."""
    arrays: dict[str, StoredArray] = {}
    return json.dumps(_encode_graph(graph, arrays), separators=(",", ":")), arrays


def _encode_graph(graph: Graph, arrays: dict[str, StoredArray]) -> dict[str, Any]:
    def encode(owner: str, x: Any) -> Any:
        if isinstance(x, np.ndarray):
            if owner in arrays:
                raise ValueError(f"two nodes are called '{owner.rpartition('.')[0]}'")
            arrays[owner] = x
            return {"array": owner}
        if isinstance(x, Value):
            return x.name
        if isinstance(x, Weight):
            return {"weight": {f.name: encode(f"{owner}.{f.name}", getattr(x, f.name))
                               for f in fields(x)}}
        if isinstance(x, Graph):
            return {"graph": _encode_graph(x, arrays)}
        if isinstance(x, tuple):
            return [encode(f"{owner}.{i}", e) for i, e in enumerate(x)]
        return x

    def node(n: Node) -> dict[str, Any]:
        said = [f for f in fields(n) if f.metadata != LATER or getattr(n, f.name) is not f.default]
        return {"op": n.op} | {f.name: encode(f"{n.name}.{f.name}", getattr(n, f.name))
                               for f in said}

    return {
        "name": graph.name,
        "values": {v.name: [list(v.shape), v.format.bits, v.format.frac, v.format.signed]
                   for v in graph.values()},
        "inputs": [v.name for v in graph.inputs],
        "nodes": [node(n) for n in graph.nodes],
        "outputs": [v.name for v in graph.outputs],
        "metadata": [list(kv) for kv in graph.metadata],
    }


def from_text(text: str, arrays: dict[str, StoredArray]) -> Graph:
    """The graph that `to_text` wrote. ValueError, KeyError, TypeError where the text is no graph, or
    does not agree with the arrays; RangeError where no execution could hold its numbers."""
    return _decode_graph(json.loads(text), arrays)


def _decode_graph(data: dict[str, Any], arrays: dict[str, StoredArray]) -> Graph:
    values = {name: Value(name, tuple(shape), QFormat(bits, frac, signed))
              for name, (shape, bits, frac, signed) in data["values"].items()}

    def decode(x: Any) -> Any:
        if isinstance(x, dict) and "array" in x:
            return arrays[x["array"]]
        if isinstance(x, dict) and "weight" in x:
            return Weight(**{k: decode(e) for k, e in x["weight"].items()})
        if isinstance(x, dict) and "graph" in x:
            return _decode_graph(x["graph"], arrays)
        return tuple(decode(e) for e in x) if isinstance(x, list) else x

    def node(d: dict[str, Any]) -> Node:
        if d["op"] not in Node.registry:
            raise ValueError(f"no op is called {shown(d['op'])}")
        cls = Node.registry[d["op"]]
        known = {f.name: f.default is MISSING for f in fields(cls)}
        for k in d.keys() - known.keys() - {"op"}:
            raise ValueError(f"{cls.__name__} {shown(d.get('name'))} has no field {shown(k)}")
        for k in [k for k, needed in known.items() if needed and k not in d]:
            raise ValueError(f"{cls.__name__} {shown(d.get('name'))} lacks its field '{k}'")
        named = {k: d[k] for k in cls.value_fields}
        d = {k: decode(v) for k, v in d.items() if k != "op"}
        return cls(**d | {k: values[v] if isinstance(v, str) else pick(v)
                          for k, v in named.items()})

    def pick(names: Iterable[str]) -> tuple[Value, ...]:
        return tuple(values[n] for n in names)

    return Graph(data["name"], pick(data["inputs"]), tuple(node(d) for d in data["nodes"]),
                 pick(data["outputs"]), tuple((k, v) for k, v in data["metadata"]))
