from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import Recipe, quantize
from dsplet.quantize.qdq import to_qdq
from tests.dsplet.small_nets import FACTS, digit_net


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """small.onnx and small.q.onnx."""
    path = tmp_path_factory.mktemp("cli")
    (path / "small.onnx").write_bytes(digit_net().SerializeToString())
    x = np.random.default_rng(0).uniform(0, 1, (50, 1, 8, 8)).astype(np.float32)
    fixed = quantize(from_onnx.load(path / "small.onnx"), x, Recipe(), metadata=FACTS)
    to_qdq.save(fixed, path / "small.q.onnx")
    return path
