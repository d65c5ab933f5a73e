"""What the machines of the time needed for one inference."""

from __future__ import annotations

from dataclasses import dataclass

from dsplet.base.progress import SILENT, Watch
from dsplet.data import budgets
from dsplet.data.budgets import Budget, Rate


@dataclass(frozen=True, kw_only=True)
class Request:
    """There is nothing to choose."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Budgets have names that every --budget takes."""

    budgets: list[Budget]
    rates: list[Rate]


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Everything there is."""
    return Report(budgets=list(budgets.BUDGETS.values()), rates=list(budgets.RATES))
