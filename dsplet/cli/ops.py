"""The command `dsplet ops`."""

from __future__ import annotations

from typing import Any

from dsplet.cli.options import reports, watch


@reports
def ops(**given: Any) -> object:
    """What is read from ONNX, and the fixed-point ops it becomes."""
    from dsplet.workflows.ops import Request, run
    return run(Request(**given), watch)
