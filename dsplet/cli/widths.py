"""The command `dsplet widths`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import (
    PATH,
    POSITIVE,
    SEED,
    feed_options,
    reports,
    target_options,
    watch,
)


@reports
@click.argument("source", type=PATH)
@click.option("-o", "out", type=PATH, help="Write the chosen network here, as .q.onnx.")
@click.option("--memory", help="Weights, biases and live activations, packed by bits; such as "
                               "30KB (of 1,024 bytes).")
@click.option("--latency", help="On the simulator, such as 33.3ms or 333333cycles.")
@click.option("--accuracy", type=float, help="Percent of the calibration samples.")
@click.option("--calibrate", type=POSITIVE, default=1000, show_default=True,
              help="Samples to calibrate and measure with; no test samples where the data have "
                   "parts.")
@click.option("--front", "front_file", type=PATH, help="Write the points as JSON here.")
@click.option("--plot", type=PATH, help="Draw the points here: .svg or .png.")
@click.option("--study", help="Go on with Optuna in this storage (a file, or a URL), which other "
                              "machines may share.")
@click.option("--trials", type=POSITIVE, help="Of --study, on this machine; default: 100.")
@click.option("--seed", type=SEED, help="Of --study; default: 0.")
@target_options
@feed_options
def widths(**given: Any) -> object:
    """Choose the bit widths of every layer's weights and activations, 2 to 16.

    Prints the front of memory against noise, with weights rounded to nearest; with a budget it
    also chooses one network and quantizes it by the default recipe.
    """
    from dsplet.workflows.widths import Request, run
    return run(Request(**given), watch)
