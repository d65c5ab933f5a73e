"""Clamps that the chip makes for nothing: numbers scaled so that it saturates where they end.

A sum beyond the greatest exponent becomes the greatest number, or the least one (dsp32c.md 3.3,
step 5). Where the clamp of a `Round` is to -2**n .. 2**n - 1 and constants carry a scale, they
carry 2**(128 - n) more: what the last addition gives then lies within the clamp, less than a unit
below its upper end, and the floor that comes after it takes the scale away.

Sums of products cannot: what they come to in between may lie beyond the clamp. They are multiplied
by 2**(128 - n) once they are whole (`behind_products`), by a product of its own or by the one that
scales them anyway. The result is floor and clamp of the sum x:

    product     A multiplier drops the guard bits of x (3.2): a floor at 24 bits, which for
                |x| < 2**23 is finer than a unit. Powers of two change no bit; a product is exact
                before the adder saturates it (3.3, steps 1 and 5). So it is floor(x, 24 bits),
                or the end of the clamp that x is beyond: -2**n, or less than a unit below 2**n.
    floor       With n <= 23 the multiplier's 24 bits of that are, again, finer than a unit.
                To floor twice, the second time to units, is to floor once.
    order       Floor and clamp to integers may change places: floor(x) >= 2**n only if
                x >= 2**n, and floor(x) < -2**n only if x < -2**n.

Where the lower bound is above -2**n, as behind a ReLU, it is made afterwards, as before. All that
waits for the multiplier three times: it pays where other products fill that (`overlap`), which is
why a kernel is selected both ways (`kernel.select`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from dsplet.firmware_sim.dsp32c.codegen.scale import (
    AddScaled,
    Round,
    Scale,
    SetScaled,
    Word,
)
from dsplet.quantize.fixed.kernel import Buffer, Kernel, Loop, Mac, Set, Store
from dsplet.quantize.fixed.statement import Changed, Ref, Statement

TOP_LOG2 = 128
"""Numbers lie below 2**128."""
LEAST = 2.0**-126
"""Of the magnitudes of float words."""
MOST_BITS = 23
"""Of what is floored behind a multiplication: it has 24 bits of the saturated number."""
FLOOR_CYCLES, CLAMP_CYCLES = 2, 2
"""Of a floor, or of the one that takes the scale away, and of a bound of a clamp."""


@dataclass(frozen=True)
class Saturate(Statement):
    """d = floor(d * 2**(bits - 128)) clamped to -2**bits .. 2**bits - 1, and the excess more; with
    one, only what is stored is floored."""

    d: Changed
    bits: int
    excess: float = 0.0


def saturate(kernel: Kernel, buffers: Mapping[str, Buffer], whole: Collection[str]) -> Kernel:
    """The kernel with every clamp by saturation that is faster so. whole: the buffers of `buffers`
    that round what is stored (`halves`): a fraction for them is not dropped before."""
    return replace(kernel, body=tuple(_visit(s, buffers, whole) for s in kernel.body))


def _visit(s: Statement, buffers: Mapping[str, Buffer], whole: Collection[str]) -> Statement:
    if not isinstance(s, Loop):
        return s
    if any(isinstance(t, Loop) for t in s.body):
        return replace(s, body=tuple(_visit(t, buffers, whole) for t in s.body))
    body = s.body
    for r in [t for t in s.body if isinstance(t, Round)]:
        body = _clamped(body, body.index(r), buffers, whole)
    return replace(s, body=body)


def _clamped(body: tuple[Statement, ...], at: int, buffers: Mapping[str, Buffer],
             whole: Collection[str]) -> tuple[Statement, ...]:
    """The body with the `Round` at a place by saturation, or as it is."""
    r = body[at]
    assert isinstance(r, Round)
    mine = [i for i in range(at) if r.d in body[i].writes()]
    starts = [i for i in mine if isinstance(body[i], Set | SetScaled | Word)]
    stored = next((s.ref.buffer for s in body[at:] if isinstance(s, Store) and s.d == r.d), None)
    if not starts or stored is None or r.unit != 1 or stored in whole and not r.floor:
        return body
    bits = _bits(r, buffers[stored])
    made = [body[i] for i in mine if i >= starts[-1]]
    if bits is None or any(isinstance(s, Mac) for s in body):
        return body
    scaled = _scaled(made, bits, buffers)
    if scaled and not all(_is_word(c) for s in scaled for c in _numbers(s)):
        return body
    was = FLOOR_CYCLES * r.floor + CLAMP_CYCLES * sum(b is not None for b in (r.low, r.high))
    if scaled is None or was <= FLOOR_CYCLES:
        return body
    places = dict(zip((i for i in mine if i >= starts[-1]), scaled, strict=True))
    return tuple(Saturate(r.d, bits) if i == at else places.get(i, s) for i, s in enumerate(body))


def behind_products(kernel: Kernel) -> Kernel:
    """The kernel with every clamp of a sum of products by saturation."""
    return replace(kernel, body=_behind_products(kernel.body))


def _behind_products(body: tuple[Statement, ...]) -> tuple[Statement, ...]:
    result: list[Statement] = []
    products = any(isinstance(t, Mac) for s in body for t in s.flat())
    for s in body:
        if isinstance(s, Loop):
            s = replace(s, body=_behind_products(s.body))
        bits = _saturated_bits(s) if isinstance(s, Round) and products else None
        if not isinstance(s, Round) or bits is None:
            result.append(s)
            continue
        more, last = 2.0**(TOP_LOG2 - bits), result[-1] if result else None
        match last:
            case Scale(d, half, float() as factor, False) if d == s.d and all(
                    _is_word(x * more) for x in (half, factor)):
                result[-1] = Scale(d, half * more, factor * more, False)
            case _ if s.magnitude < 1 << MOST_BITS:
                result.append(Scale(s.d, 0.0, more, False))
            case _:
                result.append(s)
                continue
        result.append(Saturate(s.d, bits))
        if s.low is not None and s.low > -1 << bits:
            result.append(replace(s, floor=False, high=None))
    return tuple(result)


def _saturated_bits(r: Round) -> int | None:
    """n where the upper bound is 2**n - 1, and nothing is kept that is less than -2**n."""
    if r.unit != 1 or not r.floor or r.high is None:
        return None
    n = int(r.high).bit_length()
    least = -r.magnitude if r.low is None else r.low
    return n if 1 < n <= MOST_BITS and r.high == (1 << n) - 1 and least >= -1 << n else None


def _numbers(s: Statement) -> list[float]:
    """The constants of a statement."""
    match s:
        case Word(_, value):
            return [value]
        case SetScaled(_, _, factor) | AddScaled(_, _, factor):
            return [factor]
        case Scale(_, half, _, _):
            return [half]
    return []


def _is_word(x: float) -> bool:
    """Whether a power of two's multiple of a float word is one, too."""
    return x == 0 or LEAST <= abs(x) < 2.0**TOP_LOG2


def _bits(r: Round, stored: Buffer) -> int | None:
    """n where the clamp is to -2**n .. 2**n - 1, or what is beyond it cannot be."""
    if r.low is None and r.high is None:
        return None
    low = stored.low if r.low is None else int(r.low)
    high = stored.high if r.high is None else int(r.high)
    n = high.bit_length() if r.high is not None else (-low - 1).bit_length()
    if not 1 < n <= MOST_BITS or (r.high is not None and high != (1 << n) - 1) or (
            r.low is not None and low != -1 << n):
        return None
    return n if -1 << n <= low and high < 1 << n else None


def _scaled(made: list[Statement], bits: int, buffers: Mapping[str, Buffer]
            ) -> list[Statement] | None:
    """What makes the number, 2**(128 - bits) times as large; None where something before its last
    addition might saturate too."""
    more, end = 2.0**(TOP_LOG2 - bits), float(1 << bits)

    def span(ref: Ref, factor: float) -> tuple[float, float]:
        b = buffers[ref.buffer]
        return min(factor * b.low, factor * b.high), max(factor * b.low, factor * b.high)

    def inside(low: float, high: float) -> bool:
        return -end <= low and high < end

    first: Statement
    match made:
        case [SetScaled(d, x, factor), Scale(_, half, Ref() as w, False)]:
            if inside(*span(x, factor)):
                return [SetScaled(d, x, factor * more), Scale(d, half * more, w, False)]
            return None
        case [Word(d, value), *sums]:
            low, high, first = value, value, Word(d, value * more)
        case [Set(d, Ref() as x), *sums]:
            (low, high), first = span(x, 1.0), SetScaled(d, x, more)
        case [SetScaled(d, x, factor), *sums]:
            (low, high), first = span(x, factor), SetScaled(d, x, factor * more)
        case _:
            return None
    result: list[Statement] = [first]
    for s in sums:
        if not isinstance(s, AddScaled) or not inside(low, high):
            return None
        low, high = (a + b for a, b in zip((low, high), span(s.source, s.factor), strict=True))
        result.append(AddScaled(d, s.source, s.factor * more))
    return result
