"""Streams become pointers, steps become post-increments.

Accesses that move alike with the loops share a stream, and a stream has one pointer. Between two
accesses of a stream the pointer must move by a known number of bytes: the earlier access takes the
step as its post-increment, whether the later one is the next tap, the next turn of the loop or the
next loop. Where a loop lies in between, one addition after the loop corrects the pointer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from dsplet.firmware_sim.dsp32c.codegen.code import POOL, Access, Ins, Turns
from dsplet.quantize.fixed.kernel import Affine

INCREMENT_REGISTERS = 5
IMMEDIATE_BYTES = 1 << 15
"""Format 5b adds a signed 16-bit immediate."""

Key = tuple


@dataclass
class AddressStreams:
    """pointers: stream -> register name, with the first element it points at (`start`).
    increments: step in bytes -> register name. steps: post-increment of each access, in bytes."""

    code: list
    pointers: dict[Key, str]
    start: dict[Key, Access]
    increments: dict[int, str] = field(default_factory=dict)
    steps: dict[tuple[int, int], int] = field(default_factory=dict)
    key: Callable[[Access], Key] = None

    def operand(self, ins: Ins, i: int) -> str:
        """Text of ins's i-th memory operand, with register names as format fields."""
        access = ins.accesses[i]
        name = self.pointers[self.key(access)]
        if access.address:
            return f"{{{name}}}e"
        pointer = f"*{{{name}}}"
        step = self.steps.get((id(ins), i), 0)
        if step in (access.size, -access.size):
            return pointer + ("++" if step > 0 else "--")
        return pointer + (f"++{{{self.increments[step]}}}" if step else "")


def generate_addresses(code: list, share_constants: bool,
                       increments: int = INCREMENT_REGISTERS) -> AddressStreams:
    """share_constants: one moving pointer for all constants, not a fixed pointer for each.
    increments: registers for steps."""

    def key(a: Access) -> Key:
        return (*a.stream, a.index.const) if a.buffer == POOL and not share_constants else a.stream

    keys = list(dict.fromkeys(key(a) for ins, _ in _walk(code, 1) for a in ins.accesses))
    streams = AddressStreams(code, {k: f"pointer{i}" for i, k in enumerate(keys)}, {}, key=key)
    for k in keys:
        streams.start[k] = _first(code, k, key)
        code = _follow(code, k, None, streams)
    streams.code = _materialise(code, streams, increments)
    return streams


def _walk(code: list, weight: int):
    """Every instruction with the number of times it runs."""
    for item in code:
        if isinstance(item, Turns):
            yield from _walk(item.body, weight * item.extent)
        else:
            yield item, weight


def _first(code: list, k: Key, key) -> Access | None:
    """The stream's first access, at the first turn of the loops in between."""
    for item in code:
        if isinstance(item, Turns):
            inner = _first(item.body, k, key)
            if inner is not None:
                return _at(inner, item.var, 0)
        else:
            for a in item.accesses:
                if key(a) == k:
                    return a
    return None


def _at(a: Access, var: str, value: Affine | int) -> Access:
    return replace(a, index=a.index.substitute(var, value))


def _follow(code: list, k: Key, target: Access | None, streams: AddressStreams) -> list:
    """Record the steps of one stream; `target` is what it accesses after `code`.

    Returns the code with corrections (`_Move`) after loops.
    """
    events = [i for i, item in enumerate(code) if _first([item], k, streams.key) is not None]
    result, following = list(code), target
    for i in reversed(events):
        item = code[i]
        if isinstance(item, Turns):
            entry = _first(item.body, k, streams.key)
            again = _at(entry, item.var, Affine(1, ((item.var, 1),)))
            result[i] = Turns(item.var, item.extent, _follow(item.body, k, again, streams))
            left_at = _at(entry, item.var, item.extent)
            step = _distance(left_at, following)
            if step:
                result.insert(i + 1, _Move(k, step))
        else:
            j = next(j for j, a in enumerate(item.accesses) if streams.key(a) == k)
            streams.steps[id(item), j] = _distance(item.accesses[j], following)
        following = _first([item], k, streams.key)
    return result


def _distance(a: Access, b: Access | None) -> int:
    """Bytes from a to b; both move alike, so this is a constant."""
    if b is None:
        return 0
    gap = b.index + a.index * -1
    if gap.terms:
        raise ValueError(f"accesses to {a.buffer} do not move alike")
    return gap.const * a.size


@dataclass(frozen=True)
class _Move:
    """Advance the stream's pointer by `step` bytes."""

    key: Key
    step: int
    accesses = ()


def _materialise(code: list, streams: AddressStreams, increments: int) -> list:
    """Give the most used steps an increment register; every other movement is an addition."""
    wanted: Counter = Counter()
    for ins, weight in _walk(code, 1):
        if isinstance(ins, _Move):
            continue
        for i, a in enumerate(ins.accesses):
            step = streams.steps.get((id(ins), i), 0)
            if step not in (0, *a.free_steps):
                wanted[step] += weight
    best = sorted(wanted, key=lambda s: (-wanted[s], s))[:increments]
    streams.increments = {s: f"increment{i}" for i, s in enumerate(best)}
    return _select_moves(code, streams)


def _select_moves(code: list, streams: AddressStreams) -> list:
    result: list = []
    for item in code:
        if isinstance(item, Turns):
            result.append(Turns(item.var, item.extent, _select_moves(item.body, streams)))
        elif isinstance(item, _Move):
            result += _additions(streams.pointers[item.key], item.step, streams)
        else:
            result.append(item)
            for i, a in enumerate(item.accesses):
                step = streams.steps.get((id(item), i), 0)
                if step not in (0, *a.free_steps) and (
                        a.address or step not in streams.increments):
                    streams.steps[id(item), i] = 0
                    result += _additions(streams.pointers[streams.key(a)], step, streams)
    return result


def _additions(pointer: str, step: int, streams: AddressStreams) -> list[Ins]:
    if step in streams.increments:
        name = streams.increments[step]
        return [Ins(f"{{{pointer}}}e = {{{pointer}}}e + {{{name}}}e", uses=(pointer, name),
                    sets=(pointer,))]
    moves = []
    while step:
        part = max(-IMMEDIATE_BYTES, min(step, IMMEDIATE_BYTES - 4))
        moves.append(Ins(f"{{{pointer}}}e = {{{pointer}}}e + {part}", uses=(pointer,),
                         sets=(pointer,)))
        step -= part
    return moves

