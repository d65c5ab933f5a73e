"""Rows that a backend fills: what is in memory, and where the time goes, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dsplet.base.rows import inlined


@dataclass(frozen=True, kw_only=True)
class HotLine:
    """An executed line of the listing. count: executions a sample. cycles: count + stalls."""

    address: str
    text: str
    section: str
    count: float
    cycles: float
    stalls: Mapping[str, float] = inlined()


@dataclass(frozen=True)
class MemoryRow:
    """Bytes used and there, of a region, and what it holds."""

    region: str
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
    """Where a buffer lies, and between which steps of the program it is alive."""

    address: str
    bytes: int
    region: str
    kind: str
    role: str
    buffer: str
    from_: str
    to: str
