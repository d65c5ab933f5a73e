"""Rows of multiply-accumulates, the engine's fast path, against the machine that defines them.

Programs are drawn by hypothesis, which shrinks one that differs to its smallest form.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.isa.assembler import assemble
from dsplet.firmware_sim.dsp32c.isa.floats import decode_accumulator, to_words
from dsplet.firmware_sim.dsp32c.sim.machine import Machine, MachineError
from tests.firmware_sim.dsp32c.seen import engines

TARGETS = (targets.get("dsp32c-40", "1989"),
           targets.get("dsp32c-40", "1989").with_assumptions(bank_busy_states=1))
DATA = {"r1": 0x001400, "r2": 0xFFFC00, "r3": 0x002400}
"""External, on chip, external: far enough from the ends for the steps below."""
STEPS = {"r15": 8, "r16": 0xFFFFF0, "r17": 100}

moves = st.sampled_from(["", "++", "--", "++r15", "++r16", "++r17"])
accumulators = st.sampled_from(["a0", "a1", "a2", "a3"])


@st.composite
def macs(draw, target: str, start: str | None = None) -> str:
    x, y = draw(st.sampled_from([("r1", "r2"), ("r2", "r1"), ("r1", "r3"), ("r1", "r1")]))
    return f"{target} = {start or target} + *{x}{draw(moves)} * *{y}{draw(moves)}"


@st.composite
def row(draw, most: int) -> list[str]:
    """Multiply-accumulates into one accumulator; most share their pointers."""
    target, start = draw(accumulators), draw(st.sampled_from(["a0", "a2", "0.0"]))
    first = draw(macs(target, start)).replace("0.0 + ", "")
    x, y = draw(st.sampled_from([("r1", "r2"), ("r3", "r2")]))
    body = [f"{target} = {target} + *{x}{draw(moves)} * *{y}{draw(moves)}"
            for _ in range(draw(st.integers(0, most - 1)))]
    return [first, *body] if draw(st.booleans()) else body or [first]


@st.composite
def converted(draw) -> list[str]:
    """A `do` that multiplies what it converts, or nearly one."""
    factor, total = draw(st.permutations(["a0", "a1", "a2", "a3"]))[:2]
    x, y = draw(st.sampled_from([("r1", "r2"), ("r2", "r1"), ("r1", "r3"), ("r1", "r1")]))
    step = draw(st.sampled_from(["++", "++", "++", "--", ""]))
    product = draw(st.sampled_from([f"{factor} * *{y}{step}", f"*{y}{step} * {factor}"]))
    function = draw(st.sampled_from(["ic", "float", "float24"]))
    return [f"do 1,{draw(st.integers(0, 90))}", f"{factor} = {function}(*{x}{draw(moves)})",
            f"{draw(st.sampled_from([total, total, 'a0']))} = {total} + {product}"]


others = st.sampled_from([
    "nop", "a1 = a0 - *r1", "a0 = ifalt(*r2)", "a2 = a2", "*r3++ = a1 = a1", "*r3 = a3 = a0 - *r2",
    "a3 = *r1++", "r15e = r15e + 4", "r16e = 0xfffffc", "r17 = 12", "a1 = a2 * a0", "3*nop"])


@st.composite
def programs(draw) -> list[str]:
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["row", "do", "converted", "other"]))
        if kind == "row":
            lines += draw(st.sampled_from([[], ["*r3++ = a1 = a1"]])) + draw(row(40))
        elif kind == "do":
            body = draw(row(10)) + draw(st.lists(others.filter(lambda t: "*nop" not in t),
                                                 max_size=2))
            lines += [f"do {len(body) - 1},{draw(st.integers(0, 90))}", *body]
        elif kind == "converted":
            lines += [f"dauc = {draw(st.sampled_from([0, 1, 4, 20]))}", *draw(converted())]
        else:
            lines.append(draw(others))
        if kind != "other" and draw(st.booleans()):  # what the multiplier sees soon after
            sum_ = next(line[:2] for line in reversed(lines) if line.startswith("a"))
            lines += ["nop"] * draw(st.integers(0, 2)) + [f"a3 = a3 + {sum_} * *r2"]
    return lines


values = st.sampled_from(["small", "bytes", "spread", "fractions", "wide", "zeros"])


def numbers(kind: str, seed: int, count: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    whole = rng.integers(-128, 128, count).astype(np.float64)
    return to_words({"small": whole / 64, "bytes": whole * 2.0**-rng.integers(0, 12, count),
                     "fractions": np.float64(np.float32(rng.normal(size=count))),
                     "spread": whole * 2.0**rng.integers(-14, 2, count),
                     "wide": whole * 2.0**rng.integers(-60, 60, count),
                     "zeros": whole * (rng.random(count) < 0.3)}[kind])


def outcome(chip, code, data, strict: bool, stores: int = DATA["r3"]) -> tuple:
    chip.memory[:] = 0
    chip.strict = strict
    chip.reset()
    code.load(chip.memory)
    for address, words in data:
        raw = words.astype("<u4").view(np.uint8)
        chip.memory[address:address + len(raw)] = raw
    for name, value in (DATA | STEPS | {"r3": stores}).items():
        chip.set_register(name, value)
    try:
        chip.run(code.labels["end"], 4000)
        error = ""
    except MachineError as e:
        error = type(e).__name__
    seen = [chip.register(f"r{i}") for i in range(1, 23)]
    if error:
        return error, chip.pc
    return (error, chip.pc, seen, list(chip.a), chip.flags, chip.dflags, chip.states,
            chip.profile(), chip.memory[:0x4000].tobytes(), chip.memory[0xFFF800:].tobytes())


@pytest.fixture(scope="module")
def chips():
    return [(Machine(t), *engines(t)) for t in TARGETS]


@pytest.mark.slow
@settings(max_examples=400)
@given(lines=programs(), kind=values, seed=st.integers(0, 99), which=st.integers(0, 1),
       strict=st.booleans(), stores=st.sampled_from([DATA["r3"], 0x000700]))
def test_rows_agree(chips, lines, kind, seed, which, strict, stores):
    code = assemble("\n".join([*lines, "end: goto end", "nop"]))
    data = [(0x001000, numbers(kind, seed, 2048)), (0xFFF800, numbers(kind, seed + 1, 512))]
    first, *others = (outcome(chip, code, data, strict, stores) for chip in chips[which])
    assert all(other == first for other in others)


def test_code_that_a_program_rewrites_is_planned_anew(chips):
    """A row runs, one of its words is replaced by a nop, and it runs again."""
    row = [f"a0 = a0 + *r1{'++' if k else ''} * *r2++" for k in range(8)]
    source = "\n".join(["r4e = row", "r4e = r4e + 8", "r5e = 0", "row:", *row, "*r4 = r5e",
                        "if (r20-- >= 0) goto row", "nop", "end: goto end", "nop"])
    code = assemble(source)
    data = [(0x001000, numbers("bytes", 1, 2048)), (0xFFF800, numbers("bytes", 2, 512))]
    first, *others = (outcome(chip, code, data, False) for chip in chips[0])
    assert all(other == first for other in others)


def test_a_plan_for_more_turns_than_there_are_ends_where_memory_does(chips):
    """A `do` of 60 turns far from any end, then of three turns whose pointers come to rest one
    word behind the last: what the plan would read beyond is not looked at."""
    body = [f"a0 = a0 + *r1++ * *r2{'++' if k else ''}" for k in range(4)]
    code = assemble("\n".join([
        "r9 = 59", "loop:", "do 3,r9", *body, "*r3++ = a0 = a0", "2*nop", "r1e = 0xffffd0",
        "r2e = 0xffffc0", "r9 = 2", "if (r20-- >= 0) goto loop", "nop", "end: goto end", "nop"]))
    data = [(0x001000, numbers("bytes", 1, 2048)), (0xFFF800, numbers("bytes", 2, 512))]
    for strict in (False, True):
        first, *others = (outcome(chip, code, data, strict) for chip in chips[0])
        assert first[0] == "" and all(other == first for other in others)


def test_sums_that_lose_bits_are_left_to_the_exact_adder(chips):
    """2^16 and then -2^-28 each time: every addition floors, so each costs a unit of 2^-16."""
    row = ["a0 = *r1++ * *r2++", *["a0 = a0 + *r1++ * *r2++"] * 12]
    code = assemble("\n".join([*row, "end: goto end", "nop"]))
    x = to_words(np.array([2.0**8] + [2.0**-14] * 255))
    y = to_words(np.array([2.0**8] + [-(2.0**-14)] * 255))
    seen = [outcome(chip, code, [(DATA["r1"], x), (DATA["r2"], y)], True) for chip in chips[0]]
    assert all(other == seen[0] for other in seen[1:])
    assert decode_accumulator(seen[0][3][0]) == 2**16 - Fraction(12, 2**16)


@pytest.mark.parametrize("whole", [256.0, -256.0])
def test_a_zero_with_a_mantissa_is_zero_to_sums_and_products(chips, whole):
    """int(256) has 0 for an exponent: it adds nothing, multiplies to nothing, and is stored."""
    code = assemble("\n".join([
        "a1 = *r1++", "*r3 = a0 = int(a1)", "3*nop", "a2 = a0 - *r1",
        "a3 = *r1 + a0 * *r1", "4*nop", "end: goto end", "nop"]))
    data = [(DATA["r1"], to_words(np.array([whole, 3.0])))]
    seen = [outcome(chip, code, data, True) for chip in chips[0]]
    assert all(other == seen[0] for other in seen[1:])
    assert [decode_accumulator(a) for a in seen[0][3][2:]] == [-3, 3]
    assert chips[0][1].peek(DATA["r3"]) == int(whole) & 0xFFFF
