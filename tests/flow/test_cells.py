"""Complex cells on the chip do not care for a grating's phase; simple cells do."""

import pytest

from bench.cells import MODELS, modulations
from dsplet.train.gabor import ORIENTATIONS
from dsplet.workflows import export, quantize, train

pytestmark = pytest.mark.slow


def test_phase_on_the_chip(tmp_path):
    found = {}
    for model, maps in zip(MODELS, (2 * ORIENTATIONS, ORIENTATIONS), strict=True):
        files = [str(tmp_path / f"{model}{e}") for e in (".safetensors", ".onnx", ".q.onnx")]
        train.run(train.Request(model=model, data="digits", epochs=1, samples=200, out=files[0]))
        export.run(export.Request(source=files[0], out=files[1]))
        quantize.run(quantize.Request(source=files[1], out=files[2], calibrate=50))
        found[model] = modulations(files[2], maps)
    simple, complex_ = (found[model] for model in MODELS)
    assert all(m == 1 for m in simple) and all(m < 0.1 for m in complex_)
