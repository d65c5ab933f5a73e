"""Parts, boards, memory maps and what is taken for granted about processors, with their sources."""

from __future__ import annotations

from dataclasses import dataclass

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import Backend, Board, Target


@dataclass(frozen=True)
class PartRow:
    """A target and its own board."""

    target: str
    clock_mhz: float
    cycle_ns: float
    board: str
    source: str


@dataclass(frozen=True)
class BoardRow:
    """A board. bytes: outside the part."""

    board: str
    bytes: int
    source: str


@dataclass(frozen=True)
class RegionRow:
    """A region of a board's memory map; addresses in hexadecimal, the end not included."""

    board: str
    region: str
    start: str
    end: str
    bytes: int
    bank: int
    wait_states: int


@dataclass(frozen=True)
class AssumptionRow:
    """What is taken for granted about a processor, the target's and those after it alike."""

    target: str
    assumption: str
    value: str


@dataclass(frozen=True)
class RoundingRow:
    """A way in which code for a processor may round, the usual first, and what it rests on."""

    processor: str
    rounding: str
    by: str


@dataclass(frozen=True)
class Datasheets:
    """Of every target there is."""

    parts: list[PartRow]
    boards: list[BoardRow]
    memory: list[RegionRow]
    assumptions: list[AssumptionRow]
    roundings: list[RoundingRow]


def datasheets() -> Datasheets:
    """What `dsplet targets` prints."""
    known = targets.backends()
    return Datasheets(
        [PartRow(t.name, t.clock_mhz, t.cycle_ns, t.board.name, t.source)
         for b in known for t in b.targets.values()],
        list(dict.fromkeys(BoardRow(board.name, sum(r.bytes for r in board.regions), board.source)
                           for b in known for board in b.boards.values())),
        list(dict.fromkeys(row for b in known for row in _maps(b))),
        [row for b in known for row in _assumed(b)],
        [RoundingRow(b.processor, str(way), by) for b in known for way, by in b.roundings.items()])


def _assumed(backend: Backend) -> list[AssumptionRow]:
    """Of each target that has others than the one before it."""
    found, before = [], None
    for target in backend.targets.values():
        if (assumed := backend.assumptions(target)) != before:
            found += [AssumptionRow(target.name, name, str(v)) for name, v in assumed.items()]
        before = assumed
    return found


def _maps(backend: Backend) -> list[RegionRow]:
    """Each board's map, once for each set of parts that share what is on chip."""
    maps: dict[tuple[object, str], tuple[Target, Board]] = {}
    for target in backend.targets.values():
        for board in backend.boards.values():
            maps.setdefault((target.on_chip, board.name), (target, board))
    return [RegionRow(board.name, r.name, f"{r.start:06x}", f"{r.end:06x}", r.bytes, r.bank,
                      r.wait_states)
            for target, board in maps.values()
            for r in sorted((*target.on_chip, *board.regions), key=lambda r: r.start)]
