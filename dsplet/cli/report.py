"""The command `dsplet report`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import (
    PATH,
    POSITIVE,
    budget_option,
    feed_options,
    reports,
    target_options,
    watch,
)


@reports
@click.argument("reference", metavar="FLOAT.onnx", type=PATH)
@click.argument("test", metavar="NET.q.onnx", type=PATH)
@click.option("-o", "page", type=PATH, default="report.html", show_default=True)
@click.option("--samples", default="500", show_default=True,
              help="Test samples to compare on: a number or all.")
@click.option("--executed", type=POSITIVE, default=10, show_default=True,
              help="Of these, how many run through the machine code.")
@budget_option("missed: exit code 1.")
@click.option("--ram", help="What changes as it runs may take, such as 16KB; more: exit code 1.")
@click.option("--flash", help="The same of code and constants.")
@click.option("--baseline", type=PATH, metavar="OLD",
              help="Another report, its page or its --json: also what changed since.")
@click.option("--threshold", "threshold_percent", type=click.FloatRange(0), default=0,
              show_default=True, help="Leave out changes of less than so many per cent.")
@target_options
@feed_options
def report(**given: Any) -> object:
    """Write one page of everything that is known of a network on a chip.

    Latency, memory, ranges, noise by layer, flips and their causes, the error bar, overflow, and
    what changed since another report. It holds its own JSON, and needs no script.
    """
    from dsplet.workflows.report import Request, run
    return run(Request(**given), watch)
