"""What passes on kernels share: extents, spans, nests, names, and numbers as digits of an index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from dsplet.quantize.fixed.kernel import Kernel, Loop, Repeat, Store, coalesce
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref, Role, Statement

Body = tuple[Statement, ...]
REGISTER = (Role.READ, Role.WRITTEN, Role.CHANGED)


def extents(body: Iterable[Statement]) -> dict[str, int]:
    """The extent of every loop variable of the body."""
    found: dict[str, int] = {}
    for s in body:
        if isinstance(s, Loop):
            found |= {s.var: s.extent} | extents(s.body)
    return found


def span(index: Affine, extent: dict[str, int]) -> tuple[int, int]:
    """The least and the greatest value of the index. KeyError where a variable has no extent."""
    ends = [(0, c * (extent[v] - 1)) for v, c in index.terms]
    return index.const + sum(map(min, ends)), index.const + sum(map(max, ends))


def places(index: Affine, extent: dict[str, int]) -> np.ndarray:
    """The value of the index at every turn of its variables. KeyError as for `span`."""
    at = np.array([index.const])
    for v, c in index.terms:
        at = np.add.outer(at, c * np.arange(extent[v])).reshape(-1)
    return at


def nest(body: Body) -> tuple[list[tuple[str, int]], Body]:
    """The loops (variable, extent) that perfectly enclose the rest of the body, and that rest."""
    loops = []
    while len(body) == 1 and isinstance(loop := body[0], Loop):
        loops.append((loop.var, loop.extent))
        body = loop.body
    return loops, body


def wrap(loops: Iterable[tuple[str, int]], body: Body) -> Body:
    """The body inside loops, outermost first."""
    for var, extent in reversed(list(loops)):
        body = (Loop(var, extent, body),)
    return body


def tidy(body: Body) -> Body:
    """Loops of one turn vanish, perfect nests become as few loops as they can be."""
    out: list[Statement] = []
    for s in body:
        s = coalesce(s)
        if isinstance(s, Loop):
            inner = tidy(s.body)
            if s.extent == 1:
                out += substitute(inner, {s.var: 0})
            else:
                out.append(Loop(s.var, s.extent, inner))
        else:
            out.append(s)
    return tuple(out)


def substitute(body: Body, values: Mapping[str, Affine | int]) -> Body:
    """The body with affine expressions in place of variables, all at once."""
    def f(index: Affine) -> Affine:
        total = Affine(index.const)
        for var, c in index.terms:
            value = values.get(var, Affine(0, ((var, 1),)))
            total = total + (Affine(value) if isinstance(value, int) else value) * c
        return total

    return tuple(s.map_affine(f) for s in body)


def split(body: Body, var: str, inner: int, names: tuple[str, str]) -> Body:
    """var = inner * names[0] + names[1]: one loop becomes two. Turns beyond the last whole group
    of `inner` are left out."""
    out: list[Statement] = []
    for s in body:
        if not isinstance(s, Loop):
            out.append(s)
        elif s.var == var:
            outer, last = (Affine(0, ((n, 1),)) for n in names)
            out += wrap([(names[0], s.extent // inner), (names[1], inner)],
                        substitute(s.body, {var: outer * inner + last}))
        else:
            out.append(replace(s, body=split(s.body, var, inner, names)))
    return tuple(out)


# --- registers and buffers -------------------------------------------------------------------

def named_registers(body: Iterable[Statement]) -> set[str]:
    """The registers that the body reads and writes."""
    return {r for s in body for r in s.registers()}


def rename(body: Body, names: dict[str, str]) -> Body:
    """The body with other register names."""
    return _with_operands(body, lambda x: names.get(x, x) if isinstance(x, str) else x)


def fresh(name: str, taken: Iterable[str]) -> str:
    """The name, or the first with a number behind it that is not taken."""
    taken, n = set(taken), 0
    new = name
    while new in taken:
        n += 1
        new = f"{name}_{n}"
    return new


def stores(body: Iterable[Statement]) -> list[Store]:
    """The stores of the body, those in its loops among them."""
    return [s for whole in body for s in whole.flat() if isinstance(s, Store)]


def written(body: Iterable[Statement]) -> set[str]:
    """The buffers that the body writes."""
    return {s.ref.buffer for s in stores(body)}


def read(body: Iterable[Statement]) -> set[str]:
    """The buffers that the body reads, tables included."""
    return {b for s in body for b in (*s.tables(), *(
        x.buffer for x in s.reads() if isinstance(x, Ref)))}


def replace_refs(body: Body, f: Callable[[Ref], Ref | str]) -> Body:
    """The body with f(ref) in place of every memory reference."""
    return _with_operands(body, lambda x: f(x) if isinstance(x, Ref) else x)


def _with_operands(body: Body, f: Callable[[Ref | str], Ref | str]) -> Body:
    """The body with f of it in place of every memory reference and every register."""
    def one(s: Statement) -> Statement:
        if isinstance(s, Loop):
            return replace(s, body=tuple(map(one, s.body)))
        changes: dict[str, Any] = {}
        for part in s.parts:
            value = getattr(s, part.name)
            if isinstance(value, Ref) or isinstance(value, str) and part.role in REGISTER:
                changes[part.name] = f(value)
        return replace(s, **changes)

    return tuple(map(one, body))


# --- an index as digits ----------------------------------------------------------------------

@dataclass(frozen=True)
class Split:
    """What must happen before an index has digits: loop `var` in groups of `inner` turns, or, where
    inner is 0, no more than `limit` turns of it."""

    var: str
    inner: int
    limit: int = 0


def digits(index: Affine, extent: dict[str, int], radices: list[tuple[int, int]]
           ) -> list[Affine] | Split | None:
    """Affine expressions e with index = sum(radix * e), each within 0..count-1 for every turn.

    radices: (radix, count), largest radix first; together they give each number at most once.
    None where there are no such expressions.
    """
    out = [Affine() for _ in radices]
    for var, c in index.terms:
        place = next((r for r, (radix, _) in enumerate(radices) if 0 < radix <= c
                      and c % radix == 0), None)
        if place is None or var not in extent:
            return None
        out[place] = out[place] + Affine(0, ((var, c // radices[place][0]),))
    rest = index.const
    for r, (radix, _) in enumerate(radices):
        digit, rest = divmod(rest, radix)
        out[r] = out[r] + digit
    if rest or index.const < 0:
        return None
    for r in reversed(range(len(radices))):
        radix, count = radices[r]
        if span(out[r], extent)[1] < count:
            continue
        for var, k in out[r].terms:
            above = radices[r - 1][0] if r else 0
            if above and above % (k * radix) == 0 and extent[var] > above // (k * radix):
                return Split(var, above // (k * radix))
        if len(out[r].terms) == 1 and out[r].const == 0 and out[r].terms[0][1] == 1:
            return Split(out[r].terms[0][0], 0, count)
        return None
    return out


def is_injective(index: Affine, loops: Iterable[tuple[str, int]]) -> bool:
    """Whether different turns of these loops surely give different values."""
    reach = 0
    for c, extent in sorted((abs(index.coefficient(v)), n) for v, n in loops):
        if extent > 1:
            if c <= reach:
                return False
            reach += c * (extent - 1)
    return True


# --- programs --------------------------------------------------------------------------------

def without(program: Program, i: int) -> Program:
    """The program without kernel number i, which is not all of a loop over time."""
    def moved(n: int) -> int:
        return n - (n > i)

    repeats = tuple(Repeat(r.var, r.extent, moved(r.first), r.last - (r.last >= i), r.node)
                    for r in program.repeats)
    resume = program.resume if program.resume is None else moved(program.resume)
    return replace(program, kernels=program.kernels[:i] + program.kernels[i + 1:], repeats=repeats,
                   resume=resume)


def with_kernel(program: Program, i: int, kernel: Kernel) -> Program:
    """The program with another kernel in the place of its i-th."""
    return replace(program, kernels=(*program.kernels[:i], kernel, *program.kernels[i + 1:]))


def used_buffers(program: Program) -> Program:
    """The program without buffers that nothing touches, those at its border excepted."""
    used = {b for k in program.kernels for b in read(k.body) | written(k.body)}
    return replace(program, buffers={n: b for n, b in program.buffers.items()
                                     if n in used or b.role in ("input", "output")})


def turns(loops: Iterable[tuple[str, int]]) -> int:
    """How often the body of loops (variable, extent) is executed."""
    return prod(n for _, n in loops)
