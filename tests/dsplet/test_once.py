"""One simulation parses, lowers and proves once, and compiles each kernel at most three times."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from dsplet.firmware_sim.dsp32c.codegen import compilation
from dsplet.quantize import network
from dsplet.quantize.fixed import program, proof
from dsplet.quantize.qdq import to_qdq
from dsplet.workflows import simulate
from tests.firmware_sim.dsp32c.networks import tiny
from tests.firmware_sim.dsp32c.test_compilation import long


@pytest.mark.slow
@pytest.mark.parametrize("stack", [tiny, long])
def test_nothing_is_done_twice(stack, tmp_path, monkeypatch):
    counts: Counter = Counter()

    def counted(module, name, key=lambda *arguments: ""):
        real = getattr(module, name)

        def count(*arguments):
            counts[name + key(*arguments)] += 1
            return real(*arguments)
        monkeypatch.setattr(module, name, count)

    counted(network, "parse")
    counted(program, "_Lowering")
    counted(proof, "bounds")
    counted(compilation, "select", lambda kernel, *_: f" {kernel.name}")
    graph = stack().graph()
    to_qdq.save(graph, tmp_path / "net.q.onnx")
    np.savez(tmp_path / "x.npz", images=np.zeros((2, *graph.inputs[0].shape[1:]), np.uint8))
    simulate.run(simulate.Request(source=str(tmp_path / "net.q.onnx"), input_scale="1/256",
                                  images=str(tmp_path / "x.npz"), budget="1ms", profile=True,
                                  memory_map=True))
    assert [counts.pop(once) for once in ("parse", "_Lowering", "bounds")] == [1, 1, 1]
    assert len(counts) > len(graph.nodes) / 2 and max(counts.values()) <= 3
