"""What a run of machine code cost, by address."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """Counters of a machine since its reset.

    states: clock states in total (an undisturbed instruction takes 4).
    count: executions of the instruction at each byte address.
    stalls: cause ("bank": a memory bank was busy; "wait": external wait states) to
    {address of the instruction that was held up: states lost there}.
    """

    states: int
    count: dict[int, int]
    stalls: dict[str, dict[int, int]]

    @property
    def instructions(self) -> int:
        """Instructions executed; states = 4 * instructions + all stalls."""
        return sum(self.count.values())


def added(a: Profile, b: Profile) -> Profile:
    """What two runs cost together."""
    def both(x: dict[int, int], y: dict[int, int]) -> dict[int, int]:
        return {k: x.get(k, 0) + y.get(k, 0) for k in x | y}

    causes = a.stalls.keys() | b.stalls.keys()
    return Profile(a.states + b.states, both(a.count, b.count),
                   {c: both(a.stalls.get(c, {}), b.stalls.get(c, {})) for c in causes})
