"""Cortex-M cores as targets: emitted C, cross-compiled, executed and billed."""

from __future__ import annotations

from dsplet.firmware_sim.cortex_m.cores import BOARDS, TARGETS
from dsplet.firmware_sim.cross import backend


class CortexM(backend.Backend):
    """Arm's Cortex-M4, M3, M0+, M7 and M33."""

    processor = "cortex-m"
    targets = TARGETS
    boards = BOARDS
