"""The loops of a kernel's sums: jammed in tiles, short ones written out."""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.compile.cost import Effort, is_dot, sums, tile, written_out
from dsplet.firmware_sim.compile.jam import jammed
from dsplet.firmware_sim.compile.nest import Body, tidy, turns
from dsplet.firmware_sim.compile.unroll import unrolled, unrolled_by
from dsplet.quantize.fixed.kernel import Buffer, Kernel

GROUP = 4
"""Products written out of a long loop that is no dot product."""


def blocked(kernel: Kernel, buffers: dict[str, Buffer], effort: Effort) -> Kernel:
    """The kernel with the tile of its largest sum, and the short loops of sums written out."""
    found = list(sums(kernel.body))
    if not found:
        return kernel
    body, largest = kernel.body, max(found, key=lambda s: turns(s.inner))
    sides = tile(largest, buffers, effort)
    for var, _ in largest.loops:
        if sides.get(var, 1) > 1:
            body = jammed(body, var, sides[var]) or body
    return replace(kernel, body=tidy(_straightened(body, buffers, effort)))


def _straightened(body: Body, buffers: dict[str, Buffer], effort: Effort) -> Body:
    for s in list(sums(body)):
        if is_dot(s, buffers):
            continue
        loops = written_out(s, effort)
        for var, _ in reversed(loops):
            body = unrolled(body, var)
        if not loops:
            body = unrolled_by(body, s.inner[-1][0], GROUP)
    return body
