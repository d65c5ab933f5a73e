"""Factors of sums in 16 bits: where a processor multiplies and adds two pairs of them at a time, it
takes a pair as one word from memory, and has nothing to unpack.

Constants and activations are stored so; what a sum reads of an input is copied first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from dsplet.firmware_sim.compile.cost import sums
from dsplet.firmware_sim.compile.nest import (
    extents,
    fresh,
    replace_refs,
    span,
    tidy,
    turns,
)
from dsplet.firmware_sim.compile.unroll import unrolled_by
from dsplet.quantize.fixed.kernel import Buffer, Kernel, Loop, Mac, Set, Store
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref

WORTH = 16
"""Products with each number that is copied, from which on the copy pays."""
GROUP = 4
"""Numbers copied in one turn."""
LOW, HIGH = np.iinfo(np.int16).min, np.iinfo(np.int16).max


def widened(program: Program) -> Program:
    """The program with the factors of every sum that walks both in order in 16 bits, as far as they
    fit; those that meet the same numbers stay as they are together."""
    for i in reversed(range(len(program.kernels))):
        program = _copied(program, i)
    pairs = [{m.x.buffer, m.w.buffer} for k in program.kernels for m in _walking(k)]
    out = {n for names in pairs for n in names if not _fits(program.buffers[n])}
    while more := {n for names in pairs if names & out for n in names} - out:
        out |= more
    wide = {n for names in pairs for n in names} - out
    return replace(program, buffers=program.buffers | {
        n: replace(program.buffers[n], low=LOW, high=HIGH) for n in wide})


def _walking(kernel: Kernel) -> Iterator[Mac]:
    """The products whose factors lie one after another, both."""
    for s in sums(kernel.body):
        if s.run > 1:
            yield from s.macs


def _fits(b: Buffer) -> bool:
    """Whether the buffer holds numbers of 16 bits, or may."""
    return b.dtype == np.int16 or (
        b.role in ("const", "activation") and LOW <= b.low and b.high <= HIGH)


def _copied(program: Program, i: int) -> Program:
    """The program with kernels before kernel i that copy what its sums read of inputs."""
    kernel = program.kernels[i]
    for name in sorted({r.buffer for m in _walking(kernel) for r in (m.x, m.w)}):
        b = program.buffers[name]
        if b.role == "input" and b.dtype != np.int16 and (piece := _piece(kernel, name)):
            return _copied(_with_copy(program, i, b, *piece), i + 1)
    return program


def _piece(kernel: Kernel, name: str) -> tuple[Affine, int] | None:
    """(first place, size) of what the kernel's sums read of the buffer; None where something else
    of the kernel reads it, too, and where a copy does not pay."""
    extent = extents(kernel.body)
    reading = {s for whole in kernel.body for s in whole.flat() if name in s.buffers()}
    indices = {r.index for s in reading for r in s.refs() if r.buffer == name}
    starts = {Affine(0, tuple(t for t in a.terms if t[0] not in extent)) for a in indices}
    if not reading <= set(_walking(kernel)) or len(starts) > 1:
        return None
    start = starts.pop()
    ends = [e for a in indices for e in span(a + start * -1, extent)]
    size = max(ends) - min(ends) + 1
    return (start + min(ends), size) if _products(kernel, name) >= WORTH * size else None


def _with_copy(program: Program, i: int, b: Buffer, start: Affine, size: int) -> Program:
    """The program with a kernel before kernel i, inside the same loops over time, that copies this
    piece of the buffer, which kernel i then reads in its place."""
    kernel = program.kernels[i]
    name = fresh(f"{kernel.name}_wide", program.buffers)

    def moved(r: Ref) -> Ref:
        return Ref(name, r.index + start * -1) if r.buffer == b.name else r

    each = Affine(0, (("i0", 1),))
    copy = unrolled_by((Loop("i0", size, (
        Set("d", Ref(b.name, start + each)), Store(Ref(name, each), "d"))),), "i0", GROUP)
    kernels = (Kernel(name, kernel.node, "Copy", tidy(copy)),
               replace(kernel, body=replace_refs(kernel.body, moved)))
    repeats = tuple(replace(r, first=r.first + (r.first > i), last=r.last + (r.last >= i))
                    for r in program.repeats)
    return replace(
        program, kernels=(*program.kernels[:i], *kernels, *program.kernels[i + 1:]),
        buffers=program.buffers | {name: Buffer(name, size, b.low, b.high, "activation")},
        repeats=repeats, resume=program.resume and program.resume + (program.resume > i))


def _products(kernel: Kernel, name: str) -> int:
    """How many products of the kernel have a factor of that buffer."""
    return sum(turns(s.loops) * turns(s.inner) for s in sums(kernel.body)
               for m in s.macs if name in (m.x.buffer, m.w.buffer))
