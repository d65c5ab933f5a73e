"""The command `dsplet read`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import PATH, reports, target_options, watch


@reports
@click.argument("pictures", nargs=-1, required=True, type=PATH)
@click.option("--model", required=True, type=PATH,
              help="A .q.onnx that reads lines; see dsplet export --machine.")
@target_options
def read(**given: Any) -> object:
    """Read what is written on PICTURES, each a line, on the chip: text, path and cycles.

    A picture of any size will do; it is cut to the writing and brought to the network's height.
    """
    from dsplet.workflows.read import Request, run
    return run(Request(**given), watch)
