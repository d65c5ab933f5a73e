"""The command `dsplet emit`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import (
    GOALS,
    PATH,
    POSITIVE,
    budget_option,
    reports_as,
    target_options,
    watch,
)


@reports_as(lambda report: "\n".join(f"written: {file}" for file in report.written))
@click.argument("source", type=PATH)
@click.option("--format", "form", required=True,
              type=click.Choice(["c", "kernels", "image", "listing", "symbols"]))
@click.option("-o", "folder", type=PATH, default=".", show_default=True)
@click.option("--name", help="Of the files and of the C function; default: the network's.")
@target_options
@click.option("-O", "goal", type=GOALS, help="For least cycles, least memory, or both; default: "
                                             "balanced for C, else time.")
@budget_option("not for C.")
@click.option("--after", metavar="PASS", help="With --format kernels: as they are after this pass, "
              "of those for C or the target's; default: before any.")
@click.option("--stream", is_flag=True, help="C: a function for one element of a sequence.")
@click.option("--ram", help="C: what activations may take, such as 20KB; else exit code 2.")
@click.option("--flash", help="C: what weights and tables may take, such as 64KB.")
@click.option("--self-test", is_flag=True, help="C: NAME_selftest, a checksum for each layer.")
@click.option("--vectors", type=POSITIVE, metavar="N", help="C: N golden samples, NAME_vectors.h.")
@click.option("--with", "build", type=click.Choice(["makefile", "cmake", "arduino"]),
              help="C: a build file that runs the self-test.")
def emit(**given: Any) -> object:
    """Write C99 sources, kernels as text, or the DSP32C's image (S-records), listing or symbol
    map."""
    from dsplet.workflows.emit import Request, run
    return run(Request(**given), watch)
