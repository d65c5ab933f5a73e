"""Results written over what they are made of: a kernel that reads an element of a buffer for the
last time just where it writes one of its own needs one buffer, not two (a residual connection)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dsplet.firmware_sim.compile.nest import nest, read, replace_refs, stores, written
from dsplet.quantize.fixed.kernel import Buffer, Kernel, Loop
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Ref


def in_place(program: Program, apart: frozenset[str] = frozenset()) -> Program:
    """The program with every such pair of buffers joined, but for those in `apart`."""
    for i, kernel in enumerate(program.kernels):
        for old, new in _pairs(kernel, program.buffers):
            if {old, new} & apart:
                continue
            touching = [j for j, k in enumerate(program.kernels) if old in read(k.body)
                        | written(k.body)]
            after = [j for j, k in enumerate(program.kernels) if new in read(k.body)
                     | written(k.body)]
            if max(touching) == i == min(after) and not any(
                    program.around(j) for j in (*touching, *after)):
                return in_place(_joined(program, old, new), apart)
    return program


def _pairs(kernel: Kernel, buffers: dict[str, Buffer]) -> list[tuple[str, str]]:
    """(what is read, what is written) at the same places, element by element."""
    leaf = nest(kernel.body)[1]
    kept = stores(kernel.body)
    if len(kept) != 1 or not leaf or kept[0] is not leaf[-1]:
        return []
    target = kept[0].ref
    found = []
    for s in leaf[:-1]:
        if isinstance(s, Loop):
            continue
        for ref in s.refs():
            same = [r for whole in kernel.body for r in whole.refs() if r.buffer == ref.buffer]
            if ref.index == target.index and same == [ref] and _alike(
                    buffers[ref.buffer], buffers[target.buffer]):
                found.append((ref.buffer, target.buffer))
    return found


def _alike(a: Buffer, b: Buffer) -> bool:
    """Whether one buffer can stand for the other."""
    same = a.data is b.data is None or (
        a.data is not None and b.data is not None and np.array_equal(a.data, b.data))
    return (a.name != b.name and a.role == b.role == "activation" and a.size == b.size
            and a.dtype == b.dtype and same)


def _joined(program: Program, old: str, new: str) -> Program:
    """The program with `new` in the place of `old`."""
    a, b = program.buffers[old], program.buffers[new]
    kernels = tuple(replace(k, body=replace_refs(
        k.body, lambda r: Ref(new, r.index) if r.buffer == old else r)) for k in program.kernels)
    buffers = {n: x for n, x in program.buffers.items() if n != old}
    buffers[new] = replace(b, low=min(a.low, b.low), high=max(a.high, b.high))
    return replace(program, kernels=kernels, buffers=buffers)
