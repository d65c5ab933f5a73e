"""Unroll-and-jam: several turns of a loop done side by side, the loops inside them once.

Numbers that the turns share are then read once. It is legal where the turns neither wait for each
other nor disturb each other: each starts its registers anew, or only adds to them or takes the
largest; none reads what another writes; no two write to one place.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from dsplet.firmware_sim.compile.nest import (
    Body,
    extents,
    named_registers,
    places,
    read,
    rename,
    stores,
    substitute,
    tidy,
    written,
)
from dsplet.quantize.fixed.kernel import Add, Loop, Mac, Max, Set
from dsplet.quantize.fixed.statement import Affine, Statement


def jammed(body: Body, var: str, factor: int) -> Body | None:
    """The body with `factor` turns of loop `var` side by side; what is left over follows, jammed
    too; registers numbered. None where that is not legal."""
    done = _jammed(body, var, factor)
    return None if done is None else numbered(tidy(done))


def _jammed(body: Body, var: str, factor: int) -> Body | None:
    out: list[Statement] = []
    for s in body:
        if not isinstance(s, Loop):
            out.append(s)
        elif s.var != var:
            inner = _jammed(s.body, var, factor)
            if inner is None:
                return None
            out.append(replace(s, body=inner))
        else:
            private = _private(s)
            if private is None:
                return None
            factor = min(factor, s.extent)
            groups = s.extent // factor
            at = Affine(0, ((var, factor),))
            out.append(Loop(var, groups, _together(s.body, var, private,
                                                   [at + k for k in range(factor)])))
            out += _together(s.body, var, private, [
                Affine(k) for k in range(groups * factor, s.extent)])
    return tuple(out)


def numbered(body: Body) -> Body:
    """The body with short register names: acc, or acc0, acc1, .. where there are several."""
    families: dict[str, list[str]] = {}
    for whole in body:
        for r in whole.registers():
            family = families.setdefault(re.split("[^A-Za-z]", r)[0], [])
            if r not in family:
                family.append(r)
    return rename(body, {r: f"{stem}{n}" if len(family) > 1 else stem
                         for stem, family in families.items() for n, r in enumerate(family)})


def _together(body: Body, var: str, private: set[str], turns: list[Affine]) -> Body:
    copies = [rename(substitute(body, {var: at}), {r: f"{r}.{k}" for r in private})
              for k, at in enumerate(turns)]
    return _merged(copies) if len(copies) > 1 else tuple(s for c in copies for s in c)


def _merged(copies: list[Body]) -> Body:
    out: list[Statement] = []
    for same in zip(*copies, strict=True):
        if isinstance(first := same[0], Loop):
            out.append(replace(first, body=_merged([s.body for s in same])))
        else:
            out += same
    return tuple(out)


def _private(loop: Loop) -> set[str] | None:
    """The registers that each turn sets before it reads them; None where turns depend on each
    other."""
    body = loop.body
    both = read(body) & written(body)
    if any(r.buffer in both and r not in {s.ref for s in stores(body)}
           for whole in body for r in whole.refs()) or not _distinct(loop):
        return None
    private: set[str] = set()
    carried: set[str] = set()
    for whole in body:
        for s in whole.flat():
            if isinstance(s, Set):
                private.add(s.d)
            carried |= set(s.registers()) - private
    if private & carried or any(not _accumulates(body, r) for r in carried):
        return None
    return private & named_registers(body)


def _distinct(loop: Loop) -> bool:
    """Whether no two stores of the loop, in whatever turns, write to one place."""
    inside = {loop.var: loop.extent} | extents(loop.body)
    reached: dict[str, list[np.ndarray]] = {}
    for s in stores(loop.body):
        index = Affine(s.ref.index.const, tuple(t for t in s.ref.index.terms if t[0] in inside))
        if not index.coefficient(loop.var):
            return False
        reached.setdefault(s.ref.buffer, []).append(places(index, inside))
    every = [np.concatenate(at) for at in reached.values()]
    return all(len(np.unique(at)) == len(at) for at in every)


def _accumulates(body: Body, register: str) -> bool:
    """Whether the body only adds to the register, or only takes the largest of it."""
    touching = [s for whole in body for s in whole.flat() if register in s.registers()]
    once = all(register in s.writes() and [*s.registers()].count(register) == 1 for s in touching)
    return once and (all(isinstance(s, Add | Mac) for s in touching)
                     or all(isinstance(s, Max) for s in touching))
