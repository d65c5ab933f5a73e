"""Mutators that know what they change: a value of a kind becomes another that is nearly right.

All chance comes from the `random.Random` they are given.
"""

from __future__ import annotations

import copy
import random
from contextlib import suppress
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from dsplet.quantize.fixed.arithmetic import CONTRACT
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.graph_text import from_text, to_text
from dsplet.quantize.qdq import digest, to_qdq

ODD_NUMBERS = (0, 1, -1, 2, 3, 7, 15, 16, 31, 32, 40, 41, 63, 64, 127, 128, 255, 256, 1 << 15,
               1 << 16, 1 << 24, (1 << 31) - 1, 1 << 31, 1 << 40, 1 << 63, 1 << 70, -(1 << 31),
               10**30)
ODD_THINGS: tuple[Any, ...] = (None, True, False, "", "x", [], {}, [1, 2], 0.5, 1e308, "\ud800",
                               "../x", [[]])


# --- consistent lies --------------------------------------------------------------------------

def lie(graph: Graph, chance: random.Random) -> onnx.ModelProto:
    """The graph's file after its text or an array was changed, whole again: written as dsplet would
    write it, where dsplet can, and signed in any case."""
    import json
    text, stored = to_text(graph)
    facts, arrays = json.loads(text), {k: np.array(a, np.int64) for k, a in stored.items()}
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if arrays and chance.random() < 0.35:
            name = chance.choice(sorted(arrays))
            arrays[name] = _array(arrays[name], chance)
        elif chance.random() < 0.3:
            with suppress(TypeError, AttributeError, KeyError, IndexError):  # it is spoilt already
                _clamp_or_format(facts, chance)
        else:
            facts = document(facts, chance)
    said = json.dumps(facts, separators=(",", ":"))
    try:
        return to_qdq.to_model(from_text(said, arrays))
    except Exception:  # whatever is wrong with it: the door must say so
        return patched(graph, said, arrays)


def patched(graph: Graph, text: str, arrays: dict[str, np.ndarray]) -> onnx.ModelProto:
    """The file of the graph with other text and arrays, and their digest."""
    import json
    model = to_qdq.to_model(graph)
    stored = {t.name: t for t in model.graph.initializer}
    beside = {}
    for name, a in arrays.items():
        beside[name] = {"shape": list(a.shape)}
        if name in stored:
            old = numpy_helper.to_array(stored[name])
            kind = np.iinfo(old.dtype)
            new = a.astype(old.dtype) if kind.min <= a.min() and a.max() <= kind.max else a
            new = new.reshape(old.shape) if new.size == old.size else new
            stored[name].CopyFrom(numpy_helper.from_array(new, name))
        else:
            beside[name]["data"] = a.reshape(-1).tolist()
    facts = {"dsplet.contract": CONTRACT, "dsplet.graph": text, "dsplet.arrays":
             json.dumps(beside, separators=(",", ":")), digest.DIGEST_KEY: digest.written(
                 text, arrays)}
    for p in model.metadata_props:
        p.value = facts.get(p.key, p.value)
    return model


def _array(a: np.ndarray, chance: random.Random) -> np.ndarray:
    a = a.copy()
    at = chance.randrange(a.size)
    match chance.randrange(9):
        case 0:
            a.flat[at] += chance.choice((-1, 1))
        case 1:
            a.flat[at] ^= 1 << chance.randrange(20)
        case 2:
            a.flat[at] = chance.choice((0, -1, 127, 128, -128, 255, 1 << 14, 1 << 15, 65535,
                                        1 << 31, -(1 << 31), 1 << 40, 1 << 62, -(1 << 63)))
        case 3:
            a[...] = chance.choice((0, 1, -1, 100, 1 << 15))
        case 4:
            a = a[:len(a) // 2 + 1] if a.ndim else a
        case 5:
            a = a.reshape(-1)
        case 6:
            a = a[..., None]
        case 7:
            a = np.atleast_1d(a)[:1]
        case 8:
            a = np.concatenate([np.atleast_1d(a), np.atleast_1d(a)[-1:]])
    return a if a.size else np.zeros(1, np.int64)


def _clamp_or_format(facts: dict[str, Any], chance: random.Random) -> None:
    """What is most often wrong: a clamp, a format of a value."""
    clamped = [n for n in facts["nodes"] if "clamp" in n]
    if clamped and chance.random() < 0.5:
        chance.choice(clamped)["clamp"] = chance.choice((
            [-5, 5], [0, 100], [5, -5], [0, 0], [0, 1.5], [False, True], [-129, 500], [1], []))
        return
    value = facts["values"][chance.choice(sorted(facts["values"]))]
    place = chance.randrange(4)
    value[place] = (document(value[0], chance) if place == 0 else
                    not value[3] if place == 3 else
                    value[place] + chance.choice((-1, 1, 2, -3, 8, 30, -30)))


# --- documents ----------------------------------------------------------------------------------

def document(whole: Any, chance: random.Random) -> Any:
    """A document of dicts, lists and scalars with one place changed."""
    whole = copy.deepcopy(whole)
    places: list[tuple[Any, Any]] = []

    def walk(item: Any) -> None:
        entries = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(
            item, list) else ()
        for key, value in entries:
            places.append((item, key))
            walk(value)

    walk(whole)
    if not places:
        return chance.choice(ODD_THINGS)
    holder, key = chance.choice(places)
    if chance.random() < 0.15:  # the shape of the document
        match holder:
            case dict():
                value = holder[key]
                del holder[key]
                if chance.random() < 0.5:
                    holder[f"{key}2"] = value
            case list():
                if chance.random() < 0.5:
                    del holder[key]
                else:
                    holder.append(copy.deepcopy(chance.choice(holder)))
        return whole
    other, its_key = chance.choice(places)
    value = holder[key]
    if chance.random() < 0.3 and type(other[its_key]) is type(value):
        holder[key] = copy.deepcopy(other[its_key])
    else:
        holder[key] = scalar(value, chance)
    return whole


def scalar(value: Any, chance: random.Random) -> Any:
    """Another value instead of this one, mostly of its kind."""
    if chance.random() < 0.1:
        return chance.choice(ODD_THINGS)
    if type(value) is int:
        return chance.choice((value + 1, value - 1, -value, 2 * value, float(value), bool(value),
                              chance.choice(ODD_NUMBERS), chance.choice(ODD_NUMBERS)))
    if type(value) is float:
        return chance.choice((-value, 0.0, 1e38, 1e-38, float("inf"), float("nan"), int(1e18)))
    if type(value) is str:
        return chance.choice((value + "x", value[1:], value.upper(), "", "\u00fc" + value))
    if type(value) is list:
        return chance.choice((value[1:], value[:-1], value[::-1], value + value[:1], []))
    return chance.choice(ODD_THINGS)


# --- float models -------------------------------------------------------------------------------

def onnx_model(model: onnx.ModelProto, chance: random.Random) -> onnx.ModelProto:
    """A float network with one to three mistakes."""
    m = onnx.ModelProto()
    m.CopyFrom(model)
    for _ in range(chance.choice((1, 1, 2, 3))):
        chance.choice((_attribute, _attribute, _tensor, _tensor, _wiring, _wiring, _shape, _node)
                      )(m, chance)
    return m


def _attribute(m: onnx.ModelProto, chance: random.Random) -> None:
    held = [(n, a) for n in m.graph.node for a in n.attribute]
    if not held:
        return
    node, a = chance.choice(held)
    number = max(-(1 << 63), min(chance.choice(ODD_NUMBERS), (1 << 63) - 1))
    match chance.randrange(6):
        case 0:
            node.attribute.remove(a)
        case 1:
            a.type = chance.randrange(15)
        case 2 if a.ints:
            a.ints[chance.randrange(len(a.ints))] = number
        case 3 if a.ints:
            a.ints.pop() if chance.random() < 0.5 else a.ints.append(number)
        case 4:
            a.s = chance.choice((b"", b"SAME_UPPER", b"\xff\xfe", b"linear"))
        case _:
            a.i, a.f = number, chance.choice((0.0, -1.0, 1e38, float("nan"), float("inf")))


def _tensor(m: onnx.ModelProto, chance: random.Random) -> None:
    if not m.graph.initializer:
        return
    t = chance.choice(m.graph.initializer)
    what = chance.randrange(8)
    try:
        numpy_helper.to_array(t)
    except Exception:  # it is spoilt already
        what = 0
    match what:
        case 0:
            m.graph.initializer.remove(t)
        case 1:
            t.raw_data = t.raw_data[:-chance.randrange(1, 9)]
        case 2:
            t.dims[:] = [*t.dims, 1]
        case 3 if t.dims:
            t.dims[chance.randrange(len(t.dims))] = chance.choice((0, 1, -1, 2, 3, 1 << 40))
        case 4:
            t.data_type = chance.randrange(25)
        case 5:
            a = numpy_helper.to_array(t).copy()
            if a.size and a.dtype.kind == "f":
                a.flat[chance.randrange(a.size)] = chance.choice(
                    (np.nan, np.inf, -np.inf, 1e38, 1e-45, 0))
            t.CopyFrom(numpy_helper.from_array(a, t.name))
        case 6:
            a = numpy_helper.to_array(t)
            if a.ndim:
                a = np.swapaxes(a, 0, -1) if chance.random() < 0.5 else a[:1]
            t.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(a), t.name))
        case _:
            t.name = chance.choice(("", "x", "y", t.name + "2"))


def _wiring(m: onnx.ModelProto, chance: random.Random) -> None:
    if not m.graph.node:
        return
    node = chance.choice(m.graph.node)
    names = [v for n in m.graph.node for v in (*n.input, *n.output)]
    if not node.input:
        return
    at = chance.randrange(len(node.input))
    match chance.randrange(6):
        case 0:
            node.input[at] = chance.choice(names)
        case 1:
            node.input.pop(at)
        case 2:
            node.input[at] = ""
        case 3:
            node.input.append(chance.choice(names))
        case 4:
            node.output[0] = chance.choice(names)
        case 5:
            node.input[:] = list(node.input)[::-1]


def _shape(m: onnx.ModelProto, chance: random.Random) -> None:
    v = chance.choice([*m.graph.input, *m.graph.output])
    dims = v.type.tensor_type.shape.dim
    match chance.randrange(5):
        case 0:
            v.type.tensor_type.elem_type = chance.randrange(20)
        case 1 if len(dims):
            dims[chance.randrange(len(dims))].dim_value = chance.choice((0, 1, 2, -1, 5, 1 << 40))
        case 2 if len(dims):
            dims.pop()
        case 3:
            dims.add().dim_value = chance.choice((1, 2, 3))
        case _:
            v.name = chance.choice(("", "w", v.name + "2"))


def _node(m: onnx.ModelProto, chance: random.Random) -> None:
    if not m.graph.node:
        return
    node, other = chance.choice(m.graph.node), chance.choice(m.graph.node)
    match chance.randrange(7):
        case 0:
            node.op_type = chance.choice((other.op_type, "Relu", "Conv", "Add", "Reshape", "Concat",
                                          "Softmax", "Gemm", "MaxPool", "Slice", "Gather", "LSTM"))
        case 1:
            m.graph.node.remove(node)
        case 2:
            m.graph.node.append(node)
        case 3:
            node.domain = chance.choice(("", "ai.onnx", "com.microsoft", "x"))
        case 4:
            m.opset_import[0].version = chance.choice((0, 1, 7, 8, 9, 12, 13, 17, 26, 99, -1))
        case 5:
            a, b = (list(m.graph.node).index(n) for n in (node, other))
            nodes = list(m.graph.node)
            nodes[a], nodes[b] = nodes[b], nodes[a]
            del m.graph.node[:]
            m.graph.node.extend(nodes)
        case 6:
            node.name = chance.choice(("", other.name, "a\n\x1b[31m"))


# --- text -----------------------------------------------------------------------------------------

def text(whole: str, words: tuple[str, ...], chance: random.Random) -> str:
    """A text with some of its lines, words and characters changed."""
    lines = whole.splitlines(keepends=True) or [""]
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(lines))
        parts = lines[at].split(" ")
        match chance.randrange(7):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[at])
            case 2:
                parts[chance.randrange(len(parts))] = chance.choice(words)
            case 3:
                parts[chance.randrange(len(parts))] = str(chance.choice(ODD_NUMBERS))
            case 4:
                parts.insert(0, chance.choice(words))
            case 5:
                line = lines[at] or " "
                i = chance.randrange(len(line))
                parts = [line[:i] + chance.choice("()[]{}\"'=,.#*@&;:-+\x00\u00e9") + line[i + 1:]]
            case 6:
                parts = [lines[at][:len(lines[at]) // 2]]
        if at < len(lines):
            lines[at] = " ".join(parts)
        lines = lines or [""]
    return "".join(lines)
