"""Reads back a .q.onnx file that `quantize.qdq.to_qdq` wrote, and refuses any other."""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dsplet.base.errors import UserError, door, shown
from dsplet.quantize.fixed import ops  # noqa: F401  (registers the ops)
from dsplet.quantize.fixed.arithmetic import CONTRACT
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.graph_text import from_text
from dsplet.quantize.fixed.proof import EXACT_LIMIT, beyond, bounds
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.float.onnx_file import CONTRACT_KEY, parse
from dsplet.quantize.float.signature import array_of
from dsplet.quantize.qdq import digest
from dsplet.quantize.qdq.to_qdq import to_model

if TYPE_CHECKING:
    from onnx import ModelProto

AGAIN = "quantize the float model again"


class QdqError(ModelError):
    """A file that is not a quantized model of ours, or is no longer."""


def is_quantized(model: ModelProto) -> bool:
    """Whether the model says that it is a quantized one of ours."""
    return any(p.key == CONTRACT_KEY for p in model.metadata_props)


def load(path: str | Path) -> Graph:
    """The fixed-point graph in a .q.onnx file. Raises QdqError, ModelError, FileError."""
    model, _ = parse(path)
    return graph_of(model, path)


def graph_of(model: ModelProto, path: str | Path) -> Graph:
    """The fixed-point graph in the parsed file at `path`.

    Its parts must have the digest that is beside them; its text must describe a graph that every
    execution can hold, its sums proved; and the file must be exactly what `to_qdq` writes for that
    graph. QdqError otherwise.
    """
    # The only blanket of this door: what a graph that lies makes of our own code may be anything.
    with door(path, Exception, what="its graph is damaged", remedy=AGAIN, kind=QdqError):
        facts = {p.key: p.value for p in model.metadata_props}
        contract = facts.get(CONTRACT_KEY)
        if contract is None:
            raise QdqError("is not a model quantized by dsplet", remedy="quantize it first")
        if contract != CONTRACT:
            raise QdqError(f"was written for the arithmetic {shown(contract)}, this is "
                           f"'{CONTRACT}'", remedy=AGAIN)
        for key in ("dsplet.graph", "dsplet.arrays"):
            if key not in facts:
                raise QdqError(f"lacks the metadata '{key}'", remedy=AGAIN)
        if digest.DIGEST_KEY not in facts:
            raise QdqError("has no digest of what dsplet wrote", expected="the metadata "
                           f"'{digest.DIGEST_KEY}', which this version writes", remedy=AGAIN)
        text, arrays = facts["dsplet.graph"], _arrays(model, facts["dsplet.arrays"])
        if part := digest.changed(facts[digest.DIGEST_KEY], text, arrays):
            raise QdqError(f"{part} was changed after dsplet wrote it", remedy=AGAIN)
        try:
            graph = from_text(text, arrays)
        except UserError as error:
            raise QdqError(f"its graph fits no target: {error}", remedy=AGAIN) from None
        for bound in beyond(bounds(graph)):
            raise QdqError(f"{bound.op} '{bound.node}': a sum can reach {bound.magnitude}",
                           expected=f"less than {EXACT_LIMIT}", remedy=AGAIN)
        again = to_model(graph)
        if again != model:
            raise QdqError(f"was edited after dsplet wrote it: {_difference(again, model)} is not "
                           "what its fixed-point graph says", remedy=AGAIN)
    return graph


def _arrays(model: ModelProto, text: str) -> dict[str, np.ndarray]:
    """The graph's arrays as int64: from the initializers, small ones from the metadata."""
    initializers = {t.name: t for t in model.graph.initializer}
    with door("the metadata 'dsplet.arrays'", ValueError, RecursionError, kind=QdqError,
              what="is no list of arrays", remedy=AGAIN):
        entries = json.loads(text)
        if not isinstance(entries, dict):
            raise ValueError("not a table")
    arrays = {}
    for name, entry in entries.items():
        with door(digest.named(name), Exception, kind=QdqError, remedy=AGAIN,
                  what="cannot be read"):
            if "data" not in entry and name not in initializers:
                raise QdqError("is missing", remedy=AGAIN)
            data = entry["data"] if "data" in entry else array_of(initializers[name])
            numbers = np.asarray(data, np.int64)
            if numbers.size != prod(entry["shape"]):
                raise QdqError(f"has {numbers.size} numbers; its shape is {entry['shape']}",
                               remedy=AGAIN)
            arrays[name] = numbers.reshape(entry["shape"])
    return arrays


def _difference(ours: ModelProto, theirs: ModelProto) -> str:
    """The first part of the model in which the two differ, in words."""
    def by_name(items: Iterable[Any], name: str) -> dict[str, Any]:
        return {getattr(i, name): i for i in items}

    for what, name, a, b in (
            ("the metadata", "key", ours.metadata_props, theirs.metadata_props),
            ("the initializer", "name", ours.graph.initializer, theirs.graph.initializer),
            ("the node", "name", ours.graph.node, theirs.graph.node),
            ("the input", "name", ours.graph.input, theirs.graph.input),
            ("the output", "name", ours.graph.output, theirs.graph.output),
            ("the function", "name", ours.functions, theirs.functions)):
        mine, found = by_name(a, name), by_name(b, name)
        for key in [*mine, *(found.keys() - mine.keys())]:
            if key not in mine or key not in found or mine[key] != found[key]:
                return f"{what} {shown(key)}"
        if list(mine) != list(found) or len(a) != len(b):
            return f"the order of {what.removeprefix('the ')}s"
    return "the file's own header"
