"""The command `dsplet run`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import POSITIVE, Strict, json_option, part_options, program_options


@click.command(cls=Strict)
@program_options
@part_options
@click.option("--until", default="halt", show_default=True, metavar="ADDRESS",
              help="Stop there: a label, 0x800 or label+8.")
@click.option("--break", "breaks", multiple=True, metavar="ADDRESS",
              help="Show the machine each time it comes there; repeatable.")
@click.option("--regs", is_flag=True, help="Show the registers, at every stop.")
@click.option("--mem", multiple=True, metavar="ADDRESS:WORDS",
              help="Show memory, at every stop; repeatable.")
@click.option("--trace", type=POSITIVE, default=None, metavar="COUNT",
              help="Tell of so many instructions: what each changed, what held it up; `!` what it "
                   "read too early.")
@click.option("--load", multiple=True, metavar="ADDRESS=FILE",
              help="Put a .npy, or the bytes of a .bin, there first; repeatable.")
@click.option("--save", multiple=True, metavar="ADDRESS:COUNT[:KIND]=FILE",
              help="Write what is there at the end into a .npy or .bin; KIND as data are called in "
                   "a program, float if not given; repeatable.")
@click.option("--max-instructions", type=POSITIVE, default=1_000_000, show_default=True)
@json_option
def run(as_json: bool, **given: Any) -> None:
    """Run a DSP32C program, of one file or several, from --origin to its label halt; registers,
    memory, states.

    Breakpoints always show the registers.
    """
    from dsplet.base import render
    from dsplet.firmware_sim.programs import stop_text
    from dsplet.workflows import run as workflow
    request = workflow.Request(**given)
    if as_json:
        return click.echo(render.to_json("run", workflow.run(request)))
    for stop in workflow.stops(request):
        click.echo(stop_text(stop))
