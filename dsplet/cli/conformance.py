"""The command `dsplet conformance`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import PATH, reports_as, watch


@reports_as(lambda report: report.summary)
@click.argument("machine", type=click.Choice(["dsp32c"]))
@click.argument("vectors", type=PATH)
def conformance(**given: Any) -> object:
    """Run instruction vectors; exit code 1 when one fails, with the first difference."""
    from dsplet.workflows.conformance import Request, run
    return run(Request(**given), watch)
