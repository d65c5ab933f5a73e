"""The command `dsplet doctor`."""

from __future__ import annotations

from typing import Any

from dsplet.cli.options import reports, watch


@reports
def doctor(**given: Any) -> object:
    """What this machine has, how fast it simulates, and what each lack costs.

    Exit code 1 where no network can be quantized and simulated here.
    """
    from dsplet.workflows.doctor import Request, run
    return run(Request(**given), watch)
