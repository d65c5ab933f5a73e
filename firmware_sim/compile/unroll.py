"""Unrolling: a loop of constant extent as its turns, one after another."""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.compile.nest import Body, substitute
from dsplet.quantize.fixed.kernel import Loop
from dsplet.quantize.fixed.statement import Affine, Statement


def unrolled(body: Body, var: str) -> Body:
    """The body with the turns of loop `var` written out."""
    out: list[Statement] = []
    for s in body:
        if not isinstance(s, Loop):
            out.append(s)
        elif s.var == var:
            for turn in range(s.extent):
                out += substitute(s.body, {var: turn})
        else:
            out.append(replace(s, body=unrolled(s.body, var)))
    return tuple(out)


def unrolled_by(body: Body, var: str, factor: int) -> Body:
    """The body with `factor` turns of loop `var` in each turn; what is left over follows it."""
    out: list[Statement] = []
    for s in body:
        if not isinstance(s, Loop):
            out.append(s)
        elif s.var == var:
            groups, at = s.extent // factor, Affine(0, ((var, factor),))
            inside = [t for k in range(factor) for t in substitute(s.body, {var: at + k})]
            out += [Loop(var, groups, tuple(inside))] if groups else []
            out += [t for k in range(groups * factor, s.extent)
                    for t in substitute(s.body, {var: k})]
        else:
            out.append(replace(s, body=unrolled_by(s.body, var, factor)))
    return tuple(out)
