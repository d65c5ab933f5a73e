"""Sums without loops: as many rows a turn as there is room for."""

import pytest

from dsplet.firmware_sim.dsp32c.codegen.code import Turns
from dsplet.firmware_sim.dsp32c.codegen.instructions import add, move
from dsplet.firmware_sim.dsp32c.codegen.several_turns import several_turns
from dsplet.firmware_sim.dsp32c.codegen.written_out import written_out
from tests.firmware_sim.dsp32c.codegen.listing import A0, at, listing, text


def rows(n: int, length: int) -> list:
    mac = add(A0, A0, at("x", i=1), at("w", i=1, j=length), mac=True)
    return [Turns("j", n, [move(A0, at("b", j=1)), Turns("i", length, [mac])])]


def test_two_rows_a_turn():
    (outer,) = written_out(rows(34, 40), 0, 76)
    assert outer.extent == 17
    assert listing(outer.body[:2] + outer.body[41:44]) == text("""
        a0 = b[2*j]
        a0 = a0 + x[0] * w[80*j]
        a0 = b[2*j + 1]
        a0 = a0 + x[0] * w[80*j + 40]
        a0 = a0 + x[1] * w[80*j + 41]
        """)
    assert len({a.stream for i in outer.body for _, a in i.accesses}) == 3, "a pointer each"


@pytest.mark.parametrize("n, length, least, room, turns, loops", [
    (40, 30, 0, 300, 40, False),  # one row is a `do`: neither branch nor loop
    (40, 32, 0, 252, 5, False),   # 33 instructions a row and a branch, for 4 by 3 and one
    (40, 32, 0, 251, 10, False),
    (40, 32, 0, 20, 10, True),    # no room: loops as before
    (40, 32, 9, 300, 40, True),   # not worth it
])
def test_how_many(n, length, least, room, turns, loops):
    """A `do` saved for each row, and the branch of fewer turns, against what is longer."""
    code = rows(n, length)
    (outer,) = written_out(code, least, room)
    assert (outer.extent, any(isinstance(i, Turns) for i in outer.body)) == (turns, loops)
    if loops:
        assert listing([outer]) == listing(several_turns(code, least))
