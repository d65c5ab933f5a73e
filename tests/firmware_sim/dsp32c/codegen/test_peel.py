"""Turns of a multiply-accumulate loop by themselves: the first, the last."""

from dsplet.firmware_sim.dsp32c.codegen.code import Turns
from dsplet.firmware_sim.dsp32c.codegen.instructions import add, move
from dsplet.firmware_sim.dsp32c.codegen.peel import peel
from tests.firmware_sim.dsp32c.codegen.listing import A0, A3, at, listing, text


def rows(extent: int = 4, early: bool = False, start: str = "a0", taps: int = 1) -> list:
    """Sums of `taps` products a turn. start: a0 already has what they begin with, or memory has."""
    macs = [add(A0, A0, at("x", t, i=taps), at("w", t, i=taps, j=8), mac=True, early=early)
            for t in range(taps)]
    begin = {"a0": [], "b[j]": [move(A0, at("b", j=1))], "b[0]": [move(A0, at("b"))]}[start]
    return [Turns("j", 3, [*begin, Turns("i", extent, macs)])]


def test_the_last_turn_is_written_out():
    assert listing(peel(rows())) == text("""
        j < 3:
            i < 3:
                a0 = a0 + x[i] * w[i + 8*j]
            a0 = a0 + x[3] * w[8*j + 3]
        """)


def test_it_stores_the_sum():
    code = rows()
    code[0].body.append(move(A3, A0).storing(at("y", j=1, write=True)))
    assert "    y[j] = a0 = a0 + x[3] * w[8*j + 3]\n" in listing(peel(code))


def test_it_keeps_to_the_pointers_of_the_loop():
    (outer,) = peel(rows())
    loop, last = outer.body
    assert [a.stream for _, a in last.accesses] == [a.stream for _, a in loop.body[0].accesses]


def test_the_first_product_reads_what_the_sum_begins_with():
    """Its other factor, the same for all, waits in an accumulator: three slots later the multiplier
    sees it."""
    assert listing(peel(rows(start="b[j]"))) == text("""
        a2 = x[0]
        nop
        j < 3:
            a0 = b[j] + a2 * w[8*j]
            i < 2:
                a0 = a0 + x[i + 1] * w[i + 8*j + 1]
            a0 = a0 + x[3] * w[8*j + 3]
        """)


def test_a_sum_of_one_product_is_stored_as_before():
    mac = add(A0, A0, at("x"), at("w", j=1), mac=True).storing(at("y", j=1, write=True))
    assert listing(peel([Turns("j", 3, [move(A0, at("b", j=1)), mac])])) == text("""
        a2 = x[0]
        nop
        j < 3:
            y[j] = a0 = b[j] + a2 * w[j]
        """)


def test_a_start_that_is_the_same_for_all_waits_in_an_accumulator():
    assert listing(peel(rows(2, start="b[0]", taps=2))) == text("""
        a2 = b[0]
        j < 3:
            a0 = a2 + x[0] * w[8*j]
            a0 = a0 + x[1] * w[8*j + 1]
            a0 = a0 + x[2] * w[8*j + 2]
            a0 = a0 + x[3] * w[8*j + 3]
        """)


def test_a_turn_ends_with_the_first_product_of_the_next():
    """The first of all reads what the sum begins with; the last turn's others stand behind."""
    assert listing(peel(rows(start="b[0]", taps=2))) == text("""
        a2 = b[0]
        j < 3:
            a0 = a2 + x[0] * w[8*j]
            i < 3:
                a0 = a0 + x[2*i + 1] * w[2*i + 8*j + 1]
                a0 = a0 + x[2*i + 2] * w[2*i + 8*j + 2]
            a0 = a0 + x[7] * w[8*j + 7]
        """)


def test_code_must_be_worth_its_length():
    """Three sums: a start each, and of a loop of two turns its `do`; for an instruction more."""
    code = rows(2, start="b[0]", taps=2)
    assert listing(peel(code, 6)) != listing(code)
    assert listing(peel(code, 7)) == listing(code)


def test_what_is_not_peeled():
    """A loop that nothing repeats gains nothing; two turns are no loop and a turn; a weight that is
    unpacked one turn ahead belongs to the turn before; what a turn writes is not kept."""
    alone = rows()[0].body
    assert listing(peel(alone)) == listing(alone)
    for code in (rows(extent=2), rows(early=True)):
        assert listing(peel(code)) == listing(code)
    code = rows(start="b[j]")
    code[0].body.append(move(A3, A0).storing(at("x", j=1, write=True)))
    assert "j < 3:\n    a0 = b[j]\n" in listing(peel(code))
