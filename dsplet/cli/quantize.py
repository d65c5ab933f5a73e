"""The command `dsplet quantize`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import (
    ACCUMULATOR_BITS,
    BITS,
    PATH,
    POSITIVE,
    SEED,
    feed_options,
    out_option,
    reports,
    watch,
)


@reports
@click.argument("source", type=PATH)
@out_option
@click.option("--calibrate", type=POSITIVE,
              help="Calibration samples, no test samples where the data have parts; default: 1000.")
@click.option("--recipe", "recipe_name", default="default", show_default=True,
              metavar="NAME|FILE.toml", help="default, gptq, nearest, or a file of your own.")
@click.option("--weight-bits", type=BITS, help="This and what follows: instead of the recipe's.")
@click.option("--activation-bits", type=BITS)
@click.option("--input-bits", type=BITS)
@click.option("--output-bits", type=BITS)
@click.option("--accumulator-bits", type=ACCUMULATOR_BITS)
@click.option("--per-channel/--per-tensor", default=None)
@click.option("--weights", help="How their steps are chosen: hessian, minmax, mse or percentile.")
@click.option("--activations", help="The same of activations: minmax, mse or percentile.")
@click.option("--stability", type=click.IntRange(2, 1000), metavar="N",
              help="Also N more times on calibration samples drawn anew: what changes.")
@click.option("--seed", type=SEED, help="Of --stability's draws; default: 0.")
@feed_options
def quantize(**given: Any) -> object:
    """Float ONNX to fixed point, written as QDQ ONNX that stock ONNX Runtime runs."""
    from dsplet.workflows.quantize import Request, run
    return run(Request(**given), watch)
