"""The order of the loops around sums: what is read again and again is read while it is near."""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.compile.jam import jammed
from dsplet.firmware_sim.compile.nest import nest, turns, wrap
from dsplet.quantize.fixed.kernel import Buffer, Kernel, Mac
from dsplet.quantize.fixed.program import Program

NEAR = 8 << 10
"""Weights that stay in the nearest cache beside what they meet."""


def ordered(program: Program, lanes: int) -> Program:
    """The program with loops in which the weights stay the same around those in which they change,
    where that reads less from afar. lanes: numbers of a vector."""
    return replace(program, kernels=tuple(
        _ordered(k, program.buffers, lanes) for k in program.kernels))


def _ordered(kernel: Kernel, buffers: dict[str, Buffer], lanes: int) -> Kernel:
    loops, leaf = nest(kernel.body)
    macs = [s for whole in leaf for s in whole.flat() if isinstance(s, Mac)]
    if not macs:
        return kernel
    mac = max(macs, key=lambda m: buffers[m.w.buffer].size)
    same = [(v, n) for v, n in loops if not mac.w.index.coefficient(v)]
    other = [(v, n) for v, n in loops if mac.w.index.coefficient(v)]
    weights, given = buffers[mac.w.buffer].size, buffers[mac.x.buffer].size * lanes
    if not (same and other) or any(mac.x.index.coefficient(v) for v, _ in other) or (
            weights > NEAR and weights * turns(same) > given * turns(other)):
        return kernel
    if any(jammed(kernel.body, v, 2) is None for v, n in loops if n > 1):
        return kernel
    return replace(kernel, body=wrap([*same, *other], leaf))
