"""The processors and boards, with their memory maps and what they rest on."""

from __future__ import annotations

from dataclasses import dataclass

from dsplet.base.progress import SILENT, Watch
from dsplet.firmware_sim.datasheets import Datasheets, datasheets


@dataclass(frozen=True, kw_only=True)
class Request:
    """There is nothing to choose."""


def run(request: Request, watch: Watch = SILENT) -> Datasheets:
    """Everything there is."""
    return datasheets()
