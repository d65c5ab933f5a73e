"""The command `dsplet export`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import PATH, feed_options, out_option, reports, watch


@reports
@click.argument("source")
@out_option
@click.option("--weights", type=PATH, help="A .safetensors file, for FILE.py:factory.")
@click.option("--input", "input_shape", help="Such as 1x28x28, for FILE.py:factory and --machine.")
@click.option("--machine", metavar="NAME|FILE.toml",
              help="Read lines, those of --data: the network slides over them, and this finds the "
                   "best path: digits, five_digits, or a file of your own.")
@feed_options
def export(**given: Any) -> object:
    """Export a checkpoint, or a network of your own (FILE.py:factory), to ONNX.

    FILE.py is run, with all that it may do: give none that you do not trust.

    The file is checked against PyTorch through ONNX Runtime: on images of the data set where it is
    known, else on random inputs.
    """
    from dsplet.workflows.export import Request, run
    return run(Request(**given), watch)
