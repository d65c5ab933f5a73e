"""Time as the machine counts it, when a bank may be one of several.

Every rule of the memory's timing (targets/target.py) is a maximum or a sum, so a later clock and
busier banks never make anything earlier: the latest of several outcomes, bank by bank, bounds them
all, and there are no timing anomalies.
"""

from __future__ import annotations

from itertools import product

from dsplet.firmware_sim.dsp32c.parts.target import Target

Choice = tuple[tuple[int, int], ...]
"""The (bank, wait states) that an access may meet; usually there is one."""


class Clock:
    """states: clock states so far. free: bank -> state from which it is free."""

    __slots__ = ("busy", "cycle", "free", "slots", "stalling", "states")

    def __init__(self, target: Target) -> None:
        assumed = target.assumptions
        self.busy, self.stalling = assumed.bank_busy_states, assumed.wait_stalls_machine
        self.slots = {slot: state for state, slot in enumerate(assumed.slot_order)}
        self.cycle = target.states_per_cycle
        self.states = 0
        self.free: dict[int, int] = {}

    def copy(self) -> Clock:
        new = object.__new__(Clock)
        new.busy, new.stalling, new.slots, new.cycle = (self.busy, self.stalling, self.slots,
                                                        self.cycle)
        new.states, new.free = self.states, dict(self.free)
        return new

    def spend(self, accesses: list[tuple[str, Choice]]) -> int:
        """Advance by one instruction with these (slot, choice) accesses; the states it took."""
        before, slots = self.states, self.slots
        ordered = [(slots[slot], choice) for slot, choice in accesses]
        ordered.sort()
        outcomes = [self._outcome(ordered, some)
                    for some in product(*[choice for _, choice in ordered])]
        if len(outcomes) == 1:
            self.states, self.free = outcomes[0]
        else:
            self.states = max(states for states, _ in outcomes)
            self.free = _latest(free for _, free in outcomes)
        return self.states - before

    def _outcome(self, ordered: list[tuple[int, Choice]], some: Choice
                 ) -> tuple[int, dict[int, int]]:
        """(states, free) after accesses in the order of slots, each to its (bank, wait states)."""
        now, free, busy, stalling = self.states, dict(self.free), self.busy, self.stalling
        for (slot, _), (bank, wait) in zip(ordered, some, strict=True):
            start = now + slot
            if (at := free.get(bank, 0)) > start:
                start = at
            free[bank] = start + busy + wait
            now = start - slot + (wait if stalling else 0)
        return now + self.cycle, free

    def phase(self) -> tuple:
        """What of the past still matters: how long each bank will stay busy."""
        return tuple(sorted((bank, at - self.states) for bank, at in self.free.items()
                            if at > self.states))

    def skip(self, states: int) -> None:
        """Time passes, and the banks' with it."""
        self.states += states
        self.free = {bank: at + states for bank, at in self.free.items()}

    def join(self, other: Clock) -> None:
        """The latest of both."""
        self.states = max(self.states, other.states)
        self.free = _latest((self.free, other.free))


def _latest(several) -> dict[int, int]:
    latest: dict[int, int] = {}
    for free in several:
        for bank, at in free.items():
            latest[bank] = max(at, latest.get(bank, 0))
    return latest
