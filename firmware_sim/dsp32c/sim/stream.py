"""A recurrent network one step a call: the state stays on the chip between calls."""

from __future__ import annotations

import numpy as np

from dsplet.firmware_sim.backend import Array, Steps
from dsplet.firmware_sim.dsp32c.codegen.image import Image
from dsplet.firmware_sim.dsp32c.sim.engine import fastest
from dsplet.firmware_sim.dsp32c.sim.simulate import MAX_INSTRUCTIONS


class Stream:
    """An image of a `streaming` program on the fastest simulator there is."""

    def __init__(self, image: Image) -> None:
        self.image, self.chip = image, fastest(image.target)[0]
        for address, words in image.segments:
            data = words.astype("<u4").view(np.uint8)
            self.chip.memory[address:address + len(data)] = data

    def __call__(self, x: Array) -> Steps:
        """x: integers (N, steps, *element)."""
        resume = self.image.resume
        assert resume is not None  # of a `streaming` program
        begin = 0.0
        cycles: list[list[float]] = []
        outputs: list[list[Array]] = [[] for _ in self.image.outputs]
        for sample in x:
            begin = self._call(self.image.entry)
            cycles.append([])
            for element in sample:
                self._write(element)
                cycles[-1].append(self._call(resume))
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

    def _write(self, element: Array) -> None:
        port = self.image.inputs[0]
        data = np.asarray(element, np.int64).reshape(-1).astype("<i4").view(np.uint8)
        self.chip.memory[port.address:port.address + len(data)] = data
