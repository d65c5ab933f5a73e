"""A listener from PyTorch to machine code: the front end is quantized, too, and frames stream."""

import ctypes

import numpy as np
import pytest
import torch

from dsplet.data.spoken import decoded
from dsplet.export import to_onnx
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.compile.optimize import optimize
from dsplet.firmware_sim.compile.streaming import streaming
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.network import Network
from dsplet.quantize.ptq.recipe import load, quantize
from dsplet.train.speech import Listener, Spectrum
from tests.export.test_product import Memory, built

pytestmark = pytest.mark.slow
FRAMES, FRAME, BANDS, UNITS = 5, 40, 6, 4


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """An untrained listener in fixed point, and codes that get louder."""
    path = tmp_path_factory.mktemp("spoken") / "m.onnx"
    torch.manual_seed(2)
    module = torch.nn.Sequential(
        Listener(decoded(), Spectrum(FRAME, BANDS, 8_000), BANDS, UNITS), torch.nn.Linear(UNITS, 3))
    loud = np.linspace(0, 128, FRAMES).astype(int)[:, None]
    codes = 255 - np.random.default_rng(0).integers(0, 1 + loud, (60, FRAMES, FRAME))
    x = codes.astype(np.float32)[:, None]
    to_onnx.export(module, x.shape[1:], path, to_onnx.metadata(
        model="m", input_scale=1, input_offset=0, classes="abc", step="5ms"), samples=x[:20])
    float_graph = Network(path).float
    return quantize(float_graph, x[:40], load("nearest")), x[40:], module


def test_the_front_end_keeps_what_is_soft(net):
    """Of the hidden states, against PyTorch: 8 bits in front of the logarithm lose them."""
    graph, x, module = net
    wanted = module(torch.from_numpy(x)).detach().numpy()
    found = graph.outputs[0].format.dequantize(
        graph.run(graph.inputs[0].format.quantize(x))[graph.outputs[0].name])
    assert np.abs(found - wanted).max() < 0.02 < np.ptp(wanted, 0).min()
    bits = {n.op: n.output.format.bits for loop in graph.nodes if loop.op == "Scan"
            for n in loop.body.nodes}
    assert bits["Gather"] == bits["Mul"] == 16


def test_frame_by_frame_chip_and_c_give_the_same(net, tmp_path):
    graph, x, _ = net
    program, q = streaming(lower(graph)), graph.inputs[0].format.quantize(x[:3])
    steps = targets.compile(program, targets.get("dsp32c-40")).stream(
        q.reshape(3, FRAMES, FRAME))
    last = graph.run(q)[graph.outputs[0].name]
    assert (steps.outputs[0][:, -1].reshape(last.shape) == last).all()
    for name, done in (("lowered", program), ("optimized", optimize(program))):
        (tmp_path / name).mkdir()
        c = built(tmp_path / name, done)
        memory = Memory(done)
        for sequence, ys in zip(q.reshape(3, FRAMES, FRAME), steps.outputs[0], strict=True):
            c.net_reset(ctypes.c_void_p(memory.context.ctypes.data))
            for frame, y in zip(sequence, ys, strict=True):
                memory(c.net_step, frame)
                assert (memory.arrays[1] == y.reshape(-1)).all()
