"""Rounding waits until after the maximum.

A requantize is monotone, so max(requantize(a), requantize(b)) = requantize(max(a, b)): where a
value is only ever max-pooled, the unrounded accumulators are stored, and the floor and the clamp
move behind the pooling, which has fewer outputs. Storing drops the accumulator's guard bits, which
is a floor to 24 mantissa bits (dsp32c.md 3.2, S): it too is monotone and leaves the later floor
what it was, while the integer part has fewer than 24 bits.
"""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.dsp32c.codegen.scale import Round, Scale, Scaled
from dsplet.quantize.fixed.kernel import Loop, Max, Ref, Set, Store, flat, refs

MANTISSA_INTEGERS = 1 << 23


def delay_requantize(kernels: list[Scaled]) -> list[Scaled]:
    """The kernels; every rounding that can wait has moved into the one that takes the maximum."""
    kernels = list(kernels)
    for i, maker in enumerate(kernels):
        statements = [s for top in maker.kernel.body for s in flat(top)]
        rounds = [s for s in statements if isinstance(s, Round)]
        stores = [s for s in statements if isinstance(s, Store)]
        if len(rounds) != 1 or len(stores) != 1 or stores[0].d != rounds[0].d or any(
                isinstance(s, Scale) for s in statements):
            continue
        rounded, buffer = rounds[0], stores[0].ref.buffer
        users = [j for j, k in enumerate(kernels)
                 if j != i and any(r.buffer == buffer for top in k.kernel.body for r in refs(top))]
        if (rounded.floor and rounded.unit == 1 and rounded.magnitude < MANTISSA_INTEGERS
                and len(users) == 1 and _only_takes_maxima(kernels[users[0]], buffer)):
            j = users[0]
            kernels[i] = _edit(maker, lambda s, gone=rounded: () if s is gone else (s,))
            kernels[j] = _edit(kernels[j], lambda s, r=rounded: (
                (replace(r, d=s.d), s) if isinstance(s, Store) else (s,)))
    return kernels


def _only_takes_maxima(user: Scaled, buffer: str) -> bool:
    """Whether every statement belongs to d = max over some of `buffer`, stored."""
    for top in user.kernel.body:
        for s in flat(top):
            match s:
                case Set(_, Ref(b, _)) | Max(_, Ref(b, _)) if b == buffer:
                    pass
                case Store():
                    pass
                case _:
                    return False
    return any(isinstance(s, Max) for top in user.kernel.body for s in flat(top))


def _edit(scaled: Scaled, change) -> Scaled:
    def visit(body: tuple) -> tuple:
        return tuple(t for s in body for t in (
            (replace(s, body=visit(s.body)),) if isinstance(s, Loop) else change(s)))

    return replace(scaled, kernel=replace(scaled.kernel, body=visit(scaled.kernel.body)))
