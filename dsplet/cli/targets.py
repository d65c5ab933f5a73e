"""The command `dsplet targets`."""

from __future__ import annotations

from typing import Any

from dsplet.cli.options import reports, watch


@reports
def targets(**given: Any) -> object:
    """The processors and boards, with their memory maps and what they rest on."""
    from dsplet.workflows.targets import Request, run
    return run(Request(**given), watch)
