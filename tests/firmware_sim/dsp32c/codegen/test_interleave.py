"""Turns side by side: latencies filled with other elements, accumulators given out anew."""

from dsplet.firmware_sim.dsp32c.codegen.code import POOL, SCRATCH, Acc, Memory, Turns
from dsplet.firmware_sim.dsp32c.codegen.instructions import (
    add,
    apply,
    load,
    mask,
    move,
    multiply,
    subtract,
)
from dsplet.firmware_sim.dsp32c.codegen.interleave import interleave
from tests.firmware_sim.dsp32c.codegen.listing import A0, A1, A3, at, listing, text


def gate() -> list:
    """y = x * k * z: the multiplier sees the first product three instructions later."""
    return [multiply(A0, at("x", i=1), at(POOL, 0)),
            multiply(A0, A0, at("z", i=1)).storing(at("y", write=True, i=1))]


def test_three_elements_fill_the_multipliers_latency():
    assert listing(interleave([Turns("i", 9, gate())], 0)) == text("""
        i < 3:
            a0 = x[3*i] * constants[0]
            a1 = x[3*i + 1] * constants[0]
            a2 = x[3*i + 2] * constants[0]
            y[3*i] = a0 = a0 * z[3*i]
            y[3*i + 1] = a1 = a1 * z[3*i + 1]
            y[3*i + 2] = a2 = a2 * z[3*i + 2]
        """)


def test_what_is_left_of_the_turns_follows_the_loop():
    """Ten are twice four and two; each is stored once, through the loop's pointers."""
    loop, *left = interleave([Turns("i", 10, gate())], 0)
    stored = [i.operands["Z"] for i in loop.body if "Z" in i.operands]
    behind = [i.operands["Z"] for i in left if "Z" in i.operands]
    assert sorted(a.index.at({"i": n}) for a in stored for n in range(loop.extent)) + [
        a.index.const for a in behind] == [*range(10)]
    assert {a.stream for a in stored} == {a.stream for a in behind}


def test_an_instruction_more_has_to_pay_for_itself():
    """Three turns side by side are four instructions more, and save 18 cycles of 36."""
    apart = [Turns("i", 9, gate())]
    assert listing(interleave(apart, 4.4)) != listing(apart)
    assert listing(interleave(apart, 4.6)) == listing(apart)


def test_a_word_of_scratch_and_an_address_register_for_each():
    body = [apply("int24", A3, at("x", i=1)).storing(at(SCRATCH, write=True)),
            load("index0", at(SCRATCH)), mask("index0", -4),
            move(A0, Memory("index0")).storing(at("y", write=True, i=1))]
    (loop,) = interleave([Turns("i", 8, body)], 0)
    assert loop.extent == 2
    stored = [str(i) for i in loop.body if "int24" in str(i)]
    assert stored == [f"scratch[{n}] = a0 = int24(x[4*i{f' + {n}' * (n > 0)}])" for n in range(4)]
    assert [str(i) for i in loop.body if str(i).startswith("y")] == [
        f"y[4*i{f' + {n}' * (n > 0)}] = a0 = *index{n}" for n in range(4)]


def test_who_decides_by_flags_follows_what_sets_them():
    """The comparison's result needs an accumulator for a moment: three elements at a time."""
    body = [*gate()[:1], add(A0, A0, A0), subtract(A3, A0, at(POOL, 1)),
            apply("ifalt", A0, at(POOL, 1)).storing(at("y", write=True, i=1))]
    (loop,) = interleave([Turns("i", 12, body)], 0)
    lines = [str(i) for i in loop.body]
    for n, line in enumerate(lines):
        if "ifalt" in line:
            assert lines[n - 1].endswith("- constants[1]")
            assert line.split(" = ")[1] == lines[n - 1].split(" = ")[1].split(" - ")[0]


def test_a_constant_stays_in_an_accumulator():
    """It is fetched once, and every element's first instruction adds to it."""
    body = [move(A0, at(POOL, 0)), add(A0, A0, at("x", i=1), at(POOL, 1)),
            add(A0, A0, at("z", i=1)).storing(at("y", write=True, i=1))]
    assert listing(interleave([Turns("i", 6, body)], 0)) == text("""
        a3 = constants[0]
        i < 6:
            a0 = a3 + x[i] * constants[1]
            y[i] = a0 = a0 + z[i]
        """)


def test_what_turns_hand_on_or_keep_is_left_alone():
    """A sum over the turns; an accumulator that is read behind the loop."""
    total = [Turns("i", 9, [add(A1, A1, at("x", i=1)), *gate()])]
    assert listing(interleave(total, 0)) == listing(total)
    kept = [Turns("i", 9, gate()), move(A1, A0)]
    assert listing(interleave(kept, 0)) == listing(kept)


def test_an_accumulator_that_is_needed_behind_the_loop_is_not_given_out():
    code = interleave([move(A1, at("b")), Turns("i", 9, gate()), move(A0, A1)], 0)
    loop = next(i for i in code if isinstance(i, Turns))
    assert {i.accumulator for i in loop.body} <= {Acc(0), Acc(2), Acc(3)}
    assert loop.extent == 3
