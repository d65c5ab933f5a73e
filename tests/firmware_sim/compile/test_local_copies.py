"""Copies on chip: the same numbers, and never of what a loop has yet to write."""

from __future__ import annotations

import numpy as np
import pytest

from dsplet.firmware_sim.compile.local_copies import Costs, Room, copy_on_chip
from dsplet.quantize.fixed.interpret import interpret
from dsplet.quantize.fixed.kernel import Kernel, Loop, Mac, Set, Store
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.fixed.statement import Affine, Ref
from tests.firmware_sim.compile.memories import memory
from tests.firmware_sim.dsp32c.networks import lenet_like, lenet_small

pytestmark = pytest.mark.slow

COSTS = Costs(pair=0.25, loop=3)


@pytest.mark.parametrize("stack, rooms, copies", [
    (lenet_small, (512,), [1, 1, 1, 1, 1]), (lenet_small, (90, 60), [1, 0, 1, 1, 1]),
    (lenet_small, (20, 0), [0, 0, 1, 1, 1]),
    pytest.param(lenet_like, (512,), [1, 1, 1, 1, 1], marks=pytest.mark.slow),
    pytest.param(lenet_like, (90, 60), [1, 0, 2, 2, 1], marks=pytest.mark.slow),
    pytest.param(lenet_like, (20, 0), [0, 0, 1, 1, 1], marks=pytest.mark.slow)])
def test_copies_keep_the_meaning(stack, rooms, copies):
    """The kernel that reads copies, interpreted, gives the numbers of the one it came from."""
    program = lower(stack().graph())
    plain = memory(program, stack().samples(1)[0])
    copied = {name: a.copy() for name, a in plain.items()}
    rooms, found = [Room(f"R{i}", n) for i, n in enumerate(rooms)], []
    for kernel in program.kernels:
        interpret(kernel, plain)
        new, made = copy_on_chip(kernel, lambda b: None, rooms, lambda b: None, COSTS)
        found.append(len(made))
        assert all(sum(c.buffer.size for c in made if c.region == r.region) <= r.words
                   for r in rooms)
        interpret(new, copied | {c.buffer.name: np.zeros(c.buffer.size, np.int64) for c in made})
    assert all(np.array_equal(plain[name], copied[name]) for name in plain)
    macs = [n for n, kernel in zip(found, program.kernels, strict=True) if kernel.macs]
    assert macs == copies


def at(buffer: str, **coefficients: int) -> Ref:
    return Ref(buffer, Affine(0, tuple(coefficients.items())))


def test_what_a_loop_writes_is_not_copied_before_it():
    """A fused kernel: each turn makes a plane m in external memory and multiplies it."""
    make = Loop("j", 4, (Set("d", at("x", i=4, j=1)), Store(at("m", j=1), "d")))
    use = Loop("k", 4, (Set("a", 0), Loop("z", 8, (Mac("a", at("m", k=1), at("w", i=8, z=1)),)),
                        Store(at("y", i=4, k=1), "a")))
    kernel = Kernel("fused", "", "", (Loop("i", 3, (make, use)),))
    copied, copies = copy_on_chip(kernel, lambda b: None, [Room("RAM0", 512), Room("RAM1", 512)],
                                  lambda b: None, COSTS)
    assert copies
    x, w = np.arange(1, 13), np.arange(2, 26)
    here = {"x": x, "w": w, "m": np.zeros(4, np.int64), "y": np.zeros(12, np.int64)}
    interpret(copied, here | {c.buffer.name: np.zeros(c.buffer.size, np.int64) for c in copies})
    assert np.array_equal(here["y"], (x.reshape(3, 4) * w.reshape(3, 8).sum(1)[:, None]).ravel())
