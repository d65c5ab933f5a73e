"""What a page cannot show is refused before anything is written."""

from __future__ import annotations

import numpy as np
import pytest

from dsplet.base.errors import UserError
from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import load, quantize
from dsplet.quantize.qdq import to_qdq
from dsplet.workflows import live
from tests.dsplet.small_nets import FACTS
from tests.quantize.onnx_nets import model, node, random


def written(folder, shape, outputs=10, facts=FACTS):
    """A dense layer on inputs of that shape, as a file."""
    size = int(np.prod(shape))
    net = model([node("Flatten", "x", "f"), node("Gemm", "f w", "y", transB=1)], {"x": shape},
                {"w": random("w", outputs, size)})
    (folder / "net.onnx").write_bytes(net.SerializeToString())
    x = np.random.default_rng(0).uniform(0, 1, (20, *shape)).astype(np.float32)
    fixed = quantize(from_onnx.load(folder / "net.onnx"), x, load("nearest"), metadata=facts)
    to_qdq.save(fixed, folder / "net.q.onnx")
    return str(folder / "net.q.onnx")


@pytest.mark.parametrize("shape, outputs, facts, told", [
    ((3, 8, 8), 10, FACTS, "net.q.onnx: reads (3, 8, 8), no grey picture; expected one input "
                           "(1, H, W) or (H, W)"),
    ((64,), 10, FACTS, "reads (64,), no grey picture"),
    ((1, 129, 129), 2, FACTS, "reads 129 x 129 pixels; expected at most 16,384"),
    ((1, 8, 8), 1, FACTS, "gives (1,); expected a score for each class"),
    ((1, 8, 8), 10, {"dsplet.data": "digits"}, "does not say what it reads of a pixel: quantize it "
                                               "again with --input-scale"),
    ((1, 128, 128), 40, FACTS, "net.q.onnx: the network needs")])
def test_what_is_no_net_for_a_page(shape, outputs, facts, told, tmp_path):
    file, page = written(tmp_path, shape, outputs, facts), tmp_path / "live.html"
    board = "32kb" if "needs" in told else None
    with pytest.raises(UserError) as caught:
        live.run(live.Request(networks=(file,), out=str(page), board=board))
    assert told in str(caught.value) and not page.exists()


def test_the_page_is_no_network(tmp_path):
    file = written(tmp_path, (1, 8, 8))
    with pytest.raises(UserError, match="is what it would be made from"):
        live.run(live.Request(networks=(file,), out=file))


def test_equal_networks_equal_bytes(tmp_path):
    file, pages = written(tmp_path, (1, 8, 8)), [tmp_path / name for name in "ab"]
    for page in pages:
        live.run(live.Request(networks=(file,), out=str(page), samples=2))
    assert pages[0].read_bytes() == pages[1].read_bytes()
