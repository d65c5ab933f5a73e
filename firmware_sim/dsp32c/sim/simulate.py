"""Simulate: images through an image; outputs, and the bill by layer and by cause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dsplet.firmware_sim import backend
from dsplet.firmware_sim.backend import Array, Bill
from dsplet.firmware_sim.dsp32c.codegen.image import Image
from dsplet.firmware_sim.dsp32c.sim.batch import MAX_INSTRUCTIONS, Batch
from dsplet.firmware_sim.dsp32c.sim.engine import Engine, fastest
from dsplet.firmware_sim.dsp32c.sim.profile import Profile, added


@dataclass(frozen=True)
class Run(backend.Run):
    """Bills: mac, multiply-accumulates; other, every other useful instruction; nop, latency that
    nothing filled; stalls on a busy memory bank and on wait states. profile: counts and stalls of
    all samples together.
    """

    profile: Profile


class Simulator:
    """An image on the fastest simulator there is."""

    def __init__(self, image: Image, chip=None) -> None:
        """chip: a `Machine` or an `Engine`; None takes the engine where a C compiler is there."""
        self.image = image
        self.chip = chip or fastest(image.target)[0]
        for address, words in image.segments:
            data = words.astype("<u4").view(np.uint8)
            self.chip.memory[address:address + len(data)] = data

    def __call__(self, *xs: Array, progress: Callable[[int], None] | None = None,
                 threads: int | None = None) -> Run:
        """xs: integers (N, *shape), one for each input. progress: told the samples done so far.
        threads: None takes all cores where that pays."""
        outputs: list[list[Array]] = [[] for _ in self.image.outputs]
        states = []
        if isinstance(self.chip, Engine) and len(self.image.inputs) == len(
                self.image.outputs) == 1 and len(xs[0]):
            inputs = self.image.inputs[0].encode(xs[0])
            words, counts, profile = Batch(self.image, inputs, progress).run(self.chip, threads)
            outputs[0].append(words)
            states.append(counts)
        else:
            profile = Profile(0, {}, {})
            for i, sample in enumerate(zip(*xs, strict=True)):
                profile = added(profile, self._one(sample, outputs, states))
                if progress:
                    progress(i + 1)
        n = len(xs[0])
        ys = tuple(p.decode(np.concatenate(y)).reshape(n, *p.value.shape)
                   for y, p in zip(outputs, self.image.outputs, strict=True))
        per_cycle = self.image.target.states_per_cycle
        return Run(ys, np.concatenate(states) / per_cycle, self._bills(profile, n), profile)

    def prepare(self, *sample: Array) -> None:
        """Reset the chip and lay one sample's inputs (integers, without batch axis) in memory."""
        self.chip.reset(self.image.entry)
        for port, x in zip(self.image.inputs, sample, strict=True):
            data = port.encode(x[None]).astype("<u4").view(np.uint8)[0]
            self.chip.memory[port.address:port.address + len(data)] = data

    def _one(self, sample: tuple, outputs: list, states: list) -> Profile:
        """One sample on a chip without a batch door."""
        self.prepare(*sample)
        profile = self.chip.run(self.image.halt, MAX_INSTRUCTIONS) or self.chip.profile()
        for y, port in zip(outputs, self.image.outputs, strict=True):
            data = self.chip.memory[port.address:port.address + 4 * port.words]
            y.append(data.copy().view("<u4")[None])
        states.append(np.array([profile.states]))
        return profile

    def _bills(self, profile: Profile, n: int) -> tuple[Bill, ...]:
        per_cycle = self.image.target.states_per_cycle
        bills = []
        for s in self.image.sections:
            spent = {"mac": 0.0, "other": 0.0, "nop": 0.0}
            stalls = {"bank": 0.0, "wait": 0.0}
            for address, users in s.parts():
                spent[self.image.roles[address]] += profile.count.get(address, 0) / users
                for cause in stalls:
                    stalls[cause] += profile.stalls.get(cause, {}).get(address, 0) / users
            bills.append(Bill(s, {kind: v / n for kind, v in spent.items()},
                              {cause: v / n / per_cycle for cause, v in stalls.items()}))
        return tuple(bills)
