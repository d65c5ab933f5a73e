"""The command `dsplet units`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import PATH, POSITIVE, feed_options, reports, watch


@reports
@click.argument("source", type=PATH)
@click.argument("layer")
@click.option("--samples", default="500", show_default=True, help="Test samples: a number or all.")
@click.option("--top", type=POSITIVE, default=8, show_default=True,
              help="How many of them for each unit.")
@click.option("--unit", type=click.IntRange(0), help="Only this one, from 0.")
@click.option("-o", "out", type=PATH, metavar="FILE.png",
              help="Draw, for each unit, what it sees of them; below, the patterns that excite it.")
@click.option("--filters", type=PATH, metavar="FILE.png",
              help="Draw the layer's weights, a row for each unit.")
@feed_options
def units(**given: Any) -> object:
    """What the units of LAYER of a fixed-point network respond to: the test samples that excite
    each most, and the pattern in them that does it, by deconvolution.
    """
    from dsplet.workflows.units import Request, run
    return run(Request(**given), watch)
