"""Runs a float .onnx file in ONNX Runtime, exactly as it stands."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dsplet.base.errors import door
from dsplet.quantize.float.batch import Batch
from dsplet.quantize.float.from_onnx import parse, read_parsed
from dsplet.quantize.float.node import ModelError

TYPES = {f"tensor({name})": np.dtype(kind) for name, kind in (
    ("float16", np.float16), ("float", np.float32), ("double", np.float64), ("int8", np.int8),
    ("uint8", np.uint8), ("int16", np.int16), ("uint16", np.uint16), ("int32", np.int32),
    ("uint32", np.uint32), ("int64", np.int64), ("uint64", np.uint64))}


class FloatNetwork:
    """The unchanged float .onnx file in ONNX Runtime, giving any of its tensors by name.

    names: those of `wanted` that the file computes; None: its outputs.
    `network(samples)` takes a dict of (N, *shape) arrays and gives a dict of such arrays, wherever
    the file has the batch and however large a one it asks for.
    """

    def __init__(self, path: str | Path, wanted: list[str] | None = None) -> None:
        import onnx
        import onnxruntime as ort
        model, digest = parse(path)
        self._batches = read_parsed(model, digest, path).batches
        computed = {o for n in model.graph.node for o in n.output}
        outputs = [o.name for o in model.graph.output]
        self.names = outputs if wanted is None else [v for v in wanted if v in computed]
        model.graph.output.extend(onnx.ValueInfoProto(name=v) for v in self.names
                                  if v not in outputs)
        options = ort.SessionOptions()
        options.log_severity_level = 3
        # threads that wait awake would take cores from what runs next, such as a batch in C
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        with door(path, Exception, what="ONNX Runtime does not run it", kind=ModelError):
            self._session = ort.InferenceSession(model.SerializeToString(), options,
                                                 providers=["CPUExecutionProvider"])
        inputs = self._session.get_inputs()
        if strange := [i for i in inputs if i.type not in TYPES]:
            raise ModelError(f"the input '{strange[0].name}' is a {strange[0].type}, of which "
                             "there are no samples", where=str(path), expected="one of "
                             "float16, float32, float64 or integers", remedy="export it again")
        self._types = {i.name: TYPES[i.type] for i in inputs}
        self._count = self._batch_size({i.name: i.shape for i in inputs})

    def _batch_size(self, shapes: dict[str, list[int | str | None]]) -> int | None:
        """How many samples the file takes at once; None: any number."""
        if any(self._batch(v) is None for v in (*shapes, *self.names)):
            return 1
        sizes = [n for name, shape in shapes.items() if (batch := self._batch(name)) and isinstance(
            n := shape[batch.axis], int)]
        return min(sizes, default=None)

    def _batch(self, value: str) -> Batch | None:
        return self._batches.get(value, Batch())

    def __call__(self, samples: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        n = len(next(iter(samples.values())))
        step = self._count or n
        chunks = [self._run({k: x[i:i + step] for k, x in samples.items()}, step)
                  for i in range(0, n, step)]
        return {k: np.concatenate(c)[:n] for k, c in
                zip(self.names, zip(*chunks, strict=True), strict=True)}

    def _run(self, samples: dict[str, np.ndarray], count: int) -> list[np.ndarray]:
        """Every tensor (count, *shape), of so many samples or fewer."""
        feeds = {}
        for name, x in samples.items():
            x = x.take(np.minimum(np.arange(count), len(x) - 1), 0)
            batch = self._batch(name)
            feeds[name] = np.ascontiguousarray(batch.tensor(x) if batch else x[0],
                                               self._types[name])
        return [batch.samples(y) if (batch := self._batch(name)) else y[None]
                for name, y in zip(self.names, self._session.run(self.names, feeds), strict=True)]
