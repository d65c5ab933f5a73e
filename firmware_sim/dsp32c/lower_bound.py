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

Layers that are joined need not store what lies between them, nor read it, and an instruction may
multiply for one and add for another. What holds of them together (`least_cycles`) is
    cycles >= look-ups + max(multiplications, additions) + selections,   each of all layers
"""

from __future__ import annotations

from collections.abc import Mapping

from dsplet.firmware_sim.compile.work import Work, work
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.quantize.fixed.kernel import (
    Add,
    Buffer,
    Interpolate,
    Kernel,
    Lookup,
    Mac,
    Max,
    Mul,
    Set,
    Store,
)
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.float.kernel import InterpolateReal


def lower_bound_cycles(kernel: Kernel, buffers: Mapping[str, Buffer], target: Target) -> float:
    """The bound of one kernel, in instruction cycles; in a loop over time, of one step. buffers:
    those of its program, by name."""
    least = work(kernel)
    loads, products, sums, selections = _arithmetic(least)
    elements = sum(map(len, least.read.values()))
    issues = loads + max(max(products, sums) + selections, least.count(Store), elements / 2)
    needed_bytes = sum(len(e) * buffers[b].dtype.itemsize for b, e in least.read.items()
                       if b in buffers)
    outside = max(0.0, (needed_bytes - sum(r.bytes for r in target.on_chip)) / 4)
    wait = min(r.wait_states for r in target.regions if r.external)
    stall = wait if target.assumptions.wait_stalls_machine else 0
    busy = target.assumptions.bank_busy_states + wait
    return max(issues + outside * stall / target.states_per_cycle,
               outside * busy / target.states_per_cycle)


def least_cycles(program: Program) -> float:
    """The bound of a whole program, in instruction cycles, however its kernels are joined."""
    counts = [[program.turns(i) * n for n in _arithmetic(work(k))]
              for i, k in enumerate(program.kernels)]
    loads, products, sums, selections = (sum(column) for column in zip(*counts, strict=True))
    return loads + max(products, sums) + selections


def _arithmetic(least: Work) -> tuple[int, int, int, int]:
    """Look-ups, multiplications, additions and selections."""
    maxima = max(0, least.count(Max) - least.count(Set))  # a window's first needs no comparison
    between = least.count(Interpolate, InterpolateReal)
    return (least.count(Lookup) + between, least.count(Mac, Mul) + between,
            least.count(Add) + maxima, maxima)
