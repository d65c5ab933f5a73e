"""Complex cells on the chip do not care for a grating's phase; simple cells do."""

import pytest

from bench.cells import MODELS, modulations
from dsplet import cli
from dsplet.train.gabor import ORIENTATIONS

pytestmark = pytest.mark.slow


def test_phase_on_the_chip(tmp_path):
    found = {}
    for model, maps in zip(MODELS, (2 * ORIENTATIONS, ORIENTATIONS), strict=True):
        files = [str(tmp_path / f"{model}{e}") for e in (".safetensors", ".onnx", ".q.onnx")]
        cli.train(model, data="digits", epochs=1, samples=200, out=files[0])
        cli.export(files[0], files[1])
        cli.quantize(files[1], files[2], calibrate=50)
        found[model] = modulations(files[2], maps)
    simple, complex_ = (found[model] for model in MODELS)
    assert all(m == 1 for m in simple) and all(m < 0.1 for m in complex_)
