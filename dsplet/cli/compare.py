"""The command `dsplet compare`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import PATH, feed_options, reports, samples_option, watch


@reports
@click.argument("reference", type=PATH)
@click.argument("test", type=PATH)
@samples_option
@feed_options
def compare(**given: Any) -> object:
    """Two networks, float or fixed point, on the same samples.

    What a float network's file does not say of its input is taken from the other file.
    """
    from dsplet.workflows.compare import Request, run
    return run(Request(**given), watch)
