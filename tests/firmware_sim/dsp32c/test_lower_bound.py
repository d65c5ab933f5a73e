"""Kernels written by hand against their lower bounds: code that takes no cycle more."""

import numpy as np
import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.isa.floats import from_words
from dsplet.firmware_sim.dsp32c.lower_bound import least_cycles, lower_bounds
from dsplet.quantize.fixed.kernel_reader import from_text
from tests.firmware_sim.dsp32c.asm_programs import run

BOARD = targets.get("dsp32c-50")
HEAD = """program hand
buffer in_x[4] input [-99, 99]
buffer in_w[8] input [-99, 99]
buffer v_y[4] activation [-99, 99]
buffer out_y[4] output [-999999, 999999]
buffer t_table[4] const [0, 9] = 4 3 2 1
kernel k "k" Gemm {{
{}
}}
kernel later "read by a sum" Gemm {{
  d = 0
  d += v_y[0] * v_y[1]
  out_y[0] = d
}}
"""
DENSE = """for o < 2 {
  d = 0
  for i < 4 {
    d += in_x[i] * in_w[i + 4*o]
  }
  out_y[o] = d
}"""
PRODUCTS = """for i < 4 {
  d = in_x[i]
  d *= in_w[i]
  requantize d >> 8 clamp [-99, 99] of [-9801, 9801]
  v_y[i] = d
}"""
LARGEST = """d = in_x[0]
for i < 4 {
  d = max(d, in_x[i])
}
out_y[0] = d"""
LOOKED_UP = """for i < 4 {
  d = in_x[i]
  d = t_table(d)
  out_y[i] = d
}"""
POINTERS = "r1e = x; r2e = w; r3e = y; r15e = -12"
BANKS = """
nop
nop
nop
nop
halt: nop
org 0x0f00
w: float 1, 2, 3, 4, 5, 6, 7, 8
i: int24 t, t+1, t+3, t+2
t: byte 132, 131, 130, 129
scaled: float 0.25, 0.5, 0.75, 1
org 0xfff800
x: float 1, 20, 30, 40
org 0xfffa00
y: float 0, 0, 0, 0
"""
"""Code, X, Y and Z in banks of their own, as far as there are so many."""


@pytest.mark.parametrize("kernel, setup, code, more, found", [
    (DENSE, f"{POINTERS}; nop", """
        a0 = *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        *r3++ = a0 = a0 + *r1++r15 * *r2++
        a0 = *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        a0 = a0 + *r1++ * *r2++
        *r3++ = a0 = a0 + *r1++r15 * *r2++
        """, 0, [291, 655]),
    (PRODUCTS, f"{POINTERS}; r2e = scaled", """
        a0 = *r1++ * *r2++
        *r3++ = a0 = int(a0)
        a0 = *r1++ * *r2++
        *r3++ = a0 = int(a0)
        a0 = *r1++ * *r2++
        *r3++ = a0 = int(a0)
        a0 = *r1++ * *r2++
        *r3++ = a0 = int(a0)
        """, 0, [0, 10, 23, 40]),  # 22.5 is a tie
    (LARGEST, f"{POINTERS}; nop", """
        a0 = *r1++
        a1 = a0 - *r1
        a0 = ifalt(*r1++)
        a1 = a0 - *r1
        a0 = ifalt(*r1++)
        a1 = a0 - *r1
        *r3++ = a0 = ifalt(*r1++)
        """, 1, [40]),  # the first has to be read
    (LOOKED_UP, "dauc = 4; r1e = i; r3e = y", """
        r5e = *r1++
        r6e = *r1++
        *r3++ = a0 = ic(*r5)
        *r3++ = a0 = ic(*r6)
        r5e = *r1++
        r6e = *r1++
        *r3++ = a0 = ic(*r5)
        *r3++ = a0 = ic(*r6)
        """, 0, [132, 131, 129, 130]),
])
def test_code_by_hand_reaches_the_bound(kernel, setup, code, more, found):
    program = from_text(HEAD.format(kernel))
    bound = lower_bounds(program, BOARD)["k"]
    lines = [line.strip() for line in (setup.replace(";", "\n") + code).splitlines()]
    instructions = [line for line in lines if line]
    machine, labels = run("org 0\n" + "\n".join(instructions) + BANKS)
    assert len(instructions) - len(setup.split(";")) == bound + more
    # four for the last store, and what busy banks cost
    assert machine.states / 4 == pytest.approx(len(instructions), abs=5)
    y = machine.memory[labels["y"]:labels["y"] + 16]
    stored = y.view(np.int16) if "int(" in code else from_words(y.view(np.uint32))
    assert stored.tolist()[:len(found)] == found


def test_an_interpolation_by_hand():
    """Two instructions for the index, two for three operands; a rounding where a sum reads it."""
    curve = """for i < 4 {
  d = in_x[i]
  d = interpolate(t_table, t_table, d + 128, 6)
  requantize d >> 6 clamp [-99, 99] of [-9999, 9999]
  v_y[i] = d
}"""
    program = from_text(HEAD.format(curve))
    assert lower_bounds(program, BOARD)["k"] == 4 * (2 + 2 + 1)
    assert least_cycles(program) == 4 * (2 + 1 + 1) + 1
