"""Where code and data lie: sections, each with a place in memory, and each file's part of them.

The part of a section that one file has begins where the file before it ended, on a multiple of
four. What stands in no section begins at the origin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dsplet.base.errors import near
from dsplet.firmware_sim.dsp32c.isa.source import Refused

LAST = (1 << 24) - 1
"""The last byte address."""


@dataclass(frozen=True)
class Place:
    """Where a section goes. size: bytes that there are for it; None: as many as it takes."""

    start: int
    size: int | None = None


@dataclass
class Part:
    """What one file has of a section. start: its first byte address; at: the next; end: the first
    behind it."""

    section: str
    file: str
    start: int
    at: int
    end: int


@dataclass
class Layout:
    """The memory map, and what has been placed. places: by name of the section; "" for none."""

    places: Mapping[str, Place]
    parts: list[Part] = field(default_factory=list)

    def part(self, section: str, file: str) -> Part:
        """The file's part of a section, a new one at first. Raises Refused for a section that the
        memory map does not have."""
        for part in self.parts:
            if (part.section, part.file) == (section, file):
                return part
        if (place := self.places.get(section)) is None:
            known = sorted(name for name in self.places if name)
            raise Refused(f"section {section} has no address: expected "
                          + (f"one of {', '.join(known)}. {near(section, known)}".rstrip()
                             if known else f"a memory map, --section {section}=ADDRESS"))
        before = [part for part in self.parts if part.section == section]
        start = (before[-1].end if section else before[-1].at) if before else place.start
        start += -start % 4
        self.parts.append(Part(section, file, start, start, start))
        return self.parts[-1]

    def move(self, part: Part, address: int) -> None:
        """Go on at an address. Raises Refused where the section ends before it."""
        place = self.places[part.section]
        most = LAST + 1 if place.size is None else place.start + place.size
        if address > most or address < 0:
            raise Refused(f"the program passes the last address, {LAST:#x}" if most > LAST else
                          f"section {part.section} passes its last address, {most - 1:#x}")
        part.at, part.end = address, max(part.end, address)
