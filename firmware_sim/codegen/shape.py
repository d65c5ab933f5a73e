"""Loops are staged, split and unrolled into what a zero-overhead loop can hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from firmware_sim.codegen.scale import AddScaled, Round, Scale, Word
from quantize.fixed.kernel import (
    Add,
    Affine,
    Buffer,
    Kernel,
    Lookup,
    Loop,
    Mac,
    Max,
    Ref,
    Set,
    Store,
    map_affine,
)

DO_INSTRUCTIONS = 32
"""A `do` repeats at most 32 instructions (dossier 8)."""
DO_TURNS = 2048
"""... at most 2,048 times."""
UNROLL = 27
"""Loop nests up to this many instructions are written out: a 5x5 window and its bias fit a `do`."""
EXTERNAL_PAIR_CYCLES = 0.25
"""What a multiply-accumulate with both operands in external memory costs extra (dossier 4.4)."""


# --- staging ------------------------------------------------------------------------------------

@dataclass(frozen=True)
class _Slice:
    """The part of a buffer that the loops inside `level` touch: `size` words from `start`."""

    level: int
    start: Affine
    size: int
    gain_cycles: float


def stage(kernel: Kernel, external, room: int) -> tuple[Kernel, list[Buffer]]:
    """Copy on chip what inner loops reuse, where a multiply-accumulate would read only outside.

    external(buffer name): whether it lies in external memory. room: words on chip for the copies.
    Returns the kernel and the new buffers, whose role is "stage".
    """
    new: list[Buffer] = []

    def outside(buffer: str) -> bool:
        return all(b.name != buffer for b in new) and external(buffer)

    def visit(body: tuple, path: list[Loop]) -> tuple:
        result = []
        for s in body:
            if not isinstance(s, Loop):
                result.append(s)
                continue
            plan = _best(s, path, outside, room - sum(b.size for b in new))
            if plan is not None:
                ref, cut = plan
                name = f"{kernel.name}_stage{len(new)}"
                new.append(Buffer(name, cut.size, 0, 0, "stage"))
                var = f"{name}_i"
                result.append(Loop(var, cut.size, (
                    Set("staged", Ref(ref.buffer, cut.start + Affine(0, ((var, 1),)))),
                    Store(Ref(name, Affine(0, ((var, 1),))), "staged"))))
                outer = {p.var for p in path}
                s = _redirect(s, ref, name, outer)
            result.append(replace(s, body=visit(s.body, [*path, s])))
        return tuple(result)

    return replace(kernel, body=visit(kernel.body, [])), new


def _macs(loop: Loop, inside: tuple[Loop, ...] = ()) -> list[tuple[Mac, tuple[Loop, ...]]]:
    found = []
    for s in loop.body:
        if isinstance(s, Loop):
            found += _macs(s, (*inside, loop))
        elif isinstance(s, Mac):
            found.append((s, (*inside, loop)))
    return found


def _best(loop: Loop, path: list[Loop], external, room: int) -> tuple[Ref, _Slice] | None:
    """What to stage just outside `loop`, if nothing deeper gains more."""
    best = None
    for mac, inner in _macs(loop):
        if not (external(mac.x.buffer) and external(mac.w.buffer)):
            continue
        options = []
        for ref in (mac.w, mac.x):
            for level in range(len(path) + len(inner)):
                cut = _slice(ref, [*path, *inner], level)
                if cut is not None and cut.size <= room and cut.gain_cycles > 0:
                    options.append((cut.gain_cycles, -cut.size, ref, cut))
        if options:
            _, _, ref, cut = max(options, key=lambda o: o[:2])
            if cut.level == len(path):
                best = (ref, cut)
    return best


def _slice(ref: Ref, nest: list[Loop], level: int) -> _Slice | None:
    """The contiguous run that the loops nest[level:] touch; None where it has holes."""
    steps = sorted((ref.index.coefficient(p.var), p.extent) for p in nest[level:])
    size = 1
    for step, extent in steps:
        if not 0 <= step <= size:
            return None
        size += step * (extent - 1)
    start = ref.index
    for p in nest[level:]:
        start = start.substitute(p.var, 0)
    turns = prod(p.extent for p in nest[:level])
    macs = prod(p.extent for p in nest)
    return _Slice(level, start, size, macs * EXTERNAL_PAIR_CYCLES - turns * (size + 3))


def _redirect(s, ref: Ref, name: str, outer: set[str]):
    """The statement reading `name` where it read `ref`; what the outer loops add is gone."""
    if isinstance(s, Loop):
        return replace(s, body=tuple(_redirect(t, ref, name, outer) for t in s.body))
    if isinstance(s, Mac):
        inner = Ref(name, Affine(0, tuple(t for t in ref.index.terms if t[0] not in outer)))
        return replace(s, x=inner if s.x == ref else s.x, w=inner if s.w == ref else s.w)
    return s


# --- loops --------------------------------------------------------------------------------------

def shape(body: tuple, packed) -> tuple:
    """Split loops that are too long for `do`, and write out small inner loops.

    packed(buffer name): whether its words must be unpacked (such loops stay loops).
    """
    result: list = []
    for s in (shaped for t in body for shaped in _shape(t, packed)):
        if not (isinstance(s, Max) and result and result[-1] == Set(s.d, s.source)):
            result.append(s)  # (the maximum of a number with itself is no work)
    return tuple(result)


def _shape(s, packed) -> list:
    if not isinstance(s, Loop):
        return [s]
    body = shape(s.body, packed)
    if s.extent == 1:
        return [map_affine(t, lambda a: a.substitute(s.var, 0)) for t in body]
    cost = sum(_cost(t) for t in body)
    keep = any(isinstance(t, Mac) and packed(t.w.buffer) for t in body)
    if cost * s.extent <= UNROLL and not keep:
        return [map_affine(t, lambda a, i=i: a.substitute(s.var, i))
                for i in range(s.extent) for t in body]
    if s.extent > DO_TURNS and cost <= DO_INSTRUCTIONS:
        turns = max(d for d in range(1, DO_TURNS + 1) if s.extent % d == 0)
        if turns > 1:
            outer, inner = f"{s.var}o", f"{s.var}i"
            index = Affine(0, ((outer, turns),)) + Affine(0, ((inner, 1),))
            split = tuple(map_affine(t, lambda a: a.substitute(s.var, index)) for t in body)
            return [Loop(outer, s.extent // turns, (Loop(inner, turns, split),))]
    return [Loop(s.var, s.extent, body)]


def _cost(s) -> float:
    """Instructions, before latencies; loops are never written out."""
    match s:
        case Loop():
            return float("inf")
        case Set() | Word() | Add() | AddScaled() | Mac():
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
