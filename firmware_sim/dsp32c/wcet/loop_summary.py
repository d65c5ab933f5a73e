"""Loops are summarised: one turn, walked with `Affine` registers, stands for all that are like it.

Where a turn begins as an earlier one did (same banks busy, same Z writes on their way), the numbers
that changed in between are taken to change so every turn. The next turn is walked under that
assumption: each register is base + k * rate, and whatever was only decided for some k (a branch,
the memory that an address lies in) limits k. If the turn ends as it began, with every number
moved by its rate, then by induction all turns up to that limit do the same and take as long.
"""

from __future__ import annotations

from dataclasses import dataclass

from dsplet.firmware_sim.dsp32c.wcet.code import Unbounded, clash
from dsplet.firmware_sim.dsp32c.wcet.values import WORD, Affine, Fork, Interval, Unknown, Unsteady
from dsplet.firmware_sim.dsp32c.wcet.walk import Walker, same

MAX_INSTRUCTIONS = 2_000_000
"""A longer walk is given up: nothing was found that bounds it."""
CALLS = {"4", "8c"}


@dataclass
class Visit:
    """How a turn of a loop began."""

    key: tuple
    numbers: list


class Leaper:
    """Walks one state on, and leaps over the turns of loops that are like others."""

    def __init__(self, walker: Walker, halt: int) -> None:
        self.walker, self.code, self.halt = walker, walker.code, halt
        self.visits: dict[int, list[Visit]] = {}
        self.patience: dict[int, list[int]] = {}  # loop -> [turns to let pass, the next time]
        self.waiting: tuple[int, int] | None = None  # a transfer that nobody has looked at
        self.walked = 0

    def run(self) -> None:
        """Until the walker is at `halt`, or Fork, before an instruction that data decide."""
        while self.walker.pc != self.halt:
            self._meet(*self._next())

    def _next(self) -> tuple[int, int]:
        """The next transfer from one address to another."""
        if self.waiting:
            transfer, self.waiting = self.waiting, None
            return transfer
        self.walked += 1
        before = self.walker.pc
        if self.walked > MAX_INSTRUCTIONS:
            raise Unbounded(f"{self.code.text(before)} is reached after {MAX_INSTRUCTIONS:,} "
                            "instructions, and no end is in sight")
        self.walker.step()
        if not self.code.turns.depth:
            self.walker.turned(before)
        return before, self.walker.pc

    def _meet(self, before: int, pc: int) -> None:
        if pc in self.code.loops:
            if pc > before:
                self.visits[pc] = [self._visit()]
            else:
                self._arrive(pc, before)

    def _visit(self) -> Visit:
        return Visit(self.walker.key(), self.walker.numbers())

    def _arrive(self, first: int, last: int) -> None:
        """A loop's next turn begins: skip ahead if an earlier one began so."""
        for inner in [a for a in self.visits if first < a <= last]:
            del self.visits[inner]
        visits, visit = self.visits.setdefault(first, []), self._visit()
        for turns, old in enumerate(reversed(visits), 1):
            if old.key == visit.key:
                rates = [_rate(a, b) for a, b in zip(old.numbers, visit.numbers, strict=True)]
                known = [r for r in rates if r is not None]
                if len(known) == len(rates) and self._willing(first):
                    self._leap(first, turns, visit, known)
                    return
                break
        visits.append(visit)

    def _willing(self, first: int) -> bool:
        wait = self.patience.setdefault(first, [0, 1])
        wait[0] -= 1
        return wait[0] < 0

    def _discourage(self, first: int) -> None:
        _, again = self.patience[first]
        self.patience[first] = [again, min(2 * again, 1 << 16)]

    def _leap(self, first: int, turns: int, began: Visit, rates: list[int]) -> None:
        """Walk `turns` turns with every number moving, and pass over as many as that stands for."""
        saved, visits = self.walker.copy(), {a: list(v) for a, v in self.visits.items()}
        shared, code = self.code.turns, self.code
        level, demands = shared.depth, len(shared.demands)
        spans = [(s, len(s)) for s in (code.stores, code.reads)]
        poison = self.walker.nzvc = Unknown(shared)
        head = [_moving(v, rate, self.walker) for v, rate in
                zip(began.numbers, rates, strict=True)]
        self.walker.put_numbers(list(head))
        shared.depth += 1
        try:
            back = self._walk(first, turns)
            walker = self.walker
            steady = back and walker.key() == began.key and all(
                _moved(*each) for each in zip(head, walker.numbers(), rates, strict=True))
            many = shared.settle(demands, level, WORD if steady else 1)
            for kept, length in spans:
                kept[length:] = dict.fromkeys(_swept(s, level, many) for s in kept[length:])
            if clash(*(kept[length:] for kept, length in spans)):
                raise Unsteady  # a turn may read what another stored
        except (Unsteady, Fork):
            shared.depth = level
            for kept, length in [*spans, (shared.demands, demands)]:
                del kept[length:]
            self.walker, self.visits, self.waiting = saved, visits, None
            self.visits[first].append(began)
            self._discourage(first)
            return
        shared.depth = level
        walker.put_numbers([_at_turn(v, level, many - 1) for v in walker.numbers()])
        if walker.nzvc is poison:
            walker.nzvc = saved.nzvc
        walker.clock.skip((many - 1) * (walker.clock.states - saved.clock.states))
        for address, now in walker.spent.items():
            walker.spent[address] = now + (many - 1) * (now - saved.spent.get(address, 0))
        self.visits = {a: v for a, v in visits.items() if a < first}
        if back:
            self.visits[first] = [self._visit()]
            if many == 1:
                self._discourage(first)
            else:
                del self.patience[first]

    def _walk(self, first: int, turns: int) -> bool:
        """Walk that many turns of a loop; False where it was left before."""
        while turns:
            before, pc = self._next()
            last = self.code.loops[first]
            if pc == first and pc <= before:
                turns -= 1
            elif pc == self.halt or first <= before <= last and not first <= pc <= last and (
                    self.code.instruction(before - 4)[0].format not in CALLS):
                self.waiting = before, pc
                return False
            else:
                self._meet(before, pc)
        return True


def _rate(before, now) -> int | None:
    """By how much a number moved; None where one that depends on data has changed."""
    if isinstance(before, Interval) or isinstance(now, Interval):
        return 0 if same(before, now) else None
    moved = now - before
    return moved if isinstance(moved, int) else None


def _moving(value, rate: int, walker: Walker):
    """The number in turn k of a further loop."""
    if not rate:
        return value
    base, rates = (value, ()) if isinstance(value, int) else (value.base, value.rates)
    padding = (0,) * (walker.turns.depth - len(rates))
    return Affine(walker.turns, base, (*rates, *padding, rate))


def _moved(head, end, rate: int) -> bool:
    """Whether a turn's end is the next turn's beginning."""
    return same(head, end) if isinstance(head, Interval) or isinstance(end, Interval) else (
        same(head + rate, end))


def _at_turn(value, level: int, turn: int):
    if isinstance(value, Affine) and len(value.rates) > level:
        base, rates = value.base + turn * value.rates[level], value.rates[:level]
        return Affine(value.turns, base, rates) if any(rates) else base
    return value


def _swept(span: tuple, level: int, many: int) -> tuple:
    """The addresses of a span over that many turns."""
    low, high, rates, pc = span
    if len(rates) <= level:
        return span
    reach = (many - 1) * rates[level]
    return low + min(reach, 0), high + max(reach, 0), rates[:level], pc
