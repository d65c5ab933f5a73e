"""Kernels whose code is the same have it once."""

from dataclasses import replace

import numpy as np
import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.codegen.code import Constants, Label
from dsplet.firmware_sim.dsp32c.codegen.instructions import set_to
from dsplet.firmware_sim.dsp32c.codegen.kernel import link, select
from dsplet.firmware_sim.dsp32c.codegen.shared import Linked, share
from dsplet.firmware_sim.dsp32c.codegen.time_loops import Clock
from dsplet.quantize.fixed.kernel import Kernel, Loop, Mac, Set, Store
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.fixed.statement import Affine, Ref
from tests.firmware_sim.dsp32c.codegen.listing import listing, text
from tests.firmware_sim.dsp32c.codegen.test_instruction_selection import Layout, ref
from tests.firmware_sim.dsp32c.networks import zip_like


def product(name: str, first: int, turns: int = 40) -> Linked:
    """y[i] = the sum of w[j] * x[first + i + j]."""
    kernel = Kernel(name, "n", "Conv", (Loop("i", turns, (
        Set("acc", 0), Loop("j", 9, (
            Mac("acc", Ref("x", Affine(first, (("i", 1), ("j", 1)))), ref("w", j=1)),)),
        Store(ref("y", first, i=1), "acc"))),))
    code = select(kernel, Layout(), Constants(), [])
    lines = link(code, Layout(), Clock((), 0), [], 0, [], {}, {})
    return Linked(name, lines[:-len(code.lines)], lines[-len(code.lines):])


def test_the_text_of_code_that_two_kernels_share():
    """The first runs into it, the second calls it with its last pointer set behind the call."""
    (one, other), shared = share([product("k1", 0), product("k2", 100)])
    assert listing(one) == text("""
        k1:
        r1e = 0x002000
        r2e = 0x002000
        r3e = 0x002000
        r4e = 0x002000
        r15e = 0xffffe0
        r16e = 0xffffe4
        r22e = k1_back
        k1_shared:
        a1 = *r1
        do 8,39
        a0 = a1 + *r2++ * *r3++
        a0 = a0 + *r2++ * *r3++
        a0 = a0 + *r2++ * *r3++
        a0 = a0 + *r2++ * *r3++
        a0 = a0 + *r2++ * *r3++
        a0 = a0 + *r2++ * *r3++
        a0 = a0 + *r2++ * *r3++
        a0 = a0 + *r2++ * *r3++
        *r4++ = a0 = a0 + *r2++r15 * *r3++r16
        return (r22)
        nop
        k1_back:
        """)
    assert listing(other) == text("""
        k2:
        r1e = 0x002000
        r2e = 0x002000
        r3e = 0x002190
        r4e = 0x002190
        r15e = 0xffffe0
        call k1_shared (r22)
        r16e = 0xffffe4
        """)
    assert shared == {"k1": ("k1", "k2")}


def test_other_code_is_left_alone():
    """That of other loops, of a loop over time, and where no register is left for the way back."""
    one, other = product("k1", 0), product("k2", 100)
    full = [set_to(f"r{i}", 0) for i in range(1, 23)]
    for pair in ((one, product("k2", 100, turns=41)), (one, replace(other, repeated=True)),
                 (replace(one, code=full), replace(other, code=full))):
        assert share(pair) == ([[*k.head, *k.code] for k in pair], {})


def test_the_way_back_is_in_a_register_that_nobody_uses():
    used = [set_to(f"r{i}", 0) for i in range(1, 23) if i != 13]
    made = [Linked(name, [Label(name)], used) for name in ("k1", "k2")]
    (one, other), _ = share(made)
    assert str(one[1]) == "r13e = k1_back" and str(other[1]) == "call k1_shared (r13)"


@pytest.mark.slow
def test_kernels_that_share_code_pay_for_it_in_equal_parts():
    """Thirty equal layers: the worst case is what is measured, section by section."""
    stack = zip_like()
    for _ in range(30):
        stack.gemm(10, stack.value.format).tanh()
    graph = stack.graph()
    compiled = targets.compile(lower(graph), targets.get("dsp32c-40", "2mb"))
    gemms = [s for s in compiled.sections if s.users > 1 and s.op == "Gemm"]
    assert len(gemms) > 20 and len({s.shared for s in gemms}) < 4
    x = np.zeros((1, *graph.inputs[0].shape), np.int64)
    run, worst = compiled.simulate([x]), compiled.worst_case()
    assert run.cycles[0] == worst.cycles
    np.testing.assert_allclose([b.cycles for b in run.bills], worst.by_section)
    np.testing.assert_allclose(sum(b.cycles for b in run.bills), run.cycles[0])
    assert all(b.cycles >= compiled.lower_bounds().get(b.section.kernel, 0) for b in run.bills)
    wanted = graph.run(x)[graph.outputs[0].name]
    np.testing.assert_array_equal(run.outputs[0], wanted.reshape(run.outputs[0].shape))


