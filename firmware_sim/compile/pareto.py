"""Memory for time: the best mixtures of ways to make a program smaller at the cost of cycles.

The costs steer the choice and are estimates; what a program takes is always counted afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar


class Combining(Protocol):
    """Choices of a code generator that can be made together."""

    def __or__(self, other: Self, /) -> Self: ...


C = TypeVar("C", bound=Combining)


@dataclass(frozen=True)
class Mixture(Generic[C]):
    """Some of the choices. cycles: what they cost. bytes: what they save."""

    cycles: int
    bytes: int
    choices: C

    def __or__(self, other: Mixture[C]) -> Mixture[C]:
        return Mixture(self.cycles + other.cycles, self.bytes + other.bytes,
                       self.choices | other.choices)


def front(nothing: C, alternatives: Iterable[Iterable[Mixture[C]]]) -> list[Mixture[C]]:
    """The mixtures that no other beats in both cycles and bytes: fastest first, smallest last.

    nothing: no choice made. alternatives: of each, at most one is taken.
    """
    none = Mixture(0, 0, nothing)
    found = [none]
    for ways in alternatives:
        several = (none, *ways)
        found = _best(a | b for a in found for b in several)
    return found


def _best(candidates: Iterable[Mixture[C]]) -> list[Mixture[C]]:
    found: list[Mixture[C]] = []
    for m in sorted(candidates, key=lambda m: (m.cycles, -m.bytes)):
        if not found or m.bytes > found[-1].bytes:
            found.append(m)
    return found
