"""A graph as text and arrays, and back again: what a .q.onnx carries."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from dsplet.base.errors import shown
from dsplet.quantize.fixed.arithmetic import StoredArray
from dsplet.quantize.fixed.graph import RARE, Graph, Node, Value, Weight
from dsplet.quantize.fixed.qformat import QFormat

GRAPH = dict.fromkeys(("name", "values", "inputs", "nodes", "outputs", "metadata"), True)
"""The fields of a graph's text; all of them must be there."""


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
        said = [f for f in fields(n)
                if f.metadata != RARE or _differs(getattr(n, f.name), f.default)]
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


def _differs(value: object, default: object) -> bool:
    """No array is a default."""
    return isinstance(value, np.ndarray) or value != default


def from_text(text: str, arrays: dict[str, StoredArray]) -> Graph:
    """The graph that `to_text` wrote. ValueError where the text is none, or does not agree with
    the arrays; RangeError where no execution could hold its numbers."""
    return _decode_graph(json.loads(text), arrays)


def _decode_graph(data: Any, arrays: dict[str, StoredArray]) -> Graph:
    _expect_table(data, GRAPH, "the graph")
    _expect_table(data["values"], None, "the list of values")
    values = {name: _value(name, facts) for name, facts in data["values"].items()}

    def decode(x: Any) -> Any:
        match x:
            case {"array": str(name)} if len(x) == 1:
                if name not in arrays:
                    raise ValueError(f"there is no array '{name}'")
                return arrays[name]
            case {"weight": facts} if len(x) == 1:
                _expect_table(facts, {f.name: True for f in fields(Weight)}, "weights")
                return Weight(**{k: decode(e) for k, e in facts.items()})
            case {"graph": facts} if len(x) == 1:
                return _decode_graph(facts, arrays)
        return tuple(decode(e) for e in x) if isinstance(x, list) else x

    def node(d: Any) -> Node:
        if not isinstance(d, dict) or not isinstance(d.get("op"), str) or (
                d["op"] not in Node.registry):
            raise ValueError(f"{shown(d)} is no node of an op that is known")
        cls = Node.registry[d["op"]]
        who = f"{cls.__name__} {shown(d.get('name'))}"
        _expect_table(d, {"op": True} | {f.name: f.default is MISSING for f in fields(cls)}, who)
        given: dict[str, Any] = {k: (value(v) if isinstance(v, str) else pick(v, f"{k} of {who}"))
                 if k in cls.value_fields else decode(v) for k, v in d.items() if k != "op"}
        return cls(**given)

    def value(name: Any) -> Value:
        if not isinstance(name, str) or name not in values:
            raise ValueError(f"no value is called {shown(name)}")
        return values[name]

    def pick(names: Any, what: str) -> tuple[Value, ...]:
        return tuple(map(value, _expect_list(names, what)))

    return Graph(data["name"], pick(data["inputs"], "the graph's inputs"),
                 tuple(map(node, _expect_list(data["nodes"], "the graph's nodes"))),
                 pick(data["outputs"], "the graph's outputs"), decode(data["metadata"]))


def _value(name: str, facts: Any) -> Value:
    match facts:
        case [list(shape), bits, frac, signed]:
            return Value(name, tuple(shape), QFormat(bits, frac, signed))
    raise ValueError(f"the value '{name}' is {shown(facts)}; expected its shape, its bits, "
                     "its frac and whether it is signed")


def _expect_table(x: Any, keys: dict[str, bool] | None, what: str) -> None:
    """keys: those that there may be, and whether they must."""
    if not isinstance(x, dict):
        raise ValueError(f"{what} is {shown(x)}; expected a table")
    for k in x if keys is not None else ():
        if k not in (keys or {}):
            raise ValueError(f"{what} has a field {shown(k)}, which is none of its own")
    for k, needed in (keys or {}).items():
        if needed and k not in x:
            raise ValueError(f"{what} lacks its field '{k}'")


def _expect_list(x: Any, what: str) -> list[Any]:
    if not isinstance(x, list):
        raise ValueError(f"{shown(x)} is the {what.removeprefix('the ')}; expected a list")
    return x
