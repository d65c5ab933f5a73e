"""Powers of two on constants that several statements read."""

import numpy as np

from dsplet.firmware_sim.dsp32c.codegen.scale import Scale, scale
from dsplet.quantize.fixed.kernel import Buffer, Kernel, Loop, Mac, Requantize, Set, Store
from dsplet.quantize.fixed.statement import Affine, Ref

CHANNEL = Affine(0, (("c", 1),))
WEIGHTS = np.arange(1, 16)


def windows(shifts: tuple[int, int], second: int) -> Kernel:
    """Two sums of two windows each; the second window's weights begin at `second`."""
    def window(var: str, start: int) -> Loop:
        taps = Affine(start, (("c", 6), (var, 1)))
        return Loop(var, 3, (Mac("d", Ref("x", Affine(0, ((var, 1),))), Ref("k_w", taps)),))

    return Kernel("k", "k", "Conv", (Loop("c", 2, (
        Set("d", Ref("k_b", CHANNEL)), window("i", 0), window("j", second),
        Requantize("d", shifts, CHANNEL, -128, 127, (-5000, 5000)),
        Store(Ref("y", CHANNEL), "d"))),))


def scaled(shifts: tuple[int, int], second: int = 3):
    """The weights' words, if they carry the scale, and how often the sum is multiplied."""
    buffers = {b.name: b for b in (
        Buffer("x", 3, -128, 127, "activation"), Buffer("y", 2, -128, 127, "activation"),
        Buffer("k_b", 2, 3, 5, "const", np.array([3, 5])),
        Buffer("k_w", 15, 1, 15, "const", WEIGHTS))}
    found = scale(windows(shifts, second), buffers, {}, {})
    return found.words.get("k_w"), sum(
        isinstance(s, Scale) for top in found.kernel.body for s in top.flat())


def test_weights_of_both_windows_carry_it():
    words, multiplied = scaled((4, 5))
    assert np.array_equal(words[:12], WEIGHTS[:12] / ([16] * 6 + [32] * 6)) and not multiplied


def test_an_element_of_both_carries_it_once():
    words, multiplied = scaled((4, 5), second=2)
    assert np.array_equal(words[:5], WEIGHTS[:5] / 16) and not multiplied


def test_an_element_with_two_scales_carries_none():
    """The second window of the first sum begins where the second sum's weights do."""
    words, multiplied = scaled((4, 5), second=6)
    assert words is None and multiplied
    words, multiplied = scaled((4, 4), second=6)
    assert np.array_equal(words[6:9], WEIGHTS[6:9] / 16) and not multiplied
