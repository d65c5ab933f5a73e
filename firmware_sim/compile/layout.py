"""Where the numbers of a buffer lie: channels last where that makes longer runs for products, loops
of a sum in the order of memory, and weights in the order in which they are read.

Sums are exact in any order: the proof covers every partial sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from dsplet.firmware_sim.compile.nest import (
    Body,
    Split,
    digits,
    extents,
    fresh,
    nest,
    read,
    replace_refs,
    split,
    substitute,
    tidy,
    with_kernel,
    wrap,
    written,
)
from dsplet.quantize.fixed.kernel import Buffer, Fetch, Kernel, Loop, Mac, contiguous
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref, Statement


def channels_last(program: Program, cost: Callable[[Kernel, dict[str, Buffer]], float]) -> Program:
    """The program with the first axis of a buffer last wherever its kernels then cost less.

    cost: of a kernel whose sums walk memory in order.
    """
    for name, shape in shapes(program).items():
        order = (*range(1, len(shape)), 0)
        turned = transposed(program, name, shape, order)
        if turned and _total(turned, name, cost) < _total(program, name, cost):
            program = turned
    return program


def _total(program: Program, name: str, cost: Callable[[Kernel, dict[str, Buffer]], float]
           ) -> float:
    """Of the kernels that touch the buffer; of those that run in some turns only, in all these."""
    kernels = tuple(k for k in program.kernels if name in read(k.body) | written(k.body))
    done = ordered(replace(program, kernels=kernels, repeats=(), resume=None))
    return sum(cost(k, done.buffers) * (k.during[1] - k.during[0] + 1 if k.during else 1)
               for k in done.kernels)


def transposed(program: Program, name: str, shape: tuple[int, ...], order: tuple[int, ...]
               ) -> Program | None:
    """The program with the axes of a buffer in another order: order[k] is the old axis that
    becomes axis k. None where an access follows no axes."""
    strides = contiguous(shape)
    radices = list(zip(strides, shape, strict=True))
    new = dict(zip(order, contiguous(tuple(shape[a] for a in order)), strict=True))
    kernels = []
    for i, kernel in enumerate(program.kernels):
        turns, first = _turns(program, i)
        body = along_axes(_later(kernel.body, turns, first), name, radices, turns)
        if body is None:
            return None
        extent = extents(body) | turns

        def moved(ref: Ref, extent: dict[str, int] = extent) -> Ref:
            if ref.buffer != name:
                return ref
            at = axes(ref.index, extent, radices)
            return Ref(name, sum((e * new[a] for a, e in enumerate(at)), Affine()))

        kernels.append(replace(kernel, body=_later(replace_refs(body, moved), turns, -first)))
    data = program.buffers[name].data
    buffers = program.buffers
    if data is not None:
        turned = replace(buffers[name], data=data.reshape(shape).transpose(order).reshape(-1))
        buffers = buffers | {name: turned}
    return replace(program, kernels=tuple(kernels), buffers=buffers)


def _turns(program: Program, i: int) -> tuple[dict[str, int], int]:
    """Of a kernel that runs in some turns only: (their variable and number, the first)."""
    during = program.kernels[i].during
    if during is None:
        return {}, 0
    return {program.around(i)[-1].var: during[1] - during[0] + 1}, during[0]


def _later(body: Body, turns: dict[str, int], by: int) -> Body:
    """The body with turns counted from another one."""
    return substitute(body, {v: Affine(by, ((v, 1),)) for v in turns}) if turns else body


def axes(index: Affine, extent: dict[str, int], radices: list[tuple[int, int]]) -> list[Affine]:
    """The digits of an index in a body that `along_axes` gave."""
    at = digits(index, extent, radices)
    assert isinstance(at, list)
    return at


def along_axes(body: Body, name: str, radices: list[tuple[int, int]],
               turns: dict[str, int] | None = None) -> Body | None:
    """The body with its loops split until each index of the buffer has a digit for every axis.

    turns: the extents of loops around the body.
    """
    while True:
        if any(name in s.tables() or isinstance(s, Fetch) and s.ref.buffer == name
               for whole in body for s in whole.flat()):
            return None
        extent = extents(body)
        for ref in (r for s in body for r in s.refs() if r.buffer == name):
            at = digits(ref.index, extent | (turns or {}), radices)
            if at is None or isinstance(at, Split) and (
                    not at.inner or at.var not in extent or extent[at.var] % at.inner):
                return None
            if isinstance(at, Split):
                outer = fresh(at.var, extent)
                body = split(body, at.var, at.inner,
                             (outer, fresh(at.var, {*extent, outer})))
                break
        else:
            return body


def shapes(program: Program) -> dict[str, tuple[int, ...]]:
    """The shapes of activation buffers that are stored row by row and have several axes."""
    found: dict[str, tuple[int, ...]] = {}
    for storage in program.storage.values():
        b = program.buffers.get(storage.buffer)
        strides = storage.strides
        if (b is None or b.role != "activation" or storage.offset != 0 or len(strides) < 2
                or strides[-1] != 1 or any(a % c or a <= c for a, c in pairwise(strides))
                or b.size % strides[0] or b.name in found and len(found[b.name]) >= len(strides)):
            continue
        found[b.name] = (b.size // strides[0], *(a // c for a, c in pairwise(strides)))
    return found


def _in_memory_order(loop: Loop) -> Statement:
    """A nest of loops around one product in the order of the memory that x walks; any other loop
    with such nests in it in that order."""
    loops, leaf = nest((loop,))
    match leaf:
        case (Mac(_, x, _),):
            return wrap(sorted(loops, key=lambda n: -abs(x.index.coefficient(n[0]))), leaf)[0]
    return replace(loop, body=_summed(loop.body))


def ordered(program: Program) -> Program:
    """Loops of sums in the order of memory, constants in the order of the loops."""
    for i, kernel in enumerate(program.kernels):
        program = with_kernel(program, i, replace(kernel, body=_summed(kernel.body)))
    return _packed(program)


def _summed(body: Body) -> Body:
    return tuple(_in_memory_order(s) if isinstance(s, Loop) else s for s in body)


def _packed(program: Program) -> Program:
    """Constants that one statement reads lie in the order in which it reads them."""
    found: dict[str, list[tuple[int, Ref, list[tuple[str, int]]]]] = {}
    for i, kernel in enumerate(program.kernels):
        for ref, loops in _walk(kernel.body, []):
            found.setdefault(ref.buffer, []).append((i, ref, loops))
    for name, places in found.items():
        b = program.buffers[name]
        if b.role != "const" or b.data is None or len(places) != 1:
            continue
        (i, ref, loops), = places
        loops = [(v, n) for v, n in loops if ref.index.coefficient(v)]
        if any(v not in dict(loops) for v, _ in ref.index.terms):
            continue
        shape = tuple(n for _, n in loops)
        at = np.full(shape, ref.index.const)
        for axis, (v, n) in enumerate(loops):
            steps = np.arange(n) * ref.index.coefficient(v)
            at = at + steps.reshape([-1 if a == axis else 1 for a in range(len(shape))])
        if len(np.unique(at)) != at.size:
            continue
        there = Ref(name, sum((Affine(0, ((v, c),)) for (v, _), c in
                               zip(loops, contiguous(shape), strict=True)), Affine()))

        def packed(r: Ref, there: Ref = there) -> Ref:
            return there if r.buffer == there.buffer else r

        kernel = program.kernels[i]
        program = with_kernel(replace(program, buffers=program.buffers | {
            name: replace(b, data=b.data[at.reshape(-1)], size=at.size)}), i, replace(
            kernel, body=replace_refs(kernel.body, packed)))
    return replace(program, kernels=tuple(replace(k, body=tidy(k.body)) for k in program.kernels))


def _walk(body: Body, loops: list[tuple[str, int]]
          ) -> Iterator[tuple[Ref, list[tuple[str, int]]]]:
    """Every reference in the body with the loops around it; what data index, twice."""
    for s in body:
        if isinstance(s, Loop):
            yield from _walk(s.body, [*loops, (s.var, s.extent)])
            continue
        for ref in s.refs():
            yield from [(ref, loops)] * (2 if isinstance(s, Fetch) else 1)
        for table in s.tables():
            yield from [(Ref(table, Affine()), loops)] * 2
