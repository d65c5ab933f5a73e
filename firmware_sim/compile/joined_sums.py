"""Sums over two vectors become sums over one: the vectors lie one behind the other.

A cell of a recurrent network adds W x and U h. Each product is a loop of its own, entered anew for
every unit. Where x lies right before h, and each row of W right before that of U, it is one loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from dsplet.firmware_sim.compile.nest import replace_refs
from dsplet.quantize.fixed.kernel import Buffer, Kernel, Loop, Mac
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref, Statement

Body = tuple[Statement, ...]


@dataclass(frozen=True)
class Pair:
    """Two loops of products, one right after the other, in a loop over rows."""

    rows: Loop
    first: Loop
    second: Loop

    @property
    def macs(self) -> tuple[Mac, Mac]:
        a, b = self.first.body[0], self.second.body[0]
        assert isinstance(a, Mac) and isinstance(b, Mac)
        return a, b

    @property
    def vectors(self) -> tuple[str, str]:
        a, b = self.macs
        return a.x.buffer, b.x.buffer


def joined(program: Program, limit: int) -> Program:
    """The program with sums joined. limit: numbers of a joined vector at most."""
    if program.reals is not None:
        return program
    while (done := _joined(program, limit)) is not None:
        program = done
    return program


def _joined(program: Program, limit: int) -> Program | None:
    """One more vector joined of two, and all sums over both."""
    pairs = {k.name: list(_pairs(k.body)) for k in program.kernels}
    for pair in (p for found in pairs.values() for p in found):
        a, b = (program.buffers[name] for name in pair.vectors)
        if a.size + b.size <= limit and all(
                x.role == "activation" and x.data is None for x in (a, b)):
            same = {k: [p for p in found if p.vectors == pair.vectors
                        and _whole(p, a.size, b.size) and _private(program, p)]
                    for k, found in pairs.items()}
            if any(same.values()):
                return _one_vector(_one_loop(program, same), a, b)
    return None


def _pairs(body: Body) -> Iterator[Pair]:
    """Neighbouring loops of products that go into one sum."""
    for s in body:
        if isinstance(s, Loop):
            yield from _pairs(s.body)
            for one, two in zip(s.body, s.body[1:], strict=False):
                match one, two:
                    case Loop(_, _, (Mac(d, x, v),)), Loop(_, _, (Mac(e, y, w),)) if (
                            d == e and x.buffer != y.buffer and v.buffer != w.buffer):
                        yield Pair(s, one, two)


def _whole(p: Pair, first: int, second: int) -> bool:
    """Whether each loop goes through all of its vector and of a row, one after another."""
    return all(
        loop.extent == size and mac.x.index == Affine(0, ((loop.var, 1),))
        and mac.w.index == Affine(0, tuple(sorted(((p.rows.var, size), (loop.var, 1)))))
        for loop, mac, size in zip((p.first, p.second), p.macs, (first, second), strict=True))


def _private(program: Program, p: Pair) -> bool:
    """Whether the weights are constants that nothing else reads."""
    weights = {m.w.buffer for m in p.macs}
    uses = [r.buffer for k in program.kernels for s in k.body for r in s.refs()
            if r.buffer in weights]
    return len(uses) == 2 and all(
        program.buffers[w].role == "const" and program.buffers[w].size == p.rows.extent * n.extent
        for w, n in zip((m.w.buffer for m in p.macs), (p.first, p.second), strict=True))


def _one_loop(program: Program, pairs: dict[str, list[Pair]]) -> Program:
    """The pairs of loops as one each, which reads beyond the first vector."""
    buffers = dict(program.buffers)
    for p in (p for found in pairs.values() for p in found):
        v, w = (m.w.buffer for m in p.macs)
        rows = np.concatenate([buffers[name].integers.reshape(p.rows.extent, -1)
                               for name in (v, w)], 1)
        one, two = buffers[v], buffers.pop(w)
        buffers[v] = replace(one, size=rows.size, low=min(one.low, two.low),
                             high=max(one.high, two.high), data=rows.ravel())
    return replace(program, buffers=buffers, kernels=tuple(
        replace(k, body=_merged(k.body, pairs[k.name])) for k in program.kernels))


def _merged(body: Body, pairs: list[Pair]) -> Body:
    result: list[Statement] = []
    for s in body:
        if not isinstance(s, Loop):
            result.append(s)
        elif any(s is p.first for p in pairs):
            p = next(p for p in pairs if s is p.first)
            mac, size = p.macs[0], p.first.extent + p.second.extent
            row = Affine(0, ((p.rows.var, size),)) + Affine(0, ((s.var, 1),))
            result.append(Loop(s.var, size, (replace(mac, w=Ref(mac.w.buffer, row)),)))
        elif not any(s is p.second for p in pairs):
            result.append(replace(s, body=_merged(s.body, pairs)))
    return tuple(result)


def _one_vector(program: Program, a: Buffer, b: Buffer) -> Program:
    """The program with b's numbers behind a's, in a."""
    def to(ref: Ref) -> Ref:
        return Ref(a.name, ref.index + a.size) if ref.buffer == b.name else ref

    def kernel(k: Kernel) -> Kernel:
        return replace(k, body=replace_refs(k.body, to))

    buffers = {n: x for n, x in program.buffers.items() if n != b.name} | {a.name: replace(
        a, size=a.size + b.size, low=min(a.low, b.low), high=max(a.high, b.high))}
    storage = {v: replace(s, buffer=a.name, offset=s.offset + a.size) if s.buffer == b.name else s
               for v, s in program.storage.items()}
    return replace(program, buffers=buffers, storage=storage,
                   kernels=tuple(map(kernel, program.kernels)))
