"""Sums of products in registers of their own, which may be float32: exact while no partial sum
reaches 2**24, in any order.

Where a whole sum may reach further, parts of it are added up so, each of as many products as can be
proved to stay below. What cannot, because few products already reach it, stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import takewhile

import numpy as np

from dsplet.firmware_sim.compile.nest import (
    Body,
    fresh,
    named_registers,
    nest,
    places,
    substitute,
    turns,
    wrap,
)
from dsplet.quantize.fixed.kernel import Add, Buffer, Loop, Mac, Set
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref, Source, Statement

EXACT = 1 << 24
"""Integers up to it, and sums of them that stay below, are exact in float32."""
FEWEST = 4
"""Products of a part that pay for its conversion."""
SUM = "sum"

Extents = Mapping[str, int]
Buffers = Mapping[str, Buffer]


def summed(program: Program) -> Program:
    """The program, the same integers, with sums in registers called "sum"."""
    kernels = []
    for i, k in enumerate(program.kernels):
        time = {r.var: r.extent for r in program.around(i)}
        assert not any(map(is_sum, named_registers(k.body)))
        kernels.append(replace(k, body=_Sums(program.buffers).body(k.body, time)))
    return replace(program, kernels=tuple(kernels))


def is_sum(register: str) -> bool:
    """Whether that is the name of a register of sums."""
    return register.startswith(SUM)


def reach(s: Statement, buffers: Buffers, around: Extents) -> int:
    """What no partial sum of these products can exceed, inside loops of these extents."""
    return _Sums(buffers).reach(s, around)


class _Sums:
    def __init__(self, buffers: Buffers) -> None:
        self.buffers = buffers

    def body(self, body: Body, around: Extents) -> Body:
        """The body inside loops of these extents."""
        out: list[Statement] = []
        i = 0
        while i < len(body):
            s = body[i]
            i += 1
            if isinstance(s, Set) and (sums := [*_sums_of(s.d, body[i:])]):
                reach = self._most(s.source) + sum(self.reach(t, around) for t in sums)
                if not isinstance(s.source, str) and reach < EXACT:
                    out += [Set(SUM, s.source), *(_into(t, SUM) for t in sums),
                            Set(s.d, SUM)]
                    i += len(sums)
                    continue
            if register := _register(s):
                out += self._parts(s, register, around)
            elif isinstance(s, Loop):
                inner = {**around, s.var: s.extent}
                out.append(replace(s, body=self.body(s.body, inner)))
            else:
                out.append(s)
        return tuple(out)

    def _parts(self, s: Statement, register: str, around: Extents) -> Body:
        """The products of one register, part by part."""
        loops, leaf = nest((s,))
        for depth in range(len(loops)):
            outer = {**around, **dict(loops[:depth])}
            part = wrap(loops[depth:], leaf)
            if self.reach(part[0], outer) < EXACT:
                return wrap(loops[:depth], self._part(part, register))
        most = max(self._product(mac) for mac in leaf if isinstance(mac, Mac)) * len(leaf)
        size = (EXACT - 1) // max(most, 1)
        if not loops or size < FEWEST:
            return (s,)
        var, extent = loops[-1]
        turn = Affine(0, ((var, 1),))
        groups, rest = divmod(extent, size)
        number = fresh(f"{var}_part", [v for v, _ in loops] + [*around])
        start = Affine(0, ((number, size),))
        body: list[Statement] = [Loop(number, groups, self._part(
            (Loop(var, size, substitute(leaf, {var: start + turn})),), register))]
        if rest:
            body += self._part((Loop(var, rest, substitute(leaf, {
                var: turn + groups * size})),), register)
        return wrap(loops[:-1], tuple(body))

    def _part(self, part: Body, register: str) -> Body:
        return (Set(SUM, 0), *(_into(s, SUM) for s in part), Add(register, SUM))

    def reach(self, s: Statement, around: Extents) -> int:
        """What no partial sum of these products can exceed, whatever the turns of loops around."""
        loops, leaf = nest((s,))
        return sum(self._total(mac, dict(loops), around) for mac in leaf if isinstance(mac, Mac))

    def _total(self, mac: Mac, loops: Extents, around: Extents) -> int:
        """Of one product in every turn of its loops."""
        if self._product(mac) >= EXACT:
            return EXACT
        for ref, other in ((mac.w, mac.x), (mac.x, mac.w)):
            buffer, terms = self.buffers[ref.buffer], dict(ref.index.terms)
            if buffer.role == "const" and terms.keys() <= {*loops, *around}:
                inner, outer = (Affine(0, tuple(t for t in ref.index.terms if t[0] in known))
                                for known in (loops, around))
                at = np.add.outer(places(outer, dict(around)), places(inner, dict(loops)))
                largest = np.abs(buffer.integers)[at + ref.index.const].sum(axis=1).max()
                again = turns((v, n) for v, n in loops.items() if v not in terms)
                return int(largest) * again * self._most(other)
        return turns(loops.items()) * self._product(mac)

    def _product(self, mac: Mac) -> int:
        """Of one turn; what float32 cannot hold is not made float32, whatever it meets."""
        x, w = self._most(mac.x), self._most(mac.w)
        return max(EXACT, x * w) if max(x, w) >= EXACT else x * w

    def _most(self, source: Source) -> int:
        """The largest magnitude of what is read; of a register nobody knows."""
        if isinstance(source, Ref):
            b = self.buffers[source.buffer]
            return max(-b.low, b.high)
        return EXACT if isinstance(source, str) else abs(source)


def _register(s: Statement) -> str | None:
    """The register of a product, or of loops around nothing but products of one register."""
    _, leaf = nest((s,))
    registers = {t.d if isinstance(t, Mac) else None for t in leaf}
    return registers.pop() if len(registers) == 1 else None


def _sums_of(register: str, body: Body) -> Iterator[Statement]:
    """The sums into a register that the body begins with."""
    return takewhile(lambda s: _register(s) == register, body)


def _into(s: Statement, register: str) -> Statement:
    """The sum in another register."""
    if isinstance(s, Loop):
        return replace(s, body=tuple(_into(t, register) for t in s.body))
    assert isinstance(s, Mac)
    return replace(s, d=register)
