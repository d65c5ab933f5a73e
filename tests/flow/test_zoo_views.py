"""Every network of the zoo, freshly drawn: what memory holds of each value is the reference's, on
the board of 1989 or whichever it needs, and on one so small that kernels share loops."""

import numpy as np
import pytest

from bench.networks import network
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import DoesNotFit
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import load, quantize
from dsplet.train import zoo
from tests.firmware_sim.dsp32c.every_value import every_value

pytestmark = pytest.mark.slow
JOINED = {"zip1989", "lenet5_1998"}
"""Networks with concatenations that are nowhere: their parts are read where they lie. Of others
only constants are, as the code has them in it."""


@pytest.mark.parametrize("card", zoo.cards(), ids=lambda card: card.name)
def test_memory_holds_the_references_integers(card):
    path, x = network(card.name)
    graph = quantize(from_onnx.load(path), x[:16], load("nearest"))
    q = graph.inputs[0].format.quantize(x[:2])
    wanted, program = every_value(graph, q), lower(graph)
    ops = ("Constant", "Concat") if card.name in JOINED else ("Constant",)
    nowhere = {n.output.name for n in graph.every_node() if n.op in ops}
    for board in (card.board, "32kb"):
        try:
            compiled = targets.compile(program, targets.get("dsp32c-40", board))
        except DoesNotFit:
            assert board == "32kb"
            continue
        found = compiled.values([q])
        assert wanted.keys() - found.keys() <= nowhere
        for name, integers in found.items():
            assert np.array_equal(integers, wanted[name]), (board, name)
