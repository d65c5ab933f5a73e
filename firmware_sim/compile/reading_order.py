"""Constants in the order in which a kernel reads them, turns that stand side by side included: few
addresses, all near each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dsplet.firmware_sim.compile.nest import Body, extents, read, replace_refs
from dsplet.quantize.fixed.arithmetic import IntArray
from dsplet.quantize.fixed.kernel import Fetch, Loop, Mac
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref


def in_reading_order(program: Program, dots: bool = True) -> Program:
    """The program with every constant factor that one kernel reads in the order in which it does,
    where that order is affine in the kernel's loops. dots: whether dot products side by side are
    done one after another, by whole rows."""
    kernels, buffers = list(program.kernels), dict(program.buffers)
    readers = [b for k in kernels for b in read(k.body)]
    for i, kernel in enumerate(kernels):
        for name in sorted({s.w.buffer for whole in kernel.body for s in whole.flat()
                            if isinstance(s, Mac)}):
            b = buffers[name]
            if b.role != "const" or readers.count(name) > 1 or not _in_loops(kernels[i].body, name):
                continue
            first = _first_reads(kernels[i].body, name, dots)
            body = _moved(kernels[i].body, name, first)
            if body:
                kernels[i] = replace(kernels[i], body=body)
                buffers[name] = replace(b, data=b.integers[first], size=len(first))
    return replace(program, kernels=tuple(kernels), buffers=buffers)


def _in_loops(body: Body, name: str) -> bool:
    """Whether the loops of the body alone say where the buffer is read, not data nor time."""
    inside = extents(body)
    return not any(name in s.tables() or isinstance(s, Fetch) and s.ref.buffer == name
                   for whole in body for s in whole.flat()) and all(
        v in inside for s in body for r in s.refs() if r.buffer == name for v, _ in r.index.terms)


def _first_reads(body: Body, name: str, dots: bool) -> IntArray:
    """The places of the buffer in the order in which they are first read."""
    order = _reads(body, name, {}, dots).reshape(-1)
    _, first = np.unique(order, return_index=True)
    return order[np.sort(first)]


def _reads(body: Body, name: str, at: dict[str, IntArray], dots: bool) -> IntArray:
    """The places that the body reads, a row for each turn of the loops around it; the first turn
    stands for all where all read the same. at: the variables of those loops there. dots: a dot
    product reads the whole of its row before the next begins."""
    turns = len(next(iter(at.values()), [0]))
    parts = [np.zeros((turns, 0), np.int64)]
    for s in body:
        if not isinstance(s, Loop):
            parts += [_places(r.index, at, turns)[:, None] for r in s.refs() if r.buffer == name]
            continue
        steps = {r.index.coefficient(s.var) for r in s.refs() if r.buffer == name}
        extent = s.extent if steps - {0} else 1
        inner = {v: np.repeat(a, extent) for v, a in at.items()} | {
            s.var: np.tile(np.arange(extent), turns)}
        dot = dots and steps == {1} and all(isinstance(m, Mac) for m in s.body)
        parts += [_reads(part, name, inner, dots).reshape(turns, -1)
                  for part in ([(m,) for m in s.body] if dot else [s.body])]
    return np.concatenate(parts, axis=1)


def _places(index: Affine, at: dict[str, IntArray], turns: int) -> IntArray:
    return index.const + sum((c * at[v] for v, c in index.terms), np.zeros(turns, np.int64))


def _moved(body: Body, name: str, first: IntArray) -> Body | None:
    """The body reading the buffer in its new order; None where an index would not be affine."""
    new = np.zeros(first.max() + 1, np.int64)
    new[first] = np.arange(len(first))
    extent, found = extents(body), {}
    for ref in {r for s in body for r in s.refs() if r.buffer == name}:
        variables = [v for v, _ in ref.index.terms]
        old = np.array(ref.index.const)
        for v, c in ref.index.terms:
            old = np.add.outer(old, c * np.arange(extent[v]))
        there = new[old]
        start = int(there.reshape(-1)[0])
        index, expected = Affine(start), np.array(start)
        for axis, v in enumerate(variables):
            along = there[tuple(slice(None) if a == axis else 0 for a in range(there.ndim))]
            step = int(along[-1] - along[0]) // max(1, len(along) - 1)
            index = index + Affine(0, ((v, step),))
            expected = np.add.outer(expected, step * np.arange(extent[v]))
        if (there != expected).any():
            return None
        found[ref] = Ref(name, index)
    return replace_refs(body, lambda r: found.get(r, r))
