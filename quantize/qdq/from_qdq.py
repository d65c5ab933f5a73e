"""Reads back a .q.onnx file that `quantize.qdq.to_qdq` wrote, and refuses any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dsplet.base.errors import door, shown
from dsplet.quantize.fixed import ops  # noqa: F401  (registers the ops)
from dsplet.quantize.fixed.arithmetic import CONTRACT
from dsplet.quantize.fixed.graph import Graph, from_text
from dsplet.quantize.float.from_onnx import CONTRACT_KEY, parse
from dsplet.quantize.float.node import ModelError
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

    The file's ONNX nodes must be exactly what `to_qdq` writes for that graph. QdqError otherwise.
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
        graph = from_text(facts["dsplet.graph"], _arrays(model, facts["dsplet.arrays"]))
        if to_model(graph) != model:
            raise QdqError("was edited after dsplet wrote it: its ONNX nodes no longer say what "
                           "its fixed-point graph says", remedy=AGAIN)
    return graph


def _arrays(model: ModelProto, text: str) -> dict[str, np.ndarray]:
    """The graph's arrays as int64: from the initializers, small ones from the metadata."""
    from onnx import numpy_helper
    initializers = {t.name: t for t in model.graph.initializer}
    arrays = {}
    for name, entry in json.loads(text).items():
        data = entry["data"] if "data" in entry else numpy_helper.to_array(initializers[name])
        arrays[name] = np.asarray(data, np.int64).reshape(entry["shape"])
    return arrays
