"""Kernels over reals need no scaling: the chip's own arithmetic is theirs."""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.dsp32c.codegen.scale import Round, Scale, Scaled
from dsplet.quantize.fixed.kernel import Kernel, Loop
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Statement
from dsplet.quantize.float.kernel import Clamp, Linear, Place


def real(program: Program) -> list[Scaled]:
    """The kernels in the statements that the selector knows, with their constants."""
    assert program.reals is not None  # of a program in float arithmetic
    first, *others = [Scaled(_rewritten(k), {}) for k in program.kernels]
    return [replace(first, words=dict(program.reals)), *others]


def _rewritten(kernel: Kernel) -> Kernel:
    return replace(kernel, body=tuple(map(_statement, kernel.body)))


def _statement(s: Statement) -> Statement:
    match s:
        case Loop():
            return replace(s, body=tuple(map(_statement, s.body)))
        case Linear(d, scale, offset):
            return Scale(d, offset, scale, wide=False)
        case Clamp(d, low, high):
            return Round(d, 1, floor=False, low=low, high=high, magnitude=0)
        case Place(d, last):
            return Round(d, 1, floor=True, low=0.0, high=last, magnitude=last)
    return s
