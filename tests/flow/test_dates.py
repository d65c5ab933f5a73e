"""Sequence to sequence from PyTorch to machine code: a loop that reads what it wrote."""

import shutil

import numpy as np
import pytest
import torch

from bench.attention import draw, looking, maps
from bench.whole import differences
from dsplet import data
from dsplet.data.dates import READ, WRITTEN
from dsplet.data.feed import feed
from dsplet.export import to_onnx
from dsplet.firmware_sim import targets
from dsplet.quantize.fixed.program import lower, run
from dsplet.quantize.network import Network, fixed_graph, quantized, reference
from dsplet.quantize.ptq.recipe import load, quantize
from dsplet.quantize.qdq import to_qdq
from dsplet.train import zoo
from dsplet.train.translate import Attending, AttentionTranslator, Decoder, Translator

pytestmark = pytest.mark.slow
INPUTS = 100


def small(kind: str) -> torch.nn.Module:
    """Its weights are large, so that what it writes differs from date to date."""
    torch.manual_seed(3)
    if kind == "plain":
        module = Translator(len(READ), 8, Decoder(0, 8, len(WRITTEN), 10, 10))
    else:
        module = AttentionTranslator(len(READ), 8, Attending(8, 8, len(WRITTEN), 10, 10, 4))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(4)
    return module


@pytest.fixture(scope="module", params=["plain", "attention"])
def paths(request, tmp_path_factory):
    """The float and the fixed file of an untrained network, and which it is."""
    folder, splits, card = tmp_path_factory.mktemp("dates"), data.load("dates"), zoo.get(
        "dates_plain")
    net, fixed = folder / "m.onnx", folder / "m.q.onnx"
    to_onnx.export(small(request.param), card.input_shape, net, to_onnx.metadata(
        model="m", data="dates", input_scale=1, input_offset=0, classes=card.classes),
        samples=card.inputs(splits.calibration.images[:20]))
    network = Network(net)
    codes = feed(network.facts, network.inputs)
    to_qdq.save(quantize(network.float, codes.calibration(40).x, load("nearest"), codes.metadata),
                fixed)
    return net, fixed, request.param


def first_codes(graph, count):
    """The first test samples, as integers."""
    feeding = feed(dict(graph.metadata), {v.name: v.shape for v in graph.inputs})
    q, = quantized(graph, feeding.test(str(count)).x)
    return q


def test_the_square_closes(paths):
    graph = fixed_graph(paths[1])
    q = first_codes(graph, INPUTS)
    wanted, = reference(graph, [q])
    said = wanted.argmax(2)
    assert len(np.unique(said, axis=0)) > 10 and len(np.unique(said)) > 3  # it does not stammer
    compiled = targets.compile(lower(graph), targets.get("dsp32c-40"))
    assert np.array_equal(compiled.simulate([q]).outputs[0], wanted)
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    assert differences(str(paths[1]), str(INPUTS)) == 0  # C, the batch executor, ONNX Runtime


def test_statement_by_statement(paths):
    graph = fixed_graph(paths[1])
    q = first_codes(graph, 1)
    assert np.array_equal(run(lower(graph), q[0])[0], reference(graph, [q])[0][0])


def test_the_decoder_reads_what_it_wrote(paths):
    """Step by step in float: each symbol fed back by hand gives the scores that the file gives."""
    card, splits = zoo.get("dates_plain"), data.load("dates")
    x = card.inputs(splits.test.images[:8])
    network = Network(paths[0])
    name, = network.inputs
    scores = network.scores({name: x}).reshape(8, 10, 11)
    with torch.no_grad():
        said = torch.from_numpy(scores.argmax(2))
        wanted = small(paths[2])(torch.from_numpy(x), said).numpy()
    np.testing.assert_allclose(scores, wanted, atol=1e-3)


def test_where_the_chip_looks(paths, tmp_path):
    graph = fixed_graph(paths[1])
    if not any(n.op == "Softmax" for n in graph.every_node()):
        with pytest.raises(ValueError, match="softmax"):
            looking(graph)
        return
    found = maps(paths[1], (0, 1))
    assert [w.shape for _, _, w in found] == [(10, 30)] * 2
    assert all(abs(w.sum(1) - 1).max() < 0.1 for _, _, w in found)  # 8 bits for each of 30
    draw(found, tmp_path / "a.svg")
    draw(found, tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
