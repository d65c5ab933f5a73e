"""Budgets of latency, read from text and held against the worst case, and of memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dsplet.base.errors import UserError
from dsplet.firmware_sim.backend import Run, Target
from dsplet.firmware_sim.rows import Memory


class BudgetError(UserError):
    """A budget that cannot be read."""


@dataclass(frozen=True)
class Budget:
    """text: as the user gave it. cycles: what it allows."""

    text: str
    cycles: float


@dataclass(frozen=True)
class Verdict:
    """Whether the worst case keeps the budget, and the layers that cost most."""

    FIRST = ("budget", "met", "cycles", "allowed_cycles")

    budget: str
    allowed_cycles: float
    cycles: float
    met: bool
    largest_layers: str


@dataclass(frozen=True)
class MemoryVerdict:
    """Whether a kind of memory keeps its budget."""

    memory: str
    allowed_bytes: int
    used_bytes: int
    met: bool


@dataclass(frozen=True)
class Limits:
    """ram: bytes of what changes as the program runs, the stack included. flash: of code and
    constants. None: no matter."""

    ram: float | None = None
    flash: float | None = None

    def verdicts(self, memory: Memory) -> list[MemoryVerdict]:
        """One for each limit."""
        used = {"RAM": (self.ram, memory.ram_bytes), "flash": (self.flash, memory.read_only_bytes)}
        return [MemoryVerdict(name, int(limit), taken, taken <= limit)
                for name, (limit, taken) in used.items() if limit is not None]


def budget_cycles(text: str, target: Target, what: str = "budget") -> float:
    """A time such as `33.3ms`, `500us` or `333333cycles` in cycles of the target. what: it is, to
    whoever reads the BudgetError that is raised."""
    for unit, cycles in (("ms", 1e6 / target.cycle_ns), ("us", 1e3 / target.cycle_ns),
                         ("cycles", 1.0)):
        number = text.strip().removesuffix(unit)
        if number != text.strip():
            try:
                value = float(number)
            except ValueError:
                break
            if 0 < value < math.inf:
                return value * cycles
    raise BudgetError(f"{what} '{text}' is not understood", expected="a positive number with its "
                      "unit, such as 33.3ms, 500us or 333333cycles")


def verdict(budget: Budget, run: Run, worst: float) -> Verdict:
    """worst: the most cycles that are proved or, where none are, that were seen."""
    worst = max(worst, float(run.cycles.max()))
    costly = sorted(run.bills, key=lambda b: -b.cycles)[:3]
    return Verdict(budget.text, budget.cycles, worst, worst <= budget.cycles,
                   ", ".join(f"{b.section.node} {b.cycles:,.0f}" for b in costly))
