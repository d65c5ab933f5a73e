"""The command `dsplet demo`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import PATH, reports, target_options, watch


@reports
@click.option("--model", default="zip1989", show_default=True)
@click.option("--keep", type=PATH, help="Keep the files in this folder.")
@target_options
def demo(**given: Any) -> object:
    """Train, export, quantize and execute a digit net on digits that ship with scikit-learn."""
    from dsplet.workflows.demo import Request, run
    return run(Request(**given), watch)
