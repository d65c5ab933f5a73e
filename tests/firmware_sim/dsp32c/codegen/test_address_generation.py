"""Streams, pointers and steps, in bytes (dsp32c.md 5.2: a post-increment by the operand's size is
free, another takes one of five registers)."""

import pytest

from dsplet.firmware_sim.dsp32c.codegen.address_generation import generate_addresses
from dsplet.firmware_sim.dsp32c.codegen.code import POOL, Label, Turns
from dsplet.firmware_sim.dsp32c.codegen.instructions import add, advance, move
from tests.firmware_sim.dsp32c.codegen.listing import A0, A1, at, listing, text


def mac(x, w):
    return add(A0, A0, x, w, mac=True)


def starts(addressed) -> dict[str, str]:
    return {pointer: str(first) for pointer, first in addressed.start.items()}


def test_a_matrix_times_a_vector():
    """w is walked through; after each row x goes back by 3 words, y moves on by itself."""
    found = generate_addresses([Turns("j", 5, [
        move(A0, at("b", j=1)),
        Turns("i", 3, [mac(at("x", i=1), at("w", i=1, j=3))]),
        move(A1, A0).storing(at("y", j=1, write=True))])], share_constants=False)
    assert listing(found.code) == text("""
        j < 5:
            a0 = *pointer0++
            i < 3:
                a0 = a0 + *pointer1++ * *pointer2++
            pointer1e = pointer1e + -12
            *pointer3++ = a1 = a0
        """)
    assert starts(found) == {"pointer0": "b[0]", "pointer1": "x[0]", "pointer2": "w[0]",
                             "pointer3": "y[0]"}
    assert found.increments == {}


def test_a_window_of_two_rows():
    """Taps 0, 1 and 8, 9 of rows of 8 words: from 1 to 8 are 28 bytes, from 9 to the next window's
    0 back 32; weights 0..3, and back 12."""
    found = generate_addresses([Turns("i", 6, [
        mac(at("x", tap, i=1), at("w", n)) for n, tap in enumerate((0, 1, 8, 9))])], False)
    assert listing(found.code) == text("""
        i < 6:
            a0 = a0 + *pointer0++ * *pointer1++
            a0 = a0 + *pointer0++increment2 * *pointer1++
            a0 = a0 + *pointer0++ * *pointer1++
            a0 = a0 + *pointer0++increment0 * *pointer1++increment1
        """)
    assert found.increments == {-32: "increment0", -12: "increment1", 28: "increment2"}


def test_steps_without_a_register_are_additions():
    """The most used steps get the registers; 5b adds at most 32,764 bytes in words."""
    code = [Turns("i", 9, [move(A0, at("x", i=5))]), Turns("i", 2, [move(A0, at("w", i=10000))]),
            Turns("i", 2, [move(A0, at("v", i=-2))])]
    found = generate_addresses(code, False, increments=1)
    assert listing(found.code) == text("""
        i < 9:
            a0 = *pointer0++increment0
        i < 2:
            a0 = *pointer1
            pointer1e = pointer1e + 32764
            pointer1e = pointer1e + 7236
        i < 2:
            a0 = *pointer2
            pointer2e = pointer2e + -8
        """)
    assert found.increments == {20: "increment0"}


def test_halves_and_bytes_step_by_their_size():
    found = generate_addresses([Turns("i", 4, [
        move(A0, at("x", size=2, i=1)), move(A0, at("w", 3, size=1, i=-1))])], False)
    assert "a0 = *pointer0++\n" in listing(found.code)
    assert "a0 = *pointer1--\n" in listing(found.code)
    assert starts(found) == {"pointer0": "x[0]", "pointer1": "w[3]"}


def test_constants_have_a_pointer_each_or_share_one():
    code = [move(A0, at(POOL, 2)), Label("here"), move(A1, at(POOL, 0)), move(A0, at(POOL, 1))]
    apart, shared = (generate_addresses(code, share) for share in (False, True))
    assert starts(apart) == {"pointer0": "constants[2]", "pointer1": "constants[0]",
                             "pointer2": "constants[1]"}
    assert starts(shared) == {"pointer0": "constants[2]"}
    assert listing(shared.code) == text("""
        a0 = *pointer0++increment0
        here:
        a1 = *pointer0++
        a0 = *pointer0
        """)
    assert shared.increments == {-8: "increment0"}


def test_an_address_is_the_pointer_itself():
    """It cannot step by itself: its pointer moves on by an addition."""
    where = at("x", i=1)
    code = [Turns("i", 4, [advance("index0", type(where)("x", where.index, address=True))])]
    assert listing(generate_addresses(code, False, 0).code) == text("""
        i < 4:
            index0e = index0e + pointer0e
            pointer0e = pointer0e + 4
        """)


def test_accesses_of_a_stream_move_alike():
    group = ("x", (("i", 1),), False, 0)
    other = type(at("x"))("x", at("x", i=2).index, group=group)
    with pytest.raises(ValueError, match="accesses to x do not move alike"):
        generate_addresses([move(A0, at("x", i=1)), move(A1, other)], False)
