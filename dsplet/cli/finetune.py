"""The command `dsplet finetune`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import PATH, POSITIVE, SEED, feed_options, out_option, reports, watch


@reports
@click.argument("reference", type=PATH)
@click.argument("test", type=PATH)
@out_option
@click.option("--epochs", type=POSITIVE, default=3, show_default=True)
@click.option("--seed", type=SEED, default=0, show_default=True)
@feed_options
def finetune(**given: Any) -> object:
    """Train the fixed-point network TEST to do what the float network REFERENCE does.

    The bit widths stay; weights, biases and steps learn, on the training split. What is written is
    the best of TEST as it was and of every epoch, on training samples that were held out. Every
    integer of the training's forward pass is that of the file it writes.
    """
    from dsplet.workflows.finetune import Request, run
    return run(Request(**given), watch)
