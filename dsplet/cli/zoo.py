"""The command `dsplet zoo`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import PATH, reports, watch


@reports
@click.argument("action", type=click.Choice(["get"]), required=False)
@click.argument("model", required=False)
@click.option("-o", "out", type=PATH, help="Of get; default: MODEL.q.onnx.")
def zoo(**given: Any) -> object:
    """The models: counts, what was measured of each, and what was published.

    `dsplet zoo get MODEL` copies a network that comes trained with the package, fixed point, to
    MODEL.q.onnx.

    `make zoo` measures; accuracies are of all test images, cycles of those that were executed.
    """
    from dsplet.workflows.zoo import Request, run
    return run(Request(**given), watch)
