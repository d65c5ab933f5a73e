"""What a report was made from, as far as it decides what is in it: no date, no machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class NetworkFile:
    """file: as it was named. sha256: of its bytes. recipe: of fixed point, how it was made, where
    its file says so."""

    file: str
    sha256: str
    recipe: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class SamplesUsed:
    """data: a data set's name, a file's as it was named, or "random". sha256: of the numbers as the
    network reads them and of their labels."""

    data: str
    samples: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """dsplet: the version. options: of the command, by the names of its request's fields; those
    that choose between values of their own as they were chosen. Equal ones give equal reports."""

    dsplet: str
    networks: list[NetworkFile]
    samples: SamplesUsed
    options: Mapping[str, Any]
