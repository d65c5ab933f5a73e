"""What is done once is done once: code is selected anew only where a layout changes it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import DoesNotFit
from dsplet.firmware_sim.dsp32c.codegen import compilation
from dsplet.firmware_sim.dsp32c.codegen.code import Constants
from dsplet.quantize.fixed.program import lower
from tests.firmware_sim.dsp32c.networks import Stack, lenet_like, tiny, zip_like

pytestmark = pytest.mark.slow

CHIP = targets.get("dsp32c-40", "2mb")


def long() -> Stack:
    """More code than the chip's first bank holds: it is placed twice."""
    stack = zip_like()
    for _ in range(30):
        stack.gemm(10, stack.value.format).tanh()
    return stack


@pytest.fixture
def counted(monkeypatch):
    """How often code was selected, by kernel, and linked in all."""
    counts: Counter = Counter()
    for name in ("select", "link"):
        real = getattr(compilation, name)

        def count(code, *rest, name=name, real=real):
            counts[code.name if name == "select" else "linked"] += 1
            return real(code, *rest)
        monkeypatch.setattr(compilation, name, count)
    return counts


@pytest.mark.parametrize("stack, attempts", [(zip_like, 1), (lenet_like, 1), (long, 2)])
def test_each_kernel_is_compiled_hardly_more_than_twice(stack, attempts, counted):
    """Some are once more where code that is longer than its bank is written out less."""
    program = lower(stack().graph())
    targets.compile(program, CHIP)
    assert counted.pop("linked") >= attempts * len(program.kernels)
    assert set(counted) == {k.name for k in program.kernels}
    assert max(counted.values()) <= 3
    assert sum(counted.values()) < 2.2 * len(program.kernels)


def test_code_that_is_linked_again_is_that_of_a_new_start():
    """With and without what an earlier attempt selected: the same words."""
    program = lower(long().graph())
    every = compilation.Compilation(program, CHIP)
    first, again = (every.build(every.mixtures[0].choices) for _ in range(2))
    assert first.listing == again.listing
    assert all(a == b and np.array_equal(v, w) for (a, v), (b, w) in
               zip(first.segments, again.segments, strict=True))


def test_words_of_the_pool_beside_tables_get_their_places_late():
    pool = Constants()
    assert [pool.access(*word).index.const for word in
            ((0.5,), (0.5, "t"), (0.5,), (0.0, "u"), (0.5, "t"))] == [0, 1, 0, 2, 1]
    assert pool.values({"t": 4096, "u": 8}.__getitem__) == [0.5, 4096.5, 8.0]


@pytest.mark.parametrize("limit, room, told", [
    ("REACH_BYTES", 64, r"the code has [\d,]+ bytes; a goto reaches the first 64"),
    ("POOL_WORDS", 1, r"\d+ float constants; the pool has room for 1")])
def test_what_the_chip_has_no_room_for_is_refused(limit, room, told, monkeypatch):
    monkeypatch.setattr(compilation, limit, room)
    with pytest.raises(DoesNotFit, match=told):
        targets.compile(lower(tiny().graph()), CHIP)
