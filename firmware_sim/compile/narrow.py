"""Weights as narrow as they were: where an accumulator's step made a row of weights 8 bits of
information times a power of two, the row is stored in 8 bits and its sum multiplied once.

The product of the sum is one of the partial sums that the overflow proof covers.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dsplet.firmware_sim.compile.nest import (
    Body,
    extents,
    fresh,
    named_registers,
    nest,
    read,
    rename,
    span,
)
from dsplet.quantize.fixed.arithmetic import IntArray
from dsplet.quantize.fixed.kernel import Add, Buffer, Kernel, Loop, Mac, Mul, Set
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref, Statement

LARGEST = 127


def narrowed(program: Program) -> Program:
    """The program with every constant factor of sums in 8 bits where a power of two per row of it
    can be taken out of the sum."""
    readers = [b for k in program.kernels for b in read(k.body)]
    buffers = dict(program.buffers)
    kernels = []
    for kernel in program.kernels:
        done: dict[str, Buffer] = {}
        body = _narrow(kernel, kernel.body, {
            b: program.buffers[b] for b in read(kernel.body) if readers.count(b) == 1
            and program.buffers[b].role == "const"}, done)
        kernels.append(replace(kernel, body=body))
        buffers |= done
    return replace(program, kernels=tuple(kernels), buffers=buffers)


def _narrow(kernel: Kernel, body: Body, constants: dict[str, Buffer], done: dict[str, Buffer]
            ) -> Body:
    """The body with narrow factors; done: the buffers that this makes."""
    sums: list[tuple[Loop, Ref]] = []
    rest: list[Statement] = []
    start = body[0] if body and isinstance(body[0], Set) else None
    for s in body:
        mac = nest((s,))[1][0]
        if isinstance(s, Loop) and isinstance(mac, Mac) and start and mac.d == start.d and (
                found := _factors(mac.w, s, constants)):
            powers, weight = found
            up = Buffer(f"{weight.name}_up", powers.size, int(powers.min()), int(powers.max()),
                        "const", powers)
            inner = extents((s,))
            row = weight.size // up.size
            sums.append((s, Ref(up.name, Affine(0, tuple(
                (v, c // row) for v, c in mac.w.index.terms if v not in inner)))))
            done |= {b.name: b for b in (weight, up)}
        elif isinstance(s, Loop):
            rest.append(replace(s, body=_narrow(kernel, s.body, constants, done)))
        else:
            rest.append(s)
    if start is None or not sums:
        return tuple(rest)
    (first, scale), *more = sums
    out = [Set(start.d, 0), first, Mul(start.d, scale), Add(start.d, start.source)]
    part = fresh("part", named_registers(kernel.body))
    for s, scale in more:
        out += [Set(part, 0), *rename((s,), {start.d: part}), Mul(part, scale), Add(start.d, part)]
    return (*out, *rest[1:])


def _factors(w: Ref, loop: Loop, constants: dict[str, Buffer]) -> tuple[IntArray, Buffer] | None:
    """A power of two for each row of the weights, and the weights without it."""
    b, inner = constants.get(w.buffer), extents((loop,))
    if b is None or b.data is None or max(-b.low, b.high) <= LARGEST or w.index.const:
        return None
    within = Affine(0, tuple((v, c) for v, c in w.index.terms if v in inner))
    row = span(within, inner)[1] + 1
    if b.size % row or any(c % row for v, c in w.index.terms if v not in inner):
        return None
    data = b.data.reshape(-1, row)
    powers = 1 << np.array([max(0, int(np.abs(r).max()).bit_length() - 7) for r in data])
    if (data % powers[:, None]).any():
        return None
    small = (data // powers[:, None]).reshape(-1)
    return powers.astype(np.int64), replace(b, data=small, low=int(small.min()),
                                            high=int(small.max()))
