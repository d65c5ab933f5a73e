"""What inner loops reuse is copied on chip first.

Memory outside the chip is slow: its accesses may wait, and one that follows another may be held up.
Numbers that are stored packed are unpacked into their copies, besides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from dsplet.quantize.fixed.kernel import Add, Buffer, Kernel, Loop, Mac, Set, Store
from dsplet.quantize.fixed.statement import Affine, Ref

ROLE = "stage"
"""Of the buffers that hold copies: what maps and reports call them."""


@dataclass(frozen=True)
class Costs:
    """What steers the choice, in cycles.

    pair: what a multiply-accumulate loses with both operands outside the chip. wait: what every
    access outside waits. loop: what a loop that copies costs beside a cycle a word.
    """

    pair: float
    loop: float
    wait: float = 0.0


@dataclass(frozen=True)
class Room:
    """Free words of an on-chip bank."""

    region: str
    words: int


@dataclass(frozen=True)
class Copy:
    """A new buffer, and the region it must lie in."""

    buffer: Buffer
    region: str


@dataclass(frozen=True)
class _Slice:
    """The part of a buffer that the loops inside `level` touch: `size` words from `start`."""

    level: int
    start: Affine
    size: int
    copied: float
    gain_cycles: float


def copy_on_chip(kernel: Kernel, region: Callable[[str], str | None], rooms: Sequence[Room],
                 packed: Callable[[str], int | None], costs: Costs) -> tuple[Kernel, list[Copy]]:
    """The kernel, reading copies where that pays, and the copies.

    region(buffer name): its on-chip region, None for external memory. packed(buffer name): what a
    packed number is too large by, None where its words are not packed.
    """
    return _Copier(kernel, region, rooms, packed, costs).result()


class _Copier:
    def __init__(self, kernel: Kernel, region: Callable[[str], str | None], rooms: Sequence[Room],
                 packed: Callable[[str], int | None], costs: Costs) -> None:
        self.kernel, self.region, self.packed, self.costs = kernel, region, packed, costs
        self.rooms = {r.region: r.words for r in rooms}
        self.copies: list[Copy] = []

    def result(self) -> tuple[Kernel, list[Copy]]:
        body = self._visit(self._split(self.kernel.body, 1), [])
        return replace(self.kernel, body=body), self.copies

    # --- long rows ------------------------------------------------------------------------------
    def _split(self, body: tuple[Any, ...], turns: int) -> tuple[Any, ...]:
        """Rows whose reused operand fits no bank become several loops, one for each bank."""
        result: list[Any] = []
        for s in body:
            match s:
                case Loop(var, n, (Mac(_, x, w),)) if (
                        self._outside(x, w) and self.packed(w.buffer) is None
                        and x.index.terms == ((var, 1),) and n > max(self.rooms.values())
                        and turns * n * self.costs.pair > n + turns * self.costs.loop):
                    result += self._pieces(s)
                case Loop(var, n, inner):
                    result.append(replace(s, body=self._split(inner, turns * n)))
                case _:
                    result.append(s)
        return tuple(result)

    def _pieces(self, loop: Loop) -> list[Loop]:
        pieces: list[Loop] = []
        at = 0
        for i, words in enumerate([*self.rooms.values(), loop.extent]):
            n = min(words, loop.extent - at)
            if n > 0:
                var = f"{loop.var}_{i}"
                index = Affine(at, ((var, 1),))
                pieces.append(Loop(var, n, _at(loop, index)))
                at += n
        return pieces

    # --- copies ---------------------------------------------------------------------------------
    def _visit(self, body: tuple[Any, ...], path: list[Loop]) -> tuple[Any, ...]:
        result: list[Any] = []
        for s in body:
            if isinstance(s, Loop):
                while (plan := self._best(s, path)) is not None:
                    copy, s = self._copy(s, path, *plan)
                    result.append(copy)
                s = replace(s, body=self._visit(s.body, [*path, s]))
            result.append(s)
        return tuple(result)

    def _copy(self, loop: Loop, path: list[Loop], ref: Ref, cut: _Slice, region: str
              ) -> tuple[Loop, Any]:
        """(the loop that copies, the loop that reads the copy)."""
        name = f"{self.kernel.name}_{ROLE}{len(self.copies)}"
        self.copies.append(Copy(Buffer(name, cut.size, 0, 0, ROLE), region))
        self.rooms[region] -= cut.size
        var = f"{name}_i"
        step = Affine(0, ((var, 1),))
        excess = self.packed(ref.buffer)
        unpacked = [Add("copied", -excess)] if excess else []
        copy = Loop(var, cut.size, (Set("copied", Ref(ref.buffer, cut.start + step)), *unpacked,
                                    Store(Ref(name, step), "copied")))
        return copy, _redirect(loop, ref, name, _variables(loop))

    def _outside(self, *refs: Ref) -> bool:
        return not any(c.buffer.name == r.buffer for r in refs for c in self.copies) and all(
            self.region(r.buffer) is None for r in refs)

    def _best(self, loop: Loop, path: list[Loop]) -> tuple[Ref, _Slice, str] | None:
        """What to copy just outside `loop`, if nothing deeper gains more."""
        for mac, inner in _macs(loop):
            options = []
            for ref, other in ((mac.w, mac.x), (mac.x, mac.w)):
                must = self._must(ref, mac, [*path, *inner])
                if not must and not (self._outside(ref) and self.packed(mac.w.buffer) is None):
                    continue
                saved = self.costs.wait + self.costs.pair * self._outside(other)
                for level, around in enumerate([*path, *inner]):
                    if ref.buffer in _stored(around):
                        continue  # a copy made before that loop would be of old numbers
                    cut = _slice(ref, [*path, *inner], level, saved, self.costs)
                    if cut is None or not (must or cut.gain_cycles > 0):
                        continue
                    if region := self._region(cut.size, other, must):
                        options.append((must, -cut.copied if must else cut.gain_cycles, -cut.size,
                                        ref, cut, region))
            if options:
                *_, ref, cut, region = max(options, key=lambda o: o[:3])
                if cut.level == len(path):
                    return ref, cut, region
        return None

    def _must(self, ref: Ref, mac: Mac, nest: list[Loop]) -> bool:
        return self.packed(ref.buffer) is not None and not is_dense(mac, nest)

    def _region(self, words: int, other: Ref, must: bool) -> str | None:
        """The first bank with room that the other operand does not occupy; if it must be, any."""
        copied = {c.buffer.name: c.region for c in self.copies}
        taken = copied.get(other.buffer) or self.region(other.buffer)
        fits = [r for r, room in self.rooms.items() if words <= room]
        free = [r for r in fits if r != taken]
        return next(iter(free or (fits if must else [])), None)


def _at(loop: Loop, index: Affine) -> tuple[Any, ...]:
    """The loop's statements with its variable replaced."""
    return tuple(s.map_affine(lambda a: a.substitute(loop.var, index)) for s in loop.body)


def _macs(loop: Loop, inside: tuple[Loop, ...] = ()) -> list[tuple[Mac, tuple[Loop, ...]]]:
    found = []
    for s in loop.body:
        if isinstance(s, Loop):
            found += _macs(s, (*inside, loop))
        elif isinstance(s, Mac):
            found.append((s, (*inside, loop)))
    return found


def _stored(loop: Loop) -> set[str]:
    """The buffers that the loop writes."""
    return {s.ref.buffer for s in loop.flat() if isinstance(s, Store)}


def is_dense(mac: Mac, nest: list[Loop]) -> bool:
    """Whether each weight is used once, by a loop that does nothing else."""
    return nest[-1].body == (mac,) and all(mac.w.index.coefficient(p.var) for p in nest)


def _slice(ref: Ref, nest: list[Loop], level: int, saved: float,
           costs: Costs) -> _Slice | None:
    """The contiguous run that the loops nest[level:] touch; None where it has holes.

    saved: cycles, by every multiply-accumulate.
    """
    steps = sorted((ref.index.coefficient(p.var), p.extent) for p in nest[level:])
    size = 1
    for step, extent in steps:
        if not 0 <= step <= size:
            return None
        size += step * (extent - 1)
    start = ref.index
    for p in nest[level:]:
        start = start.substitute(p.var, 0)
    turns = prod(p.extent for p in nest[:level])
    macs = prod(p.extent for p in nest)
    copied = turns * (size + costs.loop)
    return _Slice(level, start, size, copied, macs * saved - copied * (1 + costs.wait))


def _variables(s: Any) -> set[str]:
    """The variables of the loop and of those inside it."""
    if not isinstance(s, Loop):
        return set()
    return {s.var}.union(*(_variables(t) for t in s.body))


def _redirect(s: Any, ref: Ref, name: str, inside: set[str]) -> Any:
    """The statement reading `name` where it read `ref`; what loops around it add is gone."""
    if isinstance(s, Loop):
        return replace(s, body=tuple(_redirect(t, ref, name, inside) for t in s.body))
    if isinstance(s, Mac):
        inner = Ref(name, Affine(0, tuple(t for t in ref.index.terms if t[0] in inside)))
        return replace(s, x=inner if s.x == ref else s.x, w=inner if s.w == ref else s.w)
    return s
