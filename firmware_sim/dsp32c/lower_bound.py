"""The fewest cycles in which a layer can run on a chip, whatever code is written for it.

Counted from the kernel's statements, the loops around them and the target's datasheet; the
generator is not asked. What sums of products read are integers, in float words; what only a maximum
is taken of may be rounded behind it. Why no program of the same arithmetic is faster:

    issues    One instruction is issued a cycle, and it multiplies once, adds once and stores once
              at most (dsp32c.md 1, 5.2). A multiply-accumulate or a product of two variables takes
              a multiplication, a sum of two variables an addition, a quotient a multiplication at
              least. A maximum is a subtraction and then a selection (`ifalt`, dsp32c.md 5.3),
              which does neither but may store.
    roundings A requantize that drops a fraction is more than the products and sums before it. It is
              a conversion (dsp32c.md 5.3), which neither multiplies nor adds; or a large number is
              added, whose last place is a unit, and taken away again. The last product may add it,
              but only if it is the only one, since a fraction that is dropped sooner is another;
              what takes it away adds nothing else, as its result is the integer. So each takes an
              instruction that does none of the others' work, but may store. (A store drops the
              guard bits, and rounds while the large number is in the sum. It may stay in a word
              that is added or compared, not in one that sums of products read: they would have too
              many bits to be exact. So only what those read is counted.)
    look-ups  An index from the data needs an address register, which only a CAU load sets
              (dsp32c.md 5.4): an instruction that does none of all that. Between the entries of a
              table the number's low bits must go first, since an address is of a segment: a
              conversion of what the DAU computed, or one more instruction of the CAU. And where the
              number has just been read, it, the slope and the value are three operands of memory:
              two instructions (dsp32c.md 5.2), of which the first does no work of others.
    operands  Two memory operands are read an instruction, X and Y; every element that the layer
              uses is read once at least: instructions of the DAU >= elements / 2.
    external  What does not fit on chip lies outside, bytes at the smallest, four to a word: at
              least that many accesses of w wait states, each of which stops the machine. All
              external memory is one bank, busy 2 + w states an access (dsp32c.md 4.4).

    issues >= look-ups + max(max(multiplications, additions) + selections + roundings
                             + numbers just read, stores, elements / 2)
    cycles >= max(issues + accesses * w / 4, accesses * (2 + w) / 4)

Constants, powers of two, clamps and loops are taken to cost nothing: another layer, or the same
instruction, may carry them.

Layers that are joined need not store what lies between them, nor read it, and an instruction may
multiply for one and add for another. What holds of all together (`least_cycles`) is
    cycles >= look-ups + max(multiplications, additions) + selections + roundings,   each of all
layers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dsplet.firmware_sim.compile.delayed_requantize import delay_requantize
from dsplet.firmware_sim.compile.work import Work, work
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.quantize.fixed.kernel import (
    Add,
    Divide,
    Interpolate,
    Kernel,
    Lookup,
    Mac,
    Max,
    Mul,
    Requantize,
    Set,
    Store,
)
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Statement
from dsplet.quantize.float.kernel import InterpolateReal


def lower_bounds(program: Program, target: Target) -> dict[str, float]:
    """The bound of each kernel, by its name, in instruction cycles of a whole run."""
    summed = _summed(program.kernels)
    return {k.name: program.turns(i) * _bound(work(k), summed, program, target)
            for i, k in enumerate(_rounded_late(program))}


def least_cycles(program: Program) -> float:
    """The bound of a whole program, in instruction cycles, however its kernels are joined."""
    total: Counter[str] = Counter()
    summed = _summed(program.kernels)
    for i, kernel in enumerate(_rounded_late(program)):
        a, turns = _arithmetic(work(kernel), summed), program.turns(i)
        total.update({"other": turns * (a.look_ups + a.selections + a.roundings),
                      "products": turns * a.products, "sums": turns * a.sums})
    return total["other"] + max(total["products"], total["sums"])


@dataclass(frozen=True)
class _Arithmetic:
    look_ups: int
    products: int
    sums: int
    selections: int
    roundings: int


def _bound(least: Work, summed: set[str], program: Program, target: Target) -> float:
    """Of one run of a kernel; in a loop over time, of one step."""
    a, buffers = _arithmetic(least, summed), program.buffers
    elements = sum(map(len, least.read.values()))
    issues = a.look_ups + max(
        max(a.products, a.sums) + a.selections + a.roundings + least.loaded,
        least.count(Store), elements / 2)
    needed_bytes = sum(len(e) * buffers[b].dtype.itemsize for b, e in least.read.items()
                       if b in buffers)
    outside = max(0.0, (needed_bytes - sum(r.bytes for r in target.on_chip)) / 4)
    wait = min(r.wait_states for r in target.regions if r.external)
    stall = wait if target.assumptions.wait_stalls_machine else 0
    busy = target.assumptions.bank_busy_states + wait
    return max(issues + outside * stall / target.states_per_cycle,
               outside * busy / target.states_per_cycle)


def _arithmetic(least: Work, summed: set[str]) -> _Arithmetic:
    """summed: see `_summed`."""
    maxima = max(0, least.count(Max) - least.count(Set))  # a window's first needs no comparison
    between = least.count(Interpolate, InterpolateReal)
    return _Arithmetic(least.count(Lookup) + 2 * between,
                       least.count(Mac, Mul, Divide) + between, least.count(Add) + maxima, maxima,
                       sum(n for buffer, n in least.rounded.items() if buffer in summed))


def _rounded_late(program: Program) -> Sequence[Kernel]:
    """The kernels, with what only a maximum is taken of rounded behind it."""
    return delay_requantize(program.kernels, _the_rounding)


def _the_rounding(statements: list[Statement]) -> Requantize | None:
    rounds = [s for s in statements if isinstance(s, Requantize)]
    return rounds[0] if len(rounds) == 1 else None


def _summed(kernels: Sequence[Kernel]) -> set[str]:
    """Buffers whose numbers sums of products read."""
    return {r.buffer for k in kernels for top in k.body for s in top.flat() if isinstance(s, Mac)
            for r in s.refs()}
