"""Networks that the benchmarks measure: the zoo's geometry with seeded random weights."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np

IMAGES = 2048


@cache
def folder() -> Path:
    """Where this process writes networks; one that is there already is taken as it is."""
    return Path(tempfile.mkdtemp(prefix="dsplet-bench-"))


@cache
def network(name: str) -> tuple[Path, np.ndarray]:
    """(float .onnx, float32 inputs (IMAGES, C, H, W)) of a zoo model. Speed does not depend on the
    weights; accuracy is not measured here."""
    import torch

    from dsplet.export import to_onnx
    from dsplet.train import zoo
    card = zoo.get(name)
    rng = np.random.default_rng(0)
    x = card.inputs(rng.integers(0, 256, (IMAGES, *card.input_shape[1:]), np.uint8))
    path = folder() / f"{name}.onnx"
    if not path.exists():
        torch.manual_seed(0)
        to_onnx.export(card.build().eval(), card.input_shape, path, to_onnx.metadata(
            model=name, data=card.dataset, input_scale=card.normalization.scale,
            input_offset=card.normalization.offset, classes=card.classes,
            checkpoint_sha256="", data_sha256=""), samples=x[:16])
    return path, x
