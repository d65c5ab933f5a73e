"""Programs as images, for tests that look inside them."""

from __future__ import annotations

from dsplet.firmware_sim.dsp32c.backend import Dsp32c
from dsplet.firmware_sim.dsp32c.codegen.compilation import Compilation
from dsplet.firmware_sim.dsp32c.codegen.image import Image
from dsplet.firmware_sim.dsp32c.codegen.memory_time import Choices
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.quantize.fixed.program import Program


def compile_program(program: Program, target: Target, goal: str = "time") -> Image:
    """The fastest that fits, or as another goal has it."""
    return Dsp32c().compile(program, target, goal).image


def build(program: Program, target: Target, choices: Choices) -> Image:
    return Compilation(program, target).build(choices)
