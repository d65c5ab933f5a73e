"""The end of a sum beside the products of the next: golden text, and what keeps them apart."""

import pytest

from dsplet.firmware_sim.dsp32c.codegen.code import POOL, Turns
from dsplet.firmware_sim.dsp32c.codegen.instructions import add, apply, move, multiply, subtract
from dsplet.firmware_sim.dsp32c.codegen.overlap import overlap
from tests.firmware_sim.dsp32c.codegen.listing import A0, A1, A3, at, listing, text


def sums(turns: int = 9, stored: str = "y", result=A0) -> list:
    """y[j] = k2 * int24(k0 + k1 * (b[j] + x . w[j])): the multiplier sees the sum three slots
    later, and what is converted three after that."""
    return [Turns("j", turns, [
        move(A0, at("b", j=1)),
        *(add(A0, A0, at("x", t), at("w", t, j=4), mac=True) for t in range(4)),
        add(A0, at(POOL, 0), A0, at(POOL, 1)), apply("int24", A0, A0),
        multiply(result, A0, at(POOL, 2)).storing(at(stored, j=1, write=True))])]


def test_products_of_the_next_sum_fill_the_multipliers_latency():
    assert listing(overlap(sums(), 0)) == text("""
        a0 = b[0]
        a0 = a0 + x[0] * w[0]
        a0 = a0 + x[1] * w[1]
        a0 = a0 + x[2] * w[2]
        a1 = a0 + x[3] * w[3]
        j < 8:
            a0 = b[j + 1]
            a0 = a0 + x[0] * w[4*j + 4]
            a2 = constants[0] + a1 * constants[1]
            a2 = int24(a2)
            a0 = a0 + x[1] * w[4*j + 5]
            a0 = a0 + x[2] * w[4*j + 6]
            y[j] = a2 = a2 * constants[2]
            a1 = a0 + x[3] * w[4*j + 7]
        a2 = constants[0] + a1 * constants[1]
        a2 = int24(a2)
        y[8] = a2 = a2 * constants[2]
        """)


@pytest.mark.parametrize("code", [
    sums(turns=2),                # no loop would be left
    sums(stored="x"),             # products would read what is not yet stored
    [*sums(), move(A1, A0)],      # the last sum is read behind the loop
])
def test_what_stays_as_it_is(code):
    assert listing(overlap(code, 0)) == listing(code)


def test_an_instruction_more_has_to_pay_for_itself():
    """Four cycles a turn are saved, less eight instructions around the loop that run once; the
    body's eight instructions stand twice."""
    worth = (9 * 4 - 8) / 8
    assert listing(overlap(sums(), worth - 0.01)) != listing(sums())
    assert listing(overlap(sums(), worth)) == listing(sums())


def test_who_decides_by_flags_follows_what_sets_them():
    """A clamp's comparison and its choice stay neighbours between the products."""
    code = sums()
    code[0].body[-1:] = [subtract(A3, A0, at(POOL, 3)),
                         apply("ifalt", A0, at(POOL, 3)).storing(at("y", j=1, write=True))]
    loop = next(i for i in overlap(code, 0) if isinstance(i, Turns))
    lines = [str(i) for i in loop.body]
    chosen = next(n for n, line in enumerate(lines) if "ifalt" in line)
    assert " - constants[3]" in lines[chosen - 1]
