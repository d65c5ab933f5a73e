"""The command `dsplet ops`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import PATH, reports, watch


@reports
@click.option("--check", type=PATH, metavar="FILE.onnx",
              help="What this file needs, and what of it is missing, node by node; exit code 1 "
                   "where something is.")
def ops(**given: Any) -> object:
    """What is read from ONNX, and the fixed-point ops it becomes; whether a file can be read."""
    from dsplet.workflows.ops import Request, run
    return run(Request(**given), watch)
