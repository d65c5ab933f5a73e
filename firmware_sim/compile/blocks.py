"""The loops of a kernel's sums: jammed in tiles, short ones written out."""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.compile.cost import Effort, is_dot, is_paired, sums, tile, written_out
from dsplet.firmware_sim.compile.jam import jammed
from dsplet.firmware_sim.compile.nest import Body, extents, fresh, substitute, tidy, turns
from dsplet.firmware_sim.compile.unroll import unrolled, unrolled_by
from dsplet.quantize.fixed.kernel import Buffer, Kernel, Loop
from dsplet.quantize.fixed.statement import Affine, Statement

GROUP, PAIRS = 4, 3
"""Products written out of a long loop that is no dot product, and pairs of them."""


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
    paired: set[str] = set()  # what jamming left over has the same variable
    for s in list(sums(body)):
        if s.inner[-1][0] in paired:
            continue
        if effort.pairs and is_paired(s, buffers):
            var, extent = s.inner[-1]
            paired.add(var)
            loops = () if is_dot(s, buffers) else written_out(s, effort)
            for outer, _ in loops[:-1]:
                body = unrolled(body, outer)
            body = _in_pairs(body, var, fresh(var, extents(body)), extent if loops else PAIRS)
            continue
        if is_dot(s, buffers):
            continue
        loops = written_out(s, effort)
        for var, _ in reversed(loops):
            body = unrolled(body, var)
        if not loops:
            body = unrolled_by(body, s.inner[-1][0], GROUP)
    return body


def _in_pairs(body: Body, var: str, pair: str, most: int) -> Body:
    """The body with `most` pairs of turns of loop `var` in each turn, each a loop over `pair`; what
    is left over follows."""
    out: list[Statement] = []
    for s in body:
        if not isinstance(s, Loop):
            out.append(s)
        elif s.var == var:
            groups = s.extent // (2 * most)
            at = [Affine(2 * k, ((var, 2 * most),)) for k in range(most)]
            rest = [Affine(k) for k in range(groups * 2 * most, s.extent - 1, 2)]
            group, left = (tuple(Loop(pair, 2, substitute(s.body, {
                var: a + Affine(0, ((pair, 1),))})) for a in turns) for turns in (at, rest))
            out += [Loop(var, groups, group)] if groups else []
            out += [*left, *(substitute(s.body, {var: s.extent - 1}) if s.extent % 2 else ())]
        else:
            out.append(replace(s, body=_in_pairs(s.body, var, pair, most)))
    return tuple(out)
