"""A fixed-point network against the file it was made from, where others had quantized that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dsplet.quantize.analysis.compare import sqnr_db
from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.float.execute import FloatNetwork
from dsplet.quantize.float.foreign import is_foreign
from dsplet.quantize.float.onnx_file import inlined, parse


@dataclass(frozen=True, kw_only=True)
class Original:
    """An output beside the original's in ONNX Runtime. agree_percent: places of all samples whose
    largest number is the same one; None where there is only one number."""

    output: str
    samples: int
    agree_percent: float | None = None
    sqnr_db: float


def beside_original(path: str | Path, fixed: Graph, inputs: dict[str, np.ndarray]
                    ) -> list[Original] | None:
    """Every output for reals `inputs`, (N, *shape) by name. None where nobody has quantized the
    file, or its ops are some that ONNX Runtime does not have."""
    model, _ = parse(path)
    if not is_foreign(inlined(model, path)) or not _runs(path):
        return None
    wanted = FloatNetwork(path)(inputs)
    ys = Executor(fixed)(*(v.format.quantize(inputs[v.name]) for v in fixed.inputs))
    found = []
    for v, y in zip(fixed.outputs, ys, strict=True):
        real, original = v.format.dequantize(y), wanted[v.name].reshape(y.shape)
        agree = 100 * float((real.argmax(-1) == original.argmax(-1)).mean()) if (
            v.shape and v.shape[-1] > 1) else None
        found.append(Original(output=v.name, samples=len(y), agree_percent=agree,
                              sqnr_db=sqnr_db(original, real)))
    return found


def _runs(path: str | Path) -> bool:
    """Whether ONNX Runtime has all its ops."""
    try:
        FloatNetwork(path)
    except Exception:  # ONNX Runtime's own, which have no common kind
        return False
    return True
