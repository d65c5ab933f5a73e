"""Run instruction vectors on the simulated processor."""

from __future__ import annotations

from dataclasses import dataclass

from dsplet.base.progress import SILENT, Watch
from dsplet.firmware_sim.dsp32c.tools import conformance
from dsplet.firmware_sim.dsp32c.tools.conformance import Result


@dataclass(frozen=True, kw_only=True)
class Request:
    """machine: the processor, dsp32c. vectors: a JSON file of them."""

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
    results = conformance.run(request.vectors)
    failed = [r for r in results if not r.passed]
    return Report(vectors=len(results), failed=failed, summary=conformance.summary(results),
                  passed=not failed)
