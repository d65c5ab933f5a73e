"""The command `dsplet asm`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import PATH, listing_text, origin_option, reports_as, watch


def _text(report: Any) -> str:
    from dsplet.base.render import to_text
    return listing_text(report) if report.file is None else to_text(report)


@reports_as(_text)
@click.argument("source", type=PATH)
@click.option("-o", "out", type=PATH, help="S-records; default: print a listing.")
@origin_option
def asm(**given: Any) -> object:
    """Assemble a DSP32C program: S-records, or a listing."""
    from dsplet.workflows.asm import Request, run
    return run(Request(**given), watch)
