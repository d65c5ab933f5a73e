"""A batch of samples through one image, on all cores: an engine a core, each with its own memory.

A sample begins with registers as after a reset and with what the sample before it on that engine
left in memory, where no program of this compiler looks before it has written: so nothing depends
on how many engines there are.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event, Lock

import numpy as np

from dsplet.firmware_sim.dsp32c.codegen.image import Image
from dsplet.firmware_sim.dsp32c.sim.engine import Engine
from dsplet.firmware_sim.dsp32c.sim.profile import Profile, added

SOON = 0.2
"""Seconds: what takes no longer on one core is left there."""
MAX_INSTRUCTIONS = 1_000_000_000
"""A program that runs longer is taken for one that never ends."""


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Batch:
    """Samples through an image with one input and one output."""

    def __init__(self, image: Image, inputs: np.ndarray,
                 progress: Callable[[int], None] | None = None) -> None:
        """inputs: (N, words) uint32. progress: told the samples done so far."""
        self.image, self.inputs, self.progress = image, inputs, progress
        self._done, self._lock, self._stopped = 0, Lock(), Event()

    def run(self, chip: Engine, threads: int | None = None
            ) -> tuple[np.ndarray, np.ndarray, Profile]:
        """(outputs (N, words) uint32, states (N,) int64, what all executed); the last sample runs
        on `chip`. threads: None takes all cores where that pays. Raises MachineError."""
        chip.reset(self.image.entry)
        began, left = time.perf_counter(), len(self.inputs) - 1
        results = [self._part(chip, 0, 1)]
        if threads is None:
            seconds = left * (time.perf_counter() - began)
            threads = cores() if seconds > SOON else 1
        chips = [*(chip.twin() for _ in range(min(threads, left) - 1)), chip]
        cuts = [1 + left * k // len(chips) for k in range(len(chips) + 1)]
        with ThreadPoolExecutor(len(chips)) as pool:
            others = [pool.submit(self._part, *each)
                      for each in zip(chips[:-1], cuts[:-2], cuts[1:-1], strict=True)]
            try:
                last = self._part(chip, *cuts[-2:])
                results += [*(other.result() for other in others), last]
            finally:
                self._stopped.set()
        total = chip.profile()
        for other in chips[:-1]:
            total = added(total, other.profile())
        outputs, times = (np.concatenate(part) for part in zip(*results, strict=True))
        return outputs, times, replace(total, states=int(times.sum()))

    def _part(self, chip: Engine, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        image, told = self.image, 0

        def progress(done: int) -> None:
            nonlocal told
            with self._lock:
                if self._stopped.is_set():
                    raise InterruptedError
                self._done, told = self._done + done - told, done
                if self.progress:
                    self.progress(self._done)

        x, y = image.inputs[0], image.outputs[0]
        return chip.run_batch(image.entry, image.halt, x.address, self.inputs[start:end],
                              y.address, y.words, MAX_INSTRUCTIONS, progress, start)
