"""Copies that the first window makes as it multiplies, and how their loop is entered."""

import numpy as np
import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.codegen.address_generation import generate_addresses
from dsplet.firmware_sim.dsp32c.codegen.code import Label, Turns
from dsplet.firmware_sim.dsp32c.codegen.first_windows import first_windows
from dsplet.firmware_sim.dsp32c.codegen.instructions import add, move
from dsplet.firmware_sim.dsp32c.codegen.peel import peel
from dsplet.firmware_sim.dsp32c.codegen.schedule import Scheduler
from dsplet.firmware_sim.dsp32c.codegen.several_turns import several_turns
from dsplet.quantize.fixed.program import lower
from tests.firmware_sim.dsp32c.codegen.listing import A0, A3, at, listing, text
from tests.firmware_sim.dsp32c.networks import PIXELS, SIGNED, Stack


def windows(copied: int = 40, taps: int = 40, last: list | None = None, filters: int = 5,
            bias: dict[str, int] | None = None) -> list:
    """Of 3 rows of 4 windows each; so many filters of 40 weights. bias: how its place moves."""
    mac = add(A0, A0, at("stage", c=1), at("x", c=1, j=1, i=8), mac=True)
    window = [move(A0, at("b", **bias or {"f": 1})), Turns("c", taps, [mac]),
              *(last or [move(A3, A0).storing(at("y", write=True, f=12, i=4, j=1))])]
    return [Turns("f", filters, [
        Turns("n", copied, [move(A0, at("w", f=40, n=1)).storing(at("stage", write=True, n=1))]),
        Turns("i", 3, [Turns("j", 4, window)])])]


FIRST = """
    f < 5:
        first of i, j:
            a0 = b[f]
            c < 40:
                a0 = a0 + (stage[c] = w[c + 40*f]) * x[c]
            y[12*f] = a3 = a0
        i < 3:
            j < 4:
                a0 = b[f]
                c < 40:
                    a0 = a0 + stage[c] * x[c + 8*i + j]
                y[12*f + 4*i + j] = a3 = a0
    """


def test_the_first_window_stores_its_weights():
    assert listing(first_windows(windows())) == text(FIRST)


def test_the_pointers_of_the_first_window_are_the_others():
    (outer,) = first_windows(windows())
    (loop,) = outer.body
    first, other = loop.first[1].body[0], loop.begun[-1].body[1].body[0]
    assert first.operands["X"].stream == other.operands["X"].stream


def test_what_the_copying_loop_still_does():
    """Words that the window does not read, or few of them, which fit a `do`; a place in the code
    that would be there twice; cycles that are not worth the instructions."""
    for code in (windows(copied=41), windows(copied=30, taps=30), windows(last=[Label("here")])):
        assert listing(first_windows(code)) == listing(code)
    assert listing(first_windows(windows(), 40)) == listing(windows())


def test_no_turn_of_several_is_entered():
    (outer,) = several_turns(first_windows(windows()))
    assert [o.extent for o in outer.body[0].begun] == [3, 4]


def test_of_several_filters_a_turn_each_stores_its_weights():
    (outer,) = several_turns(first_windows(windows(filters=8)))
    stored = [str(loop.first[1].body[0]) for loop in outer.body]
    assert outer.extent == 2 and stored == [
        f"a0 = a0 + (stage[c] = w[c + 160*f{f' + {40 * k}' * (k > 0)}]) * x[c]" for k in range(4)]


@pytest.mark.parametrize("bias", [{"f": 12, "i": 4, "j": 1}, {"f": 3, "i": 1}, {"f": 1}])
def test_nothing_stands_before_a_loop_that_is_entered(bias):
    """Only what every window of a filter begins with is kept, in front of the first."""
    (outer,) = peel(first_windows(windows(bias=bias)))
    *kept, loop = outer.body
    assert [str(i) for i in kept] == (["a2 = b[f]"] if bias == {"f": 1} else [])
    assert [o.extent for o in loop.begun] == [3, 4]


@pytest.mark.parametrize("channels, filters, kernel, per_unit", [(9, 20, 2, False),
                                                                 (37, 14, 1, True)])
def test_a_convolution(channels, filters, kernel, per_unit):
    """36 weights, and so little code that filters share a turn; a bias of each sum, to which its
    first product adds."""
    net = Stack("net", (channels, 10, 10), PIXELS, 0).conv(
        filters, kernel, 2, SIGNED, per_unit=per_unit).graph()
    x = np.random.default_rng(0).integers(0, 256, (2, channels, 10, 10))
    compiled = targets.compile(lower(net), targets.get("dsp32c-40"))
    assert "a0 = a0 + (*r" in compiled.artefact("listing", "net")
    assert np.array_equal(compiled.simulate([x]).outputs[0], net.run(x)[net.outputs[0].name])


def test_the_loop_is_entered_at_its_second_turn():
    """j has three turns left at first, as r = 1 counts. Nothing of the copy is on its way where
    k_2 begins: four instructions behind the last store of a weight."""
    code = generate_addresses(peel(first_windows(windows())), False)
    assert listing(Scheduler("k").run(code.code)) == text("""
        count0 = 3
        k_0:
        a2 = *pointer0
        count1 = 1
        count2 = 1
        a0 = *pointer0++
        do 0,38
        a0 = a0 + (*pointer3++ = *pointer1++) * *pointer2++
        a0 = a0 + (*pointer3++increment0 = *pointer1++) * *pointer2++increment1
        nop
        goto k_2
        *pointer4++ = a3 = a0
        k_1:
        count2 = 2
        k_2:
        a0 = a2 + *pointer5++ * *pointer2++
        do 0,37
        a0 = a0 + *pointer5++ * *pointer2++
        if (count2-- >= 0) goto k_2
        *pointer4++ = a0 = a0 + *pointer5++increment0 * *pointer2++increment1
        if (count1-- >= 0) goto k_1
        pointer2e = pointer2e + 16
        if (count0-- >= 0) goto k_0
        pointer2e = pointer2e + -96
        """)
    assert code.increments == {-156: "increment0", -152: "increment1"}  # 39 words; 39 less the next
