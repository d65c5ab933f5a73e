"""The command `dsplet init`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import PATH, reports, target_options, watch


@reports
@click.argument("folder", type=PATH, default=".")
@target_options
def init(**given: Any) -> object:
    """A first dsplet.toml for the networks in a folder.

    Budgets are what the networks take today, rounded up. One that is there is not replaced.
    """
    from dsplet.workflows.init import Request, run
    return run(Request(**given), watch)
