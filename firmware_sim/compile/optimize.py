"""A program for a processor that C is compiled for: the passes in their order."""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.compile.blocks import blocked, cost
from dsplet.firmware_sim.compile.borders import borders_written
from dsplet.firmware_sim.compile.forward import forward
from dsplet.firmware_sim.compile.fuse_consumer import fuse_consumers
from dsplet.firmware_sim.compile.layout import channels_last, ordered
from dsplet.firmware_sim.compile.narrow import narrowed
from dsplet.quantize.fixed.program import Program


def optimize(program: Program, goal: str = "balanced", ram_bytes: int | None = None,
             flash_bytes: int | None = None) -> Program:
    """The program, the same integers, with fewer instructions and in less memory."""
    program = fuse_consumers(forward(program))
    program = borders_written(program, staged=goal != "time")
    program = narrowed(ordered(channels_last(program, cost)))
    return replace(program, kernels=tuple(blocked(k, program.buffers) for k in program.kernels))
