"""RISC-V cores as targets: emitted C, cross-compiled, executed and billed."""

from __future__ import annotations

from dsplet.firmware_sim.cross import backend
from dsplet.firmware_sim.riscv.cores import BOARDS, TARGETS


class RiscV(backend.Backend):
    """Hazard3, CV32E40P and Ibex."""

    processor = "riscv"
    targets = TARGETS
    boards = BOARDS
