"""The processors and boards, with their memory maps and what they rest on."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from dsplet.base.progress import SILENT, Watch
from dsplet.firmware_sim.dsp32c import report


@dataclass(frozen=True, kw_only=True)
class Request:
    """There is nothing to choose."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """board: the one that is meant where none is named."""

    target: str
    clock_mhz: float
    cycle_ns: float
    board: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Board:
    """bytes: of memory around the part."""

    board: str
    bytes: int
    source: str


@dataclass(frozen=True, kw_only=True)
class Region:
    """start, end: hexadecimal byte addresses, the end not included."""

    board: str
    region: str
    start: str
    end: str
    bytes: int
    bank: int
    wait_states: int


@dataclass(frozen=True, kw_only=True)
class Assumption:
    """What is taken for granted, and can be said otherwise by simulate --assume."""

    assumption: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """memory: of each board with the part on it."""

    parts: list[Part]
    boards: list[Board]
    memory: list[Region]
    assumptions: list[Assumption]


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Everything there is."""
    return msgspec.convert(report.datasheets(), Report)
