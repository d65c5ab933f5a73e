"""Rows that a backend fills: what is in memory, and where the time goes, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dsplet.base.rows import inlined, unprinted


@dataclass(frozen=True, kw_only=True)
class HotLine:
    """An executed line of the listing. section: the node that it is code of; layer: its key. count:
    executions a sample. cycles: count + stalls."""

    address: str
    text: str
    section: str
    layer: str = unprinted()
    count: float
    cycles: float
    stalls: Mapping[str, float] = inlined()


@dataclass(frozen=True)
class MemoryRow:
    """Bytes used and there, of a region, and what it holds. address: of its first byte.
    wait_states: clock periods that an access waits."""

    region: str
    address: str
    used_bytes: int
    bytes: int
    wait_states: int
    holds: str


@dataclass(frozen=True)
class Memory:
    """by_region: in the target's order. ram_bytes: of what changes as the program runs, at once at
    most; read_only_bytes: of code and constants. Their sum is what the regions use."""

    by_region: tuple[MemoryRow, ...]
    ram_bytes: int
    read_only_bytes: int


@dataclass(frozen=True, kw_only=True)
class MapRow:
    """Where a buffer, or code, lies, and between which steps of the program it is alive.

    from_step, to_step: their numbers, -1 before the first, the number of steps after the last.
    layer: the key of what writes it first, or whose constant it is; None of what belongs to none.
    from_layer, to_layer: of what the two steps begin with; None at the program's ends.
    """

    address: str
    bytes: int
    region: str
    kind: str
    role: str
    buffer: str
    from_: str
    to: str
    from_step: int = unprinted()
    to_step: int = unprinted()
    layer: str | None = unprinted(None)
    from_layer: str | None = unprinted(None)
    to_layer: str | None = unprinted(None)


@dataclass(frozen=True, kw_only=True)
class StepRow:
    """What is executed in order: several layers where they are fused, by their keys. step: its
    number, from 0."""

    step: int
    layers: list[str]
