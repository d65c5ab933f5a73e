"""The command `dsplet simulate`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import (
    GOALS,
    PATH,
    POSITIVE,
    SEED,
    budget_option,
    feed_options,
    reports,
    target_options,
    watch,
)


@reports
@click.argument("source", type=PATH)
@target_options
@click.option("--samples", help="Test samples: a number or all; default: 1.")
@click.option("-O", "goal", type=GOALS, help="For least cycles on the board, least memory, or "
              "both; default: balanced where C is compiled, else time.")
@budget_option("missed: exit code 1.")
@click.option("--ram", help="What changes as it runs may take, such as 16KB; more: exit code 1.")
@click.option("--flash", help="The same of code and constants.")
@click.option("--images", type=PATH,
              help="A file of samples instead, such as a picture; all of it, without labels.")
@click.option("--seed", type=SEED,
              help="Of random inputs: where no --data is known, or by --data random; default: 0.")
@click.option("--map", "memory_map", is_flag=True,
              help="Also where every buffer lies, and from which layer to which.")
@click.option("--stream", is_flag=True,
              help="A recurrent network one step a call, its state kept: cycles of a step.")
@click.option("--step", help="With --stream: how long an element takes to come, such as 20ms, for "
              "the real-time factor; default: as the file says.")
@click.option("--profile", is_flag=True, help="Also the 20 costliest lines, and what cost what.")
@click.option("--spread", is_flag=True,
              help="Also cycles of the first samples if the chip is not as assumed, and integers "
              "of up to 200.")
@click.option("--assume", multiple=True, metavar="NAME=VALUE",
              help="Of the processor, by a name that dsplet targets lists; repeatable.")
@click.option("--trace", "trace_count", type=POSITIVE, metavar="N",
              help="Also print the first N instructions of the first sample.")
@click.option("--trace-file", type=PATH,
              help="Write those of --trace here instead; without it the first 200.")
@click.option("--chrome-trace", type=PATH,
              help="Write a trace of the first sample for chrome://tracing or Perfetto.")
@click.option("--trace-instructions", type=POSITIVE,
              help="At most so many in --chrome-trace; default: 20000.")
@click.option("--listing", type=PATH, help="Write the assembly listing here.")
@click.option("--show", metavar="LAYER",
              help="Draw what the chip's memory held of a layer: its maps, a row for each sample.")
@click.option("-o", "out", type=PATH, metavar="FILE.png", help="The picture of --show.")
@click.option("--dump", type=PATH, metavar="FILE.npz",
              help="Write what the chip's memory held of every layer: integers and reals.")
@click.option("--arithmetic", type=click.Choice(["fixed", "float"]), default="fixed",
              show_default=True, help="float: a float network on the chip's floating point.")
@click.option("--beside", type=PATH, metavar="FILE",
              help="The same network in the other arithmetic: both in one table.")
@feed_options
def simulate(**given: Any) -> object:
    """Run samples through the machine code; cycles, latency, memory, and whether all bits agree.

    Where neither --data nor the network's file names samples, inputs are random over their formats.
    """
    from dsplet.workflows.simulate import Request, run
    return run(Request(**given), watch)
