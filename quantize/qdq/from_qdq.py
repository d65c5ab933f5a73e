"""Reads back a .q.onnx file that `quantize.qdq.to_qdq` wrote, and refuses any other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from dsplet.quantize.fixed import ops  # noqa: F401  (registers the ops)
from dsplet.quantize.fixed.arithmetic import CONTRACT
from dsplet.quantize.fixed.graph import Graph, from_text
from dsplet.quantize.float.from_onnx import CONTRACT_KEY, parse
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.qdq.to_qdq import to_model


class QdqError(ModelError):
    """A file that is not a quantized model of ours, or is no longer."""


def is_quantized(path: str | Path) -> bool:
    """Whether the file says it is a quantized model of ours; False for what cannot be read."""
    try:
        return _facts(parse(path)[0]).get(CONTRACT_KEY) is not None
    except ModelError:
        return False


def load(path: str | Path) -> Graph:
    """The fixed-point graph in a .q.onnx file.

    The file's ONNX nodes must be exactly what `to_qdq` writes for that graph. QdqError otherwise.
    """
    model, _ = parse(path)
    facts = _facts(model)
    contract = facts.get(CONTRACT_KEY)
    if contract is None:
        raise QdqError(f"{path}: is not a model quantized by dsplet; quantize it first")
    if contract != CONTRACT:
        raise QdqError(f"{path}: was written for the arithmetic '{contract}', this is "
                       f"'{CONTRACT}'; quantize the float model again")
    try:
        graph = from_text(facts["dsplet.graph"], _arrays(model, facts["dsplet.arrays"]))
        again = to_model(graph)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as e:
        raise QdqError(f"{path}: its graph is damaged ({type(e).__name__}: {e}); quantize the "
                       "float model again") from None
    if again != model:
        raise QdqError(f"{path}: was edited after dsplet wrote it: its ONNX nodes no longer say "
                       "what its fixed-point graph says; quantize the float model again")
    return graph


def _facts(model) -> dict[str, str]:
    return {p.key: p.value for p in model.metadata_props}


def _arrays(model, text: str) -> dict[str, np.ndarray]:
    """The graph's arrays as int64: from the initializers, small ones from the metadata."""
    from onnx import numpy_helper
    initializers = {t.name: t for t in model.graph.initializer}
    arrays = {}
    for name, entry in json.loads(text).items():
        data = entry["data"] if "data" in entry else numpy_helper.to_array(initializers[name])
        arrays[name] = np.asarray(data, np.int64).reshape(entry["shape"])
    return arrays
