"""The command `dsplet ledger`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import ACCUMULATOR_BITS, PATH, feed_options, reports, watch


@reports
@click.argument("source", type=PATH)
@click.option("--samples", default="500", show_default=True, help="Test samples: a number or all.")
@click.option("--accumulator-bits", type=ACCUMULATOR_BITS, default=32, show_default=True,
              help="Signed; exit code 1 where a sum can leave them.")
@click.option("--witness", type=PATH, help="Write the inputs that overflow here, a .npz.")
@feed_options
def ledger(**given: Any) -> object:
    """What every value and accumulator can hold, what it was seen to hold, and what clipping lost.

    A proved bound holds for every input. Where it does not fit, the input that overflows is named.
    """
    from dsplet.workflows.ledger import Request, run
    return run(Request(**given), watch)
