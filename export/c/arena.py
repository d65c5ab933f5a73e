"""Where activations lie in memory: buffers that are never alive together share it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from dsplet.quantize.fixed.kernel import Buffer
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Ref

SHUFFLES = 100


@dataclass(frozen=True)
class Arena:
    """size, in bytes. at: buffer -> the first of its bytes. Buffers that hold something before the
    first run are not among them."""

    size: int
    at: dict[str, int]


def arena(program: Program) -> Arena:
    """The best of several orders in which buffers take the lowest place that is free while they are
    alive; the first that needs no more than what is alive at one time."""
    alive = lifetimes(program)
    buffers = [program.buffers[b] for b in alive]
    least = max((sum(_bytes(b) for b in buffers if alive[b.name][0] <= i <= alive[b.name][1])
                 for i in range(len(program.kernels))), default=0)
    best: Arena | None = None
    for order in _orders(buffers, alive):
        at: dict[str, int] = {}
        for b in order:
            taken = sorted((at[o], at[o] + _bytes(program.buffers[o])) for o in at
                           if alive[o][0] <= alive[b.name][1] and alive[b.name][0] <= alive[o][1])
            place = 0
            for start, end in taken:
                if _aligned(place, b) + _bytes(b) <= start:
                    break
                place = max(place, end)
            at[b.name] = _aligned(place, b)
        size = max((at[b.name] + _bytes(b) for b in buffers), default=0)
        if best is None or size < best.size:
            best = Arena(size, dict(sorted(at.items())))
        if best.size <= least:
            break
    assert best
    return best


def _orders(buffers: list[Buffer], alive: dict[str, tuple[int, int]]) -> Iterator[list[Buffer]]:
    """Large ones first, early ones first, long-lived ones first; then at random, the same ones each
    time."""
    yield sorted(buffers, key=lambda b: (-_bytes(b), alive[b.name]))
    yield sorted(buffers, key=lambda b: (alive[b.name], -_bytes(b)))
    yield sorted(buffers, key=lambda b: (alive[b.name][0] - alive[b.name][1], -_bytes(b)))
    chance = random.Random(0)
    for _ in range(SHUFFLES):
        yield chance.sample(buffers, len(buffers))


def _bytes(b: Buffer) -> int:
    return b.size * b.dtype.itemsize


def sizes(program: Program) -> tuple[int, int]:
    """(bytes of constants, bytes of RAM) of the program as C: the tables of shifts, a byte for each
    channel, are not among the constants."""
    shared, constants, ram = arena(program), 0, 0
    for b in program.buffers.values():
        if b.role == "const":
            constants += _bytes(b)
        elif b.role == "activation" and b.name not in shared.at:
            ram += _bytes(b)
    return constants, ram + shared.size


def lifetimes(program: Program) -> dict[str, tuple[int, int]]:
    """Buffer -> the first and the last kernel between which it holds what is still needed.

    In a loop over time, what a buffer holds may be for the next step: unless every kernel that
    writes it comes before every one that reads it, and none outside the loop touches it, it lives
    as long as the loop.
    """
    reads: dict[str, list[int]] = {}
    writes: dict[str, list[int]] = {}
    for i, kernel in enumerate(program.kernels):
        for s in kernel.body:
            for name in s.tables():
                reads.setdefault(name, []).append(i)
            for found, operands in ((reads, s.reads()), (writes, s.writes())):
                for x in operands:
                    if isinstance(x, Ref):
                        found.setdefault(x.buffer, []).append(i)
    alive = {}
    for name, made in sorted(writes.items()):
        b = program.buffers[name]
        if b.role != "activation" or b.data is not None:
            continue
        used = reads.get(name, [])
        first, last = min(made + used), max(made + used)
        before = not used or max(made) < min(used)
        for r in program.repeats:
            inside = r.first <= first and last <= r.last
            if not (last < r.first or r.last < first) and not (inside and before):
                first, last = min(first, r.first), max(last, r.last)
        alive[name] = first, last
    return alive


def _aligned(place: int, b: Buffer) -> int:
    return -(-place // b.dtype.itemsize) * b.dtype.itemsize
