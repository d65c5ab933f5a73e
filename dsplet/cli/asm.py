"""The command `dsplet asm`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import PATH, listing_text, program_options, reports_as, watch


def _text(report: Any) -> str:
    from dsplet.base.render import to_text
    return listing_text(report) if report.file is None else to_text(report)


@reports_as(_text)
@program_options
@click.option("-o", "out", type=PATH, help="S-records; default: print a listing.")
def asm(**given: Any) -> object:
    """Assemble and link the files of a DSP32C program: S-records, or a listing."""
    from dsplet.workflows.asm import Request, run
    return run(Request(**given), watch)
