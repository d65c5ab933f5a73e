"""Runs a float .onnx file in ONNX Runtime, exactly as it stands."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dsplet.quantize.float.from_onnx import parse


class FloatNetwork:
    """The unchanged float .onnx file in ONNX Runtime, giving any of its tensors by name.

    names: those of `wanted` that the file computes; None: its outputs.
    `network(samples)` takes a dict of (N, *shape) arrays and gives a dict of arrays.
    """

    def __init__(self, path: str | Path, wanted: list[str] | None = None) -> None:
        import onnx
        import onnxruntime as ort
        model, _ = parse(path)
        computed = {o for n in model.graph.node for o in n.output}
        outputs = [o.name for o in model.graph.output]
        self.names = outputs if wanted is None else [v for v in wanted if v in computed]
        model.graph.output.extend(onnx.ValueInfoProto(name=v) for v in self.names
                                  if v not in outputs)
        options = ort.SessionOptions()
        options.log_severity_level = 3
        self._session = ort.InferenceSession(model.SerializeToString(), options,
                                             providers=["CPUExecutionProvider"])
        inputs = self._session.get_inputs()
        self._one = any(i.shape[0] == 1 for i in inputs)
        self._types = {i.name: {"tensor(float16)": np.float16, "tensor(double)": np.float64}.get(
            i.type, np.float32) for i in inputs}

    def __call__(self, samples: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        n = len(next(iter(samples.values())))
        step = 1 if self._one else n
        chunks = [self._session.run(self.names, {
            k: np.ascontiguousarray(x[i:i + step], self._types[k]) for k, x in samples.items()})
            for i in range(0, n, step)]
        return {k: np.concatenate(c) for k, c in
                zip(self.names, zip(*chunks, strict=True), strict=True)}
