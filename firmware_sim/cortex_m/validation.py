"""How far the Cortex-M4's table is off: 191 counts that were published of an STM32L4R5 at 20 MHz,
without wait states, beside what the table gives for the same programs.

counts.csv holds numbers alone; programs are pqm4's (cc2c1b9, gcc 11.3 -O3 there, gcc 12.2 -O3 for
the model), `seen` those that were at hand when the table was chosen [targets.md 5].
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

COUNTS = Path(__file__).with_name("counts.csv")
BOUND_PERCENT = 5


@dataclass(frozen=True)
class Validation:
    """Errors in per cent of the published cycles. within_bound: how many counts, in per cent, are
    no more than BOUND_PERCENT off."""

    counts: int
    mean: float
    mean_absolute: float
    within_bound: float
    worst: float

    def __str__(self) -> str:
        return (f"{self.within_bound:.0f} % of {self.counts} published counts within "
                f"{BOUND_PERCENT} %, mean {self.mean:+.1f} %, mean absolute "
                f"{self.mean_absolute:.1f} %, worst {self.worst:+.0f} %")


def errors(unseen: bool = False) -> list[float]:
    """In per cent, of every count, or of those that were not at hand when the table was chosen."""
    with COUNTS.open(newline="") as file:
        return [100 * (int(row["model_cycles"]) / int(row["published_cycles"]) - 1)
                for row in csv.DictReader(file) if not unseen or row["seen"] == "no"]


@cache
def validation() -> Validation:
    """Of all counts."""
    found = errors()
    apart = list(map(abs, found))
    near = sum(error <= BOUND_PERCENT for error in apart)
    return Validation(len(found), sum(found) / len(found), sum(apart) / len(apart),
                      100 * near / len(apart), max(found, key=abs))
