"""Companding of telephone speech: ITU-T G.711, mu-law and A-law, on whole numbers.

`ic` and `oc` convert by these where dauc selects a law [dsp32c.md 2, 5.3, 14; S].  G.711's uniform
numbers are the chip's floats themselves in A-law (13 bits, +-4032), and twice them in mu-law (14
bits, +-8031), where the target does not assume otherwise [dsp32c.md 15]; `oc` rounds to such a
number first [K50].
"""

BIAS = 33  # of mu-law magnitudes, before they are cut into segments


def expand(code: int, a_law: bool) -> int:
    """The uniform number of a code byte."""
    code ^= 0x55 if a_law else 0xFF
    segment, step = code >> 4 & 7, 2 * (code & 15)
    if not a_law:
        magnitude = (step + BIAS << segment) - BIAS
        return -magnitude if code & 0x80 else magnitude
    magnitude = step + 33 << segment - 1 if segment else step + 1
    return magnitude if code & 0x80 else -magnitude


def compress(value: int, a_law: bool) -> int:
    """The code byte of a uniform number; beyond the greatest it saturates."""
    negative = value < 0
    magnitude = ~value if a_law and negative else abs(value)  # A-law has no zero: +-1 instead
    if a_law:
        magnitude = min(magnitude, 0xFFF)
        segment = max(magnitude.bit_length() - 5, 0)
        code = segment << 4 | magnitude >> max(segment, 1) & 15
        return (code if negative else code | 0x80) ^ 0x55
    magnitude = min(magnitude + BIAS, 0x1FFF)
    segment = magnitude.bit_length() - 6
    code = segment << 4 | magnitude >> segment + 1 & 15
    return (code | 0x80 if negative else code) ^ 0xFF
