"""Counted loops with fewer branches."""

import pytest

from dsplet.firmware_sim.dsp32c.codegen.code import Turns
from dsplet.firmware_sim.dsp32c.codegen.instructions import add, move
from dsplet.firmware_sim.dsp32c.codegen.several_turns import several_turns
from tests.firmware_sim.dsp32c.codegen.listing import A0, at, listing, text


def units(n: int) -> list:
    mac = add(A0, A0, at("x", i=1), at("w", i=1, j=8), mac=True)
    return [Turns("j", n, [move(A0, at("b", j=1)), Turns("i", 8, [mac])])]


def test_several_units_a_turn():
    """The loop inside has an index of each; all move the pointers of one loop."""
    (outer,) = several_turns(units(6), 0)
    assert listing([outer]) == text("""
        j < 2:
            a0 = b[3*j]
            i < 8:
                a0 = a0 + x[i] * w[i + 24*j]
            a0 = b[3*j + 1]
            i < 8:
                a0 = a0 + x[i] * w[i + 24*j + 8]
            a0 = b[3*j + 2]
            i < 8:
                a0 = a0 + x[i] * w[i + 24*j + 16]
        """)
    assert len({a.stream for loop in outer.body[1::2] for _, a in loop.body[0].accesses}) == 2


@pytest.mark.parametrize("n, least, found", [
    (40, 0, 10), (9, 0, 3), (7, 0, 7),  # what divides the turns
    (40, 3, 10), (40, 4, 20), (40, 7, 40)])  # 30 branches less for 9 instructions, 20 for 3
def test_how_many(n, least, found):
    (outer,) = several_turns(units(n), least)
    assert outer.extent == found


def test_a_loop_that_is_a_do_has_no_branch():
    code = [Turns("j", 40, [move(A0, at("b", j=1))])]
    assert several_turns(code, 0)[0].extent == 40
