"""The command `dsplet budgets`."""

from __future__ import annotations

from typing import Any

from dsplet.cli.options import reports, watch


@reports
def budgets(**given: Any) -> object:
    """What the machines of the time needed for one inference, by name for simulate --budget."""
    from dsplet.workflows.budgets import Request, run
    return run(Request(**given), watch)
