"""The last turn of a multiply-accumulate loop by itself."""

from dsplet.firmware_sim.dsp32c.codegen.code import Turns
from dsplet.firmware_sim.dsp32c.codegen.instructions import add, move
from dsplet.firmware_sim.dsp32c.codegen.peel import peel
from tests.firmware_sim.dsp32c.codegen.listing import A0, at, listing, text


def rows(extent: int = 4, early: bool = False) -> list:
    mac = add(A0, A0, at("x", i=1), at("w", i=1, j=4), mac=True, early=early)
    return [Turns("j", 3, [move(A0, at("b", j=1)), Turns("i", extent, [mac])])]


def test_the_last_turn_is_written_out():
    assert listing(peel(rows())) == text("""
        j < 3:
            a0 = b[j]
            i < 3:
                a0 = a0 + x[i] * w[i + 4*j]
            a0 = a0 + x[3] * w[4*j + 3]
        """)


def test_it_keeps_to_the_pointers_of_the_loop():
    (outer,) = peel(rows())
    loop, last = outer.body[1:]
    assert [a.stream for _, a in last.accesses] == [a.stream for _, a in loop.body[0].accesses]


def test_what_is_not_peeled():
    """A loop that nothing repeats gains nothing; two turns are no loop and a turn; a weight that is
    unpacked one turn ahead belongs to the turn before."""
    alone = rows()[0].body
    assert listing(peel(alone)) == listing(alone)
    for code in (rows(extent=2), rows(early=True)):
        assert listing(peel(code)) == listing(code)
