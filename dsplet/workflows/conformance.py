"""Run instruction vectors on the simulated processor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dsplet.base.progress import SILENT, Watch
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.programs import Result, summary


@dataclass(frozen=True, kw_only=True)
class Request:
    """machine: a processor that has such tools. vectors: a JSON file of them."""

    machine: str
    vectors: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """vectors: how many were run. failed: those that differ, each with its first difference.
    summary: in a line or two."""

    vectors: int
    failed: list[Result]
    summary: str
    passed: bool


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Raises VectorsError, OSError."""
    results = targets.programs(request.machine).conformance(Path(request.vectors))
    failed = [r for r in results if not r.passed]
    return Report(vectors=len(results), failed=failed, summary=summary(results),
                  passed=not failed)
