"""Which activations are stored as 16-bit integers: those that gain by it."""

import pytest

from dsplet.firmware_sim.dsp32c.codegen.halves import halves
from dsplet.quantize.fixed.kernel_reader import from_text

CELL = """program cell
buffer in_x[8] input [-30000, 30000]
buffer out_y[8] output [-128, 127]
buffer v_gate[8] activation [{low}, {high}]
buffer t_table[3] const [-9, 9] = -9 0 9
buffer t_slopes[3] const [-9, 9] = 1 2 3
kernel a "gate" Requantize {{
  for i < 8 {{
    d = in_x[i]
    d += in_x[i] << 8
    requantize d >> 4 clamp [{low}, {high}] of [-{bound}, {bound}]
    v_gate[i] = d
  }}
}}
kernel b "use" Table {{
  for i < 8 {{
    {use}
    requantize d >> 16 clamp [-128, 127] of [-99999999, 99999999]
    out_y[i] = d
  }}
}}
"""
CURVE = "d = v_gate[i]\n    d = interpolate(t_table, t_slopes, d + 32768, 15)"
PRODUCT = "d = v_gate[i]\n    d *= v_gate[i]"


@pytest.mark.parametrize("low, high, bound, use, half", [
    (-32768, 32767, 7710000, CURVE, True),   # a floor less to make it, nothing more to read it
    (-32768, 32767, 480000, CURVE, True),    # nothing to clamp: a floor less
    (-32768, 32767, 7710000, PRODUCT, False),  # one less, as clamps are free here; two more
    (-32768, 32767, 480000, PRODUCT, False),  # one less, and two
    (-128, 127, 7710000, PRODUCT, False),    # eight bits do not saturate
    (-32768, 32767, 7710000, "d = 0\n    d += v_gate[i] * v_gate[i]", False),  # a sum of products
])
def test_what_gains(low, high, bound, use, half):
    program = from_text(CELL.format(low=low, high=high, bound=bound, use=use))
    assert halves(program, ()) == ({"v_gate"} if half else set())


COPY = """    v_copy[i] = d
  }
}
kernel c "out" Mul {
  for i < 8 {
    d = v_copy[i]
    d *= v_copy[i]
"""


@pytest.mark.parametrize("low, high, half", [
    (-32768, 32767, True),  # a floor less to make it
    (-128, 127, False),     # a word's clamp is free here, and eight bits do not saturate
])
def test_a_copy_costs_nothing(low, high, half):
    """The number is converted as it is copied; the words of the copy are multiplied as before."""
    text = CELL.format(low=low, high=high, bound=7710000, use=f"d = v_gate[i]\n{COPY}")
    program = from_text(text.replace(
        "buffer t_table", "buffer v_copy[8] activation [-32768, 32767]\nbuffer t_table"))
    assert halves(program, ()) == ({"v_gate"} if half else set())


def test_places_stay_places():
    program = from_text(CELL.format(low=-32768, high=32767, bound=7710000, use=CURVE))
    assert not halves(program, ["v_gate"])
