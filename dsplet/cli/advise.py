"""The command `dsplet advise`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import (
    GOALS,
    PATH,
    POSITIVE,
    feed_options,
    reports,
    samples_option,
    target_options,
    watch,
)


@reports
@click.argument("reference", metavar="FLOAT.onnx", type=PATH)
@click.argument("test", metavar="NET.q.onnx", type=PATH)
@click.option("-o", "out", type=PATH, help="Write the network that meets the budgets here, as "
                                           ".q.onnx.")
@click.option("--budget", help="Of latency: such as 33.3ms, 333333cycles or a name that `dsplet "
                               "budgets` lists.")
@click.option("--ram", help="What changes as it runs may take, such as 16KB.")
@click.option("--flash", help="The same of code and constants.")
@click.option("--drop", type=float, help="Points of accuracy that may be lost against REFERENCE, "
                                         "such as 0.5.")
@target_options
@click.option("-O", "goal", type=GOALS, help="What TEST is compiled for now; see simulate.")
@click.option("--hardware", is_flag=True,
              help="Another part, board or clock may be taken where nothing else is enough.")
@samples_option
@click.option("--calibrate", type=POSITIVE, default=1000, show_default=True,
              help="Samples to quantize and to try changes with; no test samples where the data "
                   "have parts.")
@click.option("--trials", type=POSITIVE, default=60, show_default=True,
              help="Changes that are tried at most, but for those of hardware.")
@feed_options
def advise(**given: Any) -> object:
    """The cheapest changes that bring the fixed-point network TEST within budgets.

    TEST was made from the float network REFERENCE. Each change is built, compiled, run and
    measured: -O, the softmax at the end, widths, steps, tables, algorithms, and hardware. Exit code
    1 where the budgets are not met, with what stands in the way.
    """
    from dsplet.workflows.advise import Request, run
    return run(Request(**given), watch)
