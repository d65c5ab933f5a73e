"""The command `dsplet live`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import PATH, POSITIVE, reports, target_options, watch


@reports
@click.argument("networks", nargs=-1, metavar="[NET.q.onnx]...", type=PATH)
@click.option("-o", "out", type=PATH, default="live.html", show_default=True)
@click.option("--open", "shown", is_flag=True, help="Then show it in the browser.")
@click.option("--samples", type=POSITIVE, default=20, show_default=True,
              help="Test samples in the page, for its self-test.")
@target_options
def live(**given: Any) -> object:
    """Write a page in which the chip's machine code reads what one draws, or a camera sees.

    The networks read digits, or whole lines (see dsplet export --machine); without any, they are
    those that come with dsplet: the demo of 1989 to 1992. The page is one file: it needs no server
    and no network.
    """
    from dsplet.workflows.live import Request, run
    return run(Request(**given), watch)
