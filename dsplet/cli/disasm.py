"""The command `dsplet disasm`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import PATH, listing_text, origin_option, reports_as, watch


@reports_as(listing_text)
@click.argument("source", type=PATH)
@origin_option
def disasm(**given: Any) -> object:
    """List S-records, or a text file of hexadecimal words (these from --origin)."""
    from dsplet.workflows.disasm import Request, run
    return run(Request(**given), watch)
