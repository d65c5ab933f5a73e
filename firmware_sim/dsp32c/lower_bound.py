"""The fewest cycles in which a layer can run on a chip, whatever code is written for it.

Counted from the kernel's statements, the loops around them and the target's datasheet; the
generator is not asked. Why no program of the same arithmetic is faster:

    issues    One instruction is issued a cycle, and it multiplies once, adds once and stores once
              at most (dsp32c.md 1, 5.2). A multiply-accumulate or a product of two variables takes
              a multiplication, a sum of two variables an addition. A maximum is a subtraction and
              then a selection (`ifalt`, dsp32c.md 5.3), which does neither but may store. A look-up
              at an index from the data needs an address register, which only a CAU load sets
              (dsp32c.md 5.4): an instruction that does none of the three. So
                  issues >= look-ups + max(max(multiplications, additions) + selections, stores)
              Constants, powers of two, rounding, clamps and loops are taken to cost nothing:
              another layer, or the same instruction, may carry them.
    operands  Two memory operands are read an instruction, X and Y; every element that the layer
              uses is read once at least: issues >= elements / 2.
    external  What does not fit on chip lies outside, bytes at the smallest, four to a word: at
              least that many accesses of w wait states, each of which stops the machine. All
              external memory is one bank, busy 2 + w states an access (dsp32c.md 4.4).

    cycles >= max(issues + accesses * w / 4, accesses * (2 + w) / 4)
"""

from __future__ import annotations

from math import prod

import numpy as np

from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.quantize.fixed.kernel import (
    Add,
    Buffer,
    Interpolate,
    Kernel,
    Lookup,
    Loop,
    Mac,
    Max,
    Mul,
    Ref,
    Set,
    Store,
    refs,
)
from dsplet.quantize.float.kernel import InterpolateReal


def lower_bound_cycles(kernel: Kernel, buffers: dict[str, Buffer], target: Target) -> float:
    """The bound of one kernel, in instruction cycles; in a loop over time, of one step. buffers:
    those of its program, by name."""
    count = dict.fromkeys((Mac, Mul, Add, Max, Lookup, Interpolate, InterpolateReal, Store,
                           Set), 0)
    touched: dict[str, np.ndarray] = {}
    for statement, extents in _flat(kernel.body, {}):
        constant = isinstance(getattr(statement, "source", ""), int)
        if type(statement) in count and not (constant and isinstance(statement, Add | Mul | Max)):
            count[type(statement)] += prod(extents.values())
        for ref in refs(statement):
            elements = _elements(ref, extents)
            if not isinstance(statement, Store):
                known = touched.get(ref.buffer, np.empty(0, np.int64))
                touched[ref.buffer] = np.union1d(known, elements)
    maxima = max(0, count[Max] - count[Set])  # the first of a window needs no comparison
    between = count[Interpolate] + count[InterpolateReal]
    arithmetic = max(count[Mac] + count[Mul] + between,
                     count[Add] + maxima) + maxima
    elements = sum(map(len, touched.values()))
    loads = count[Lookup] + between
    issues = loads + max(arithmetic, count[Store], elements / 2)
    needed_bytes = sum(len(e) * buffers[b].dtype.itemsize for b, e in touched.items()
                       if b in buffers)
    outside = max(0.0, (needed_bytes - sum(r.bytes for r in target.on_chip)) / 4)
    wait = min(r.wait_states for r in target.regions if r.external)
    stall = wait if target.assumptions.wait_stalls_machine else 0
    busy = target.assumptions.bank_busy_states + wait
    return max(issues + outside * stall / target.states_per_cycle,
               outside * busy / target.states_per_cycle)


def _flat(body: tuple, extents: dict[str, int]):
    """Every statement with the loops around it."""
    for s in body:
        if isinstance(s, Loop):
            yield from _flat(s.body, extents | {s.var: s.extent})
        else:
            yield s, extents


def _elements(ref: Ref, extents: dict[str, int]) -> np.ndarray:
    """The different elements of its buffer that a reference touches, at one step of a loop over
    time."""
    found = np.array([ref.index.const])
    for var, step in ref.index.terms:
        found = np.unique(found[:, None] + step * np.arange(extents.get(var, 1)))
    return found
