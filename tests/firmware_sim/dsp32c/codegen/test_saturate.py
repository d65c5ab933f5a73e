"""Clamps of sums of products by saturation: every integer around both ends, by machine code."""

import numpy as np
import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.codegen import kernel
from dsplet.firmware_sim.dsp32c.codegen.saturate import Saturate, saturate
from dsplet.firmware_sim.dsp32c.codegen.scale import Round, SetScaled
from dsplet.quantize.fixed.graph import Graph, Value, Weight
from dsplet.quantize.fixed.kernel import Buffer, Kernel, Loop, Store
from dsplet.quantize.fixed.ops.gemm import Gemm
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.fixed.statement import Affine, Ref

TAPS, UNITS = 16, 4


def gemm(bits: int, shift: int, low: int) -> Graph:
    """y = clamp(floor(x . w / 2**shift + 1/2), low, 2**(bits-1) - 1), all weights 1 but for the
    first input's, which is as large as it takes to pass both ends; the unit is added."""
    weight = np.ones((UNITS, TAPS), np.int64)
    weight[:, 0] = 1 << max(0, bits + shift - 7)
    x, y = Value("x", (TAPS,), QFormat(8, 7)), Value("y", (UNITS,), QFormat(bits, 7))
    frac = np.full(UNITS, shift)
    return Graph("sum", (x,), (Gemm("gemm", (x,), y, weight=Weight(weight, 16, frac),
                                    bias=np.arange(UNITS), clamp=(low, y.format.max)),), (y,))


@pytest.mark.parametrize("bits, shift, low", [
    (8, 1, -128), (8, 3, -128), (8, 5, 0), (10, 2, -512), (13, 1, -4096), (8, 4, -100)])
def test_every_integer_around_both_ends(bits, shift, low, monkeypatch):
    """Expected by integers alone. The code is made to saturate, whether that is faster or not."""
    prices = iter([0, 1])  # of the code that saturates, and of that which does not
    monkeypatch.setattr(kernel.Selected, "price", lambda self, least: next(prices))
    graph = gemm(bits, shift, low)
    compiled = targets.compile(lower(graph), targets.get("dsp32c-40"))
    assert next(prices, None) is None
    large = int(graph.nodes[0].weight.q[0, 0])
    high, half = (1 << bits - 1) - 1, 1 << shift >> 1
    rng, rows = np.random.default_rng(bits), []
    for end in (low, 0, high + 1):  # sums within some units of both ends, and of nought
        for wanted in range((end << shift) - 40, (end << shift) + 41):
            first = int(np.clip(round(wanted / large), -128, 127))
            rest = np.full(TAPS - 1, (wanted - first * large) // (TAPS - 1))
            rest[:(wanted - first * large) % (TAPS - 1)] += 1
            rows.append([first, *np.clip(rest, -128, 127)])
    rows += rng.integers(-128, 128, (100, TAPS)).tolist()
    x = np.array(rows)
    sums = x[:, :1] * large + x[:, 1:].sum(1, keepdims=True) + np.arange(UNITS)
    free = (sums + half) >> shift
    assert (free < low).any() and (free > high).any() and {low, high} <= set(free.ravel().tolist())
    assert np.array_equal(compiled.simulate([x]).outputs[0], free.clip(low, high))


@pytest.mark.parametrize("whole", [True, False])
def test_what_the_store_rounds_is_not_floored_before(whole):
    """Saturation drops the fraction that the conversion to a 16-bit integer would round."""
    x, y = Buffer("x", 4, -128, 127, "input"), Buffer("y", 4, -128, 127, "activation")
    i = Affine(0, (("i", 1),))
    kernel = Kernel("k", "k", "Mul", (Loop("i", 4, (
        SetScaled("d", Ref("x", i), 1.5), Round("d", 1, False, -128, 127, 192),
        Store(Ref("y", i), "d"))),))
    found = saturate(kernel, {"x": x, "y": y}, {"y"} if whole else ())
    assert any(isinstance(s, Saturate) for s in found.body[0].body) is not whole
