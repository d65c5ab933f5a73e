"""A program in the memory of a machine: samples in, what was executed and what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dsplet.export.c.context import context
from dsplet.export.c.header import verbs
from dsplet.firmware_sim.backend import Array, DoesNotFit
from dsplet.firmware_sim.cross.build import NAME, Built
from dsplet.firmware_sim.cross.machine import Execution, Machine
from dsplet.firmware_sim.cross.timing import Target
from dsplet.quantize.fixed.program import Program


class Process:
    """The program as it was built, its context and its caller's arrays in RAM."""

    def __init__(self, program: Program, target: Target, built: Built, owners: Mapping[str, int],
                 loads: bool) -> None:
        """owners, loads: see `Machine`. Raises NoTool, DoesNotFit."""
        core, lines = target.core, list(built.lines.values())
        self.program = program
        self._machine = machine = Machine(core.cpu, target, built, owners,
                                          core.timing.divides(lines), core.timing.guessed(lines),
                                          loads)
        self._begin, self._go = (f"{NAME}_{verb}" for verb in verbs(program))
        self._inputs, self._outputs = (
            [machine.place(v.size * program.buffers[b].dtype.itemsize) for v, b in border]
            for border in (program.inputs, program.outputs))
        self._context = machine.place(context(program).bytes)
        machine.paint()

    def begin(self) -> Execution:
        """What runs once."""
        return self._machine.call(self._begin, self._context)

    def call(self, sample: Sequence[Array]) -> tuple[Execution, list[Array]]:
        """One sample in, or one element of it, and what came out: int64."""
        machine, buffers = self._machine, self.program.buffers
        for (_, b), x, at in zip(self.program.inputs, sample, self._inputs, strict=True):
            machine.write(at, np.ascontiguousarray(x, buffers[b].dtype).tobytes())
        done = machine.call(self._go, self._context, *self._inputs, *self._outputs)
        found = []
        for (v, b), at in zip(self.program.outputs, self._outputs, strict=True):
            dtype = buffers[b].dtype
            raw = np.frombuffer(machine.read(at, v.size * dtype.itemsize), dtype)
            found.append(raw.astype(np.int64).reshape(v.shape))
        return done, found

    def stack_bytes(self) -> int:
        """As deep as any call went. Raises DoesNotFit where it ran into what else is in RAM."""
        used = self._machine.stack_bytes()
        if used >= self._machine.free_bytes:
            raise DoesNotFit("the stack runs into what else is in RAM", 1)
        return used
