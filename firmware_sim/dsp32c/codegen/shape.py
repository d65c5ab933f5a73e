"""Loops are split and unrolled into what a zero-overhead loop can hold."""

from __future__ import annotations

from collections.abc import Callable

from dsplet.firmware_sim.compile.fuse import Mark
from dsplet.firmware_sim.dsp32c.codegen.code import WIDTH, Kind
from dsplet.firmware_sim.dsp32c.codegen.scale import (
    AddScaled,
    Base,
    Round,
    Scale,
    SetScaled,
    Word,
)
from dsplet.quantize.fixed.kernel import Add, Lookup, Loop, Mac, Max, Set, Store, map_affine
from dsplet.quantize.fixed.statement import Affine, Ref

DO_INSTRUCTIONS = 32
"""A `do` repeats at most 32 instructions (dsp32c.md 8)."""
DO_TURNS = 2048
"""... at most 2,048 times."""
UNROLL = 27
"""Loop nests up to this many instructions are written out: a 5x5 window and its bias fit a `do`."""


def shape(body: tuple, kind: Callable[[str], Kind], nested: bool = False) -> tuple:
    """Split loops that are too long for `do`, and write out small inner loops.

    kind: of a buffer. nested: whether a loop is around the body. Loops
    that unpack words stay loops; loops that only look up take two turns at a time.
    """
    result: list = []
    alone = nested and len(body) == 1
    for s in (shaped for t in body for shaped in _shape(t, kind, alone)):
        if not (isinstance(s, Max) and result and result[-1] == Set(s.d, s.source)):
            result.append(s)  # (the maximum of a number with itself is no work)
    return tuple(result)


def _shape(s, kind: Callable[[str], Kind], alone: bool) -> list:
    """alone: whether a loop around it might become a `do`, were this one written out."""
    if not isinstance(s, Loop):
        return [s]
    body = shape(s.body, kind, True)
    if s.extent == 1:
        return turn(s, body, 0)
    cost = sum(_cost(t) for t in body)
    keep = any(isinstance(t, Mac) and kind(t.w.buffer) in WIDTH for t in body) or (
        [type(t) for t in body] == [Set, Store] and not alone)
    if cost * s.extent <= UNROLL and not keep:
        return [t for i in range(s.extent) for t in turn(s, body, i)]
    if s.extent > DO_TURNS and cost <= DO_INSTRUCTIONS:
        turns = max(d for d in range(1, DO_TURNS + 1) if s.extent % d == 0)
        if turns > 1:
            outer, inner = f"{s.var}o", f"{s.var}i"
            index = Affine(0, ((outer, turns),)) + Affine(0, ((inner, 1),))
            split = Loop(inner, turns, tuple(turn(s, body, index)))
            return [Loop(outer, s.extent // turns, tuple(_shape(split, kind, True)))]
    if alone and _look_up(body, kind) * s.extent <= DO_INSTRUCTIONS:
        return [t for i in range(s.extent) for t in turn(s, body, i)]
    if [type(t) for t in body] == [Set, Lookup, Store]:
        pair = Loop(s.var, s.extent // 2, tuple(
            t for i in (0, 1) for t in turn(s, body, Affine(i, ((s.var, 2),)))))
        return [pair, *(t for i in range(s.extent // 2 * 2, s.extent) for t in turn(s, body, i))]
    return [Loop(s.var, s.extent, body)]


def _look_up(body: tuple, kind: Callable[[str], Kind]) -> float:
    """Instructions of one element, if all that is done is to look up places."""
    match body:
        case (Set(_, Ref(buffer)), Lookup(_, table), Store()) if kind(buffer) is Kind.PLACE:
            return 2 + (kind(table) is not Kind.BYTE)
    return float("inf")


def turn(loop: Loop, body: tuple, i: Affine | int) -> list:
    """The body with i for the loop's variable."""
    return [map_affine(t, lambda a: a.substitute(loop.var, i)) for t in body]


def _cost(s) -> float:
    """Instructions, before latencies; loops are never written out."""
    match s:
        case Loop() | Mark():
            return float("inf")
        case Set() | SetScaled() | Word() | Base() | Add() | AddScaled() | Mac():
            return 1
        case Max():
            return 2
        case Store():
            return 0
        case Scale():
            return 3
        case Round():
            return 7
        case Lookup():
            return 12
    return 40
