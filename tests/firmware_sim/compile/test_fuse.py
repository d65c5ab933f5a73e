"""Kernels that share a loop compute what they did, in less memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dsplet.firmware_sim.compile.fuse import Mark, fuse, fusions, parts
from dsplet.quantize.fixed.interpret import interpret
from dsplet.quantize.fixed.kernel import Buffer, Kernel, Loop, Set, Store
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.fixed.statement import Affine, Ref
from tests.firmware_sim.compile.memories import memory
from tests.firmware_sim.dsp32c.networks import lenet_like, lenet_small, tiny, zip_like

pytestmark = pytest.mark.slow


def unmarked(body: tuple) -> tuple:
    """The statements that the kernel language has."""
    return tuple(replace(s, body=unmarked(s.body)) if isinstance(s, Loop) else s
                 for s in body if not isinstance(s, Mark))


@pytest.mark.parametrize("stack", [tiny, zip_like, lenet_small,
                                   pytest.param(lenet_like, marks=pytest.mark.slow)])
def test_fusing_keeps_the_meaning(stack):
    """All that can be fused, interpreted part by part, writes the same outputs into less memory."""
    program = lower(stack().graph())
    possible = fusions(program.kernels, program.buffers, program.borders)
    fused, buffers = fuse(program.kernels, program.buffers,
                          frozenset(f.buffer for f in possible), program.borders)
    assert possible and len(fused) < len(program.kernels)
    assert [name for s in fused for name in parts(s.kernel)] == [k.name for k in program.kernels]
    x = stack().samples(1)[0]
    plain, shrunk = memory(program, x), memory(program, x)
    for f in possible:
        assert buffers[f.buffer].size == f.words < f.size
        shrunk[f.buffer] = np.zeros(f.words, np.int64)
    for kernel in program.kernels:
        interpret(kernel, plain)
    for s in fused:
        interpret(replace(s.kernel, body=unmarked(s.kernel.body)), shrunk)
    name = program.outputs[0][1]
    assert np.array_equal(shrunk[name], plain[name])


def at(buffer: str, **coefficients: int) -> Ref:
    return Ref(buffer, Affine(0, tuple(coefficients.items())))


def test_planes_that_are_read_by_halves_are_not_fused():
    """Each of 3 turns makes one number; 6 turns read them, two for each."""
    make = Kernel("make", "", "", (Loop("i", 3, (Set("d", at("x", i=1)),
                                                Store(at("m", i=1), "d"))),))
    use = Kernel("use", "", "", (Loop("j", 6, (Set("d", Ref("m", Affine(0))),
                                              Store(at("y", j=1), "d"))),))
    buffers = {name: Buffer(name, size, 0, 1, "activation")
               for name, size in (("x", 3), ("m", 3), ("y", 6))}
    assert fusions((make, use), buffers, frozenset()) == []
