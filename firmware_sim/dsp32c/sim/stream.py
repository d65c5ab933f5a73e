"""A recurrent network one step a call: the state stays on the chip between calls."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dsplet.base.errors import UserError
from dsplet.firmware_sim.dsp32c.codegen.image import Image
from dsplet.firmware_sim.dsp32c.sim.engine import fastest
from dsplet.firmware_sim.dsp32c.sim.simulate import MAX_INSTRUCTIONS
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.kernel import Repeat, refs
from dsplet.quantize.fixed.program import Program


class CannotStream(UserError):
    """A network that needs more of its sequence than one element a step."""


def streaming(graph: Graph, program: Program) -> Program:
    """The program cut in two: what comes before its loop over time runs once, a turn of the loop
    with all that follows runs for each element. Raises CannotStream."""
    outer = [r for r in program.repeats if not any(
        o is not r and o.first <= r.first and r.last <= o.last for o in program.repeats)]
    if len(program.inputs) != 1 or len(outer) != 1:
        raise CannotStream(f"'{graph.name}' has {len(program.inputs)} inputs and {len(outer)} "
                           "loops over time; one step a call needs one of each")
    (value, buffer), loop = program.inputs[0], outer[0]
    if any(r.buffer == b and r.index.coefficient(loop.var) for _, b in program.outputs
           for k in program.kernels for s in k.body for r in refs(s)):
        raise CannotStream(f"'{graph.name}' gives a sequence; one step a call needs an output that "
                           "is the last step's")
    element = replace(value, shape=value.shape[value.shape.index(loop.extent) + 1:]
                      if loop.extent in value.shape else ())
    for i, kernel in enumerate(program.kernels):
        for r in (r for s in kernel.body for r in refs(s) if r.buffer == buffer):
            if i < loop.first or i > loop.last or r.index.const or (
                    r.index.coefficient(loop.var) != element.size):
                raise CannotStream(f"'{kernel.node}' reads the input as a whole, or not from the "
                                   "first element to the last")
    once = Repeat(loop.var, 1, loop.first, len(program.kernels) - 1, loop.node)
    buffers = program.buffers | {buffer: replace(program.buffers[buffer], size=element.size)}
    return replace(program, buffers=buffers, inputs=((element, buffer),), resume=loop.first,
                   repeats=tuple(once if r is loop else r for r in program.repeats))


@dataclass(frozen=True)
class Steps:
    """outputs: int64, for each port what it held after every step, (N, steps, *shape).
    cycles: (N, steps). begin_cycles: of what runs once, before the first element."""

    outputs: tuple[np.ndarray, ...]
    cycles: np.ndarray
    begin_cycles: float


class Stream:
    """An image of a `streaming` program on the fastest simulator there is."""

    def __init__(self, image: Image) -> None:
        self.image, self.chip = image, fastest(image.target)[0]
        for address, words in image.segments:
            data = words.astype("<u4").view(np.uint8)
            self.chip.memory[address:address + len(data)] = data

    def __call__(self, x: np.ndarray) -> Steps:
        """x: integers (N, steps, *element)."""
        begin, cycles, outputs = 0.0, [], [[] for _ in self.image.outputs]
        for sample in x:
            begin = self._call(self.image.entry)
            cycles.append([])
            for element in sample:
                self._write(element)
                cycles[-1].append(self._call(self.image.resume))
                for y, port in zip(outputs, self.image.outputs, strict=True):
                    data = self.chip.memory[port.address:port.address + 4 * port.words]
                    y.append(data.copy().view("<i4").astype(np.int64))
        return Steps(tuple(np.stack(y).reshape(*x.shape[:2], *p.value.shape) for y, p in
                           zip(outputs, self.image.outputs, strict=True)),
                     np.array(cycles), begin)

    def _call(self, entry: int) -> float:
        self.chip.reset(entry)
        profile = self.chip.run(self.image.halt, MAX_INSTRUCTIONS) or self.chip.profile()
        return profile.states / self.image.target.states_per_cycle

    def _write(self, element: np.ndarray) -> None:
        port = self.image.inputs[0]
        data = np.asarray(element, np.int64).reshape(-1).astype("<i4").view(np.uint8)
        self.chip.memory[port.address:port.address + len(data)] = data
