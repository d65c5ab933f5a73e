"""The worst case of a program: every path that data may take, the latest where they meet."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from dsplet.firmware_sim.dsp32c.codegen.image import Image
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.firmware_sim.dsp32c.wcet.code import Code, Unbounded, clash
from dsplet.firmware_sim.dsp32c.wcet.loop_summary import Leaper
from dsplet.firmware_sim.dsp32c.wcet.values import Fork
from dsplet.firmware_sim.dsp32c.wcet.walk import Walker

Tables = Callable[[int], tuple[tuple[int, int], ...]]
MAX_STEPS = 50_000
"""Instructions walked on more than one path at a time before that is given up."""


@dataclass(frozen=True)
class Bound:
    """states: no run takes more clock states. spent: address -> states of the latest path.

    forks: addresses of instructions where data decide. guesses: addresses of accesses that, for
    all the image says, may go to memories of different timing. indexed: addresses of reads that
    are taken to stay in the table that they are pointed at, as the arithmetic contract proves.
    """

    states: int
    spent: dict[int, int]
    forks: tuple[int, ...]
    guesses: tuple[int, ...]
    indexed: tuple[int, ...]

    @property
    def exact(self) -> bool:
        """Whether every run takes just as long."""
        return not (self.forks or self.guesses)


def bound(target: Target, word: Callable[[int], int | None], entry: int, halt: int,
          tables: Tables = lambda pc: ()) -> Bound:
    """The worst case from `entry`, with registers 0, until pc is `halt`; see `walk.Code`.

    Raises Unbounded, which names the address, where none can be proved.
    """
    code = Code(target, word, tables)
    last = _explore(code, entry, halt)
    if code.forks and clash(code.reads, code.stores):  # on which path was it read, and when?
        code = Code(target, word, tables, constant=False)
        last = _explore(code, entry, halt)
    for low, high, _, pc in code.stores:
        hit = next((a for a in code.decoded if low <= a + 3 and a <= high), None)
        if hit is not None:
            raise Unbounded(f"{code.text(pc)} may store over the instruction at {hit:#08x}")
    return Bound(last.clock.states, last.spent, *(
        tuple(sorted(s)) for s in (code.forks, code.guesses, code.indexed)))


def of_image(image: Image) -> Bound:
    """The worst case of a compiled program, for any input."""
    segments = sorted(((start, words) for start, words in image.segments), key=lambda s: s[0])
    starts = [start for start, _ in segments]

    def word(address: int) -> int | None:
        start, words = segments[bisect_right(starts, address) - 1]
        index = (address - start) // 4
        return int(words[index]) if 0 <= index < len(words) else None

    sections = {section.start: section.tables for section in image.sections}
    every = tuple(sorted({t for tables in sections.values() for t in tables}))
    begin = sorted(sections)

    def tables(pc: int) -> tuple[tuple[int, int], ...]:
        return sections[begin[max(bisect_right(begin, pc) - 1, 0)]] or every

    return bound(image.target, word, image.entry, image.halt, tables)


def _explore(code: Code, entry: int, halt: int) -> Walker:
    """All paths, each to `halt`; the latest of them."""
    live, done, steps = [Walker(code, entry)], [], 0
    while live:
        if len(live) == 1:
            leaper = Leaper(live.pop(), halt)
            try:
                leaper.run()
                found = [leaper.walker]
            except Fork:
                found = _outcomes(leaper.walker)
        else:
            steps += 1
            walker = min(live, key=_position)
            if steps > MAX_STEPS:
                raise Unbounded(f"{code.text(walker.pc)}: still more than one path after "
                                f"{MAX_STEPS:,} instructions; the data decide at "
                                + ", ".join(f"{a:#08x}" for a in sorted(code.forks)))
            live.remove(walker)
            found = _outcomes(walker)
            for after in found:
                after.turned(walker.pc)
        done += [after for after in found if after.pc == halt]
        live += [after for after in found if after.pc != halt
                 and not any(_merged(other, after) for other in live)]
    return max(done, key=lambda walker: walker.clock.states)


def _outcomes(walker: Walker) -> list[Walker]:
    """What one instruction may lead to."""
    code, turns = walker.code, walker.turns
    todo: list[list[bool]] = [[]]
    after: list[Walker] = []
    while todo:
        turns.decisions, turns.asked = todo.pop(), 0
        one = walker.copy()
        try:
            one.step()
        except Fork:
            code.forks.add(walker.pc)
            todo += [[*turns.decisions, True], [*turns.decisions, False]]
            continue
        if not any(_merged(other, one) for other in after):
            after.append(one)
    turns.decisions = None
    return after


def _merged(one: Walker, other: Walker) -> bool:
    """Let the first stand for both where they have met."""
    if one.shape() != other.shape() or _position(one) != _position(other):
        return False
    one.join(other)
    return True


def _position(walker: Walker) -> tuple[int, ...]:
    """How far a path has come: the turn of each loop around pc, outermost first, and pc."""
    around = sorted((first, -last) for first, last in walker.code.loops.items()
                    if first <= walker.pc <= last)
    return *(n for first, _ in around for n in (first, walker.rounds.get(first, 0))), walker.pc
