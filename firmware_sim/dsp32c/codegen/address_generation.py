"""Streams become pointers, steps become post-increments.

Accesses that move alike with the loops share a stream, and a stream has one pointer. Between two
accesses of a stream the pointer must move by a known number of bytes: the earlier access takes the
step as its post-increment, whether the later one is the next tap, the next turn of the loop or the
next loop. Where a loop lies in between, one addition after the loop corrects the pointer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from dsplet.firmware_sim.dsp32c.codegen.code import (
    POOLS,
    Access,
    Code,
    Ins,
    Memory,
    Register,
    Turns,
)
from dsplet.firmware_sim.dsp32c.codegen.instructions import advance
from dsplet.quantize.fixed.statement import Affine

INCREMENT_REGISTERS = 5
IMMEDIATE_BYTES = 1 << 15
"""Format 5b adds a signed 16-bit immediate."""

Key = tuple
"""Of a stream."""


@dataclass
class Addressed:
    """Code whose memory operands are pointers. start: pointer -> the first element it points at.
    increments: step in bytes -> the register that holds it. returning: pointers that in the end are
    where they began."""

    code: Code
    start: dict[str, Access]
    increments: dict[int, str]
    returning: frozenset[str] = frozenset()


def generate_addresses(code: Code, share_constants: bool,
                       increments: int = INCREMENT_REGISTERS) -> Addressed:
    """share_constants: one moving pointer for all constants, not a fixed pointer for each.
    increments: registers for steps."""
    return _Streams(code, share_constants).addressed(code, increments)


class _Streams:
    """pointers: stream -> register name. steps: bytes by which an operand, an instruction's letter,
    moves its pointer on. moves: what corrects pointers after a loop, in bytes."""

    def __init__(self, code: Code, share_constants: bool) -> None:
        self.share_constants = share_constants
        keys = dict.fromkeys(self._key(a) for ins, _ in _walk(code, 1) for _, a in ins.accesses)
        self.pointers = {key: f"pointer{i}" for i, key in enumerate(keys)}
        self.steps: dict[tuple[Ins, str], int] = {}
        self.moves: dict[Turns, list[tuple[str, int]]] = {}

    def addressed(self, code: Code, increments: int) -> Addressed:
        first: dict[Key, Access] = {}
        self._follow(code, first)
        registers = self._increments(code, increments)
        return Addressed(self._materialise(code, registers),
                         {pointer: first[key] for key, pointer in self.pointers.items()}, registers,
                         frozenset(self.pointers.values()) - {p for p, n in self._net(code).items()
                                                              if n})

    def _net(self, code: Code) -> Counter[str]:
        """By how many bytes each pointer moves in all."""
        net: Counter[str] = Counter()
        for item in code:
            if isinstance(item, Turns):
                for pointer, step in self._net(item.body).items():
                    net[pointer] += item.extent * step
                for pointer, step in self.moves[item]:
                    net[pointer] += step
                if item.first:
                    net.update(self._net(item.first))
                    net.subtract(self._net(item.begun[-1].body))
            elif isinstance(item, Ins):
                for letter, a in item.accesses:
                    net[self.pointers[self._key(a)]] += self.steps[item, letter]
        return net

    def _key(self, a: Access) -> Key:
        fixed = a.buffer in POOLS and not self.share_constants
        return (*a.stream, a.index.const) if fixed else a.stream

    # --- steps ----------------------------------------------------------------------------------
    def _follow(self, code: Code, following: dict[Key, Access]) -> None:
        """Record every step and move.

        following: what each stream accesses after the code; afterwards, what it accesses first.
        """
        for item in reversed(code):
            if isinstance(item, Turns):
                self._follow_loop(item, following)
            elif isinstance(item, Ins):
                for letter, a in item.accesses:
                    key = self._key(a)
                    self.steps[item, letter] = _distance(a, following.get(key))
                    following[key] = a

    def _follow_loop(self, loop: Turns, following: dict[Key, Access]) -> None:
        entry = self._first(loop.body)
        next_turn = Affine(1, ((loop.var, 1),))
        self._follow(loop.body, {k: _at(a, loop.var, next_turn) for k, a in entry.items()})
        left_at = {k: _at(a, loop.var, loop.extent) for k, a in entry.items()}
        self.moves[loop] = [
            (pointer, step) for key, pointer in reversed(self.pointers.items())
            if key in entry and (step := _distance(left_at[key], following.get(key)))]
        following |= self._after_first(loop)
        self._follow(loop.first, following)

    def _first(self, code: Code) -> dict[Key, Access]:
        """What each stream accesses first, at the first turn of the loops in between."""
        found: dict[Key, Access] = {}
        for item in code:
            if isinstance(item, Turns):
                found = self._after_first(item) | self._first(item.first) | found
            elif isinstance(item, Ins):
                found = {self._key(a): a for _, a in item.accesses} | found
        return found

    def _after_first(self, loop: Turns) -> dict[Key, Access]:
        """What each stream accesses first of the loop, without what its first turn is instead."""
        *around, innermost = loop.begun
        found = {k: _at(a, innermost.var, 1 if loop.first else 0)
                 for k, a in self._first(innermost.body).items()}
        for outer in reversed(around):
            found = {k: _at(a, outer.var, 0)
                     for k, a in (self._first(outer.body[1:]) | found).items()}
        return found

    # --- instructions ---------------------------------------------------------------------------
    def _increments(self, code: Code, registers: int) -> dict[int, str]:
        """The most used steps get a register each; every other movement is an addition."""
        wanted: Counter[int] = Counter()
        for ins, weight in _walk(code, 1):
            for letter, a in ins.accesses:
                step = self.steps[ins, letter]
                if step not in (0, *a.free_steps):
                    wanted[step] += weight
        best = sorted(wanted, key=lambda s: (-wanted[s], s))[:registers]
        return {s: f"increment{i}" for i, s in enumerate(best)}

    def _materialise(self, code: Code, increments: dict[int, str]) -> Code:
        result: Code = []
        for item in code:
            if isinstance(item, Turns):
                result.append(replace(item, first=self._materialise(item.first, increments),
                                      body=self._materialise(item.body, increments)))
                for pointer, step in self.moves[item]:
                    result += _additions(pointer, step, increments)
            elif isinstance(item, Ins):
                result += self._pointing(item, increments)
            else:
                result.append(item)
        return result

    def _pointing(self, ins: Ins, increments: dict[int, str]) -> list[Ins]:
        """The instruction with pointers for accesses, and additions for what they cannot step."""
        operands, after = dict(ins.operands), list[Ins]()
        for letter, a in ins.accesses:
            pointer, step = self.pointers[self._key(a)], self.steps[ins, letter]
            free = step in (0, *a.free_steps)
            if not free and (a.address or step not in increments):
                after += _additions(pointer, step, increments)
                step = 0
            operands[letter] = Register(pointer) if a.address else Memory(
                pointer, "--" if free and step < 0 else "++" if step else "",
                "" if free or not step else increments[step], a.buffer,
                None if a.index.terms or a.group else a.index.const)
        return [replace(ins, operands=operands), *after]


def _walk(code: Code, weight: int) -> Iterator[tuple[Ins, int]]:
    """Every instruction with the number of times it runs."""
    for item in code:
        if isinstance(item, Turns):
            yield from _walk(item.first, weight)
            yield from _walk(item.body, weight * item.extent)
        elif isinstance(item, Ins):
            yield item, weight


def _at(a: Access, var: str, value: Affine | int) -> Access:
    index = a.index.substitute(var, value)
    return a if index is a.index else replace(a, index=index)


def _distance(a: Access, b: Access | None) -> int:
    """Bytes from a to b; both move alike, so this is a constant."""
    if b is None:
        return 0
    gap = b.index + a.index * -1
    if gap.terms:
        raise ValueError(f"accesses to {a.buffer} do not move alike")
    return gap.const * a.size


def _additions(pointer: str, step: int, increments: dict[int, str]) -> list[Ins]:
    if step in increments:
        return [advance(pointer, increments[step])]
    moves = []
    while step:
        part = max(-IMMEDIATE_BYTES, min(step, IMMEDIATE_BYTES - 4))
        moves.append(advance(pointer, part))
        step -= part
    return moves
