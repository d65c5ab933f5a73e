"""The command `dsplet zoo`."""

from __future__ import annotations

from typing import Any

from dsplet.cli.options import reports, watch


@reports
def zoo(**given: Any) -> object:
    """The models: counts, what was measured of each, and what was published.

    `make zoo` measures; accuracies are of all test images, cycles of those that were executed.
    """
    from dsplet.workflows.zoo import Request, run
    return run(Request(**given), watch)
