"""The digest of a fixed-point graph, part by part, which says what of a file was changed.

JSON: {"graph": of the text, "arrays": {name: of its shape and integers}}; each the first sixteen
hexadecimal digits of a SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np

from dsplet.quantize.fixed.arithmetic import StoredArray

DIGEST_KEY = "dsplet.digest"
"""The metadata key."""
DIGITS = 16
KINDS = {"table": "table", "exp_table": "table", "log_table": "table", "patch": "table",
         "bias": "bias", "q": "weights", "frac": "steps"}
"""What an array is, by the last part of its name, for people."""


def written(text: str, arrays: Mapping[str, StoredArray]) -> str:
    """The digest of the graph with this text and these arrays."""
    return json.dumps({"graph": _of(text.encode()), "arrays": {
        name: _of_array(a) for name, a in arrays.items()}}, separators=(",", ":"))


def changed(digest: str, text: str, arrays: Mapping[str, StoredArray]) -> str:
    """The first part that is not what the digest says, in words; "" where all of it is."""
    try:
        parts = json.loads(digest)
        graph, theirs = parts["graph"], dict(parts["arrays"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "its digest"
    for name in [*arrays, *(theirs.keys() - arrays.keys())]:
        if name not in arrays or theirs.get(name) != _of_array(arrays[name]):
            return named(name)
    if graph != _of(text.encode()):
        return "the text of its graph"
    return "" if digest == written(text, arrays) else "its digest"


def named(array: str) -> str:
    """An array, in words."""
    return f"{KINDS.get(array.rpartition('.')[2], 'array')} '{array}'"


def _of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGITS]


def _of_array(array: StoredArray) -> str:
    shape = json.dumps(array.shape).encode()
    return _of(shape + np.ascontiguousarray(array, "<i8").tobytes())
