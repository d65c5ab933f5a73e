"""The command `dsplet check`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import PATH, reports, watch


@reports
@click.argument("project", type=PATH, default="dsplet.toml")
@click.option("--update", is_flag=True,
              help="Write the baseline anew, instead of comparing with it.")
@click.option("--junit", type=PATH, metavar="FILE.xml", help="Write every check as JUnit XML.")
def check(**given: Any) -> object:
    """A project's networks on its targets: budgets kept, nothing worse than its baseline.

    What is more than in the baseline fails, by one cycle or one byte, with the layer to blame; exit
    code 1. `dsplet init` writes a first dsplet.toml.
    """
    from dsplet.workflows.check import Request, run
    return run(Request(**given), watch)
