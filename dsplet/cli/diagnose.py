"""The command `dsplet diagnose`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import PATH, POSITIVE, feed_options, reports, samples_option, watch


@reports
@click.argument("reference", type=PATH)
@click.argument("test", type=PATH)
@samples_option
@click.option("--accuracy", type=float, help="Percent of the calibration samples that a change has "
                                             "to keep; default: what the float network keeps.")
@click.option("--calibrate", type=POSITIVE, default=500, show_default=True,
              help="Samples to try changes with; no test samples where the data have parts.")
@click.option("--plot", type=PATH, help="Draw boxes of what the values were over what "
                                                "their formats represent here: .svg or .png.")
@feed_options
def diagnose(**given: Any) -> object:
    """Which layers of the fixed-point network TEST lose what, and what would mend it.

    Each layer in turn is restored to that of the float network REFERENCE. Changes of the recipe
    are tried on calibration samples, the smallest first.
    """
    from dsplet.workflows.diagnose import Request, run
    return run(Request(**given), watch)
