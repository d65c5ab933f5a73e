"""What the chip's memory holds of a network as it runs: the integers of every value, as views say
(`codegen.views`)."""

from __future__ import annotations

from collections import Counter

import numpy as np

from dsplet.firmware_sim.backend import Array
from dsplet.firmware_sim.dsp32c.codegen.image import Image
from dsplet.firmware_sim.dsp32c.codegen.views import View, stops
from dsplet.firmware_sim.dsp32c.sim.simulate import MAX_INSTRUCTIONS, Simulator


def held(image: Image, chip, *sample: Array) -> dict[str, Array]:
    """Run one sample; the integers of each value that has a view, read where and when that says:
    int64, of the value's shape, in loops over time (*steps, *shape).

    chip: a `Machine` or an `Engine`. sample: integers without batch axis, one for each input.
    """
    Simulator(image, chip).prepare(*sample)
    at: dict[int, list[View]] = {}
    for view in image.views:
        at.setdefault(view.ready, []).append(view)
    found = {v.value: np.zeros((*v.steps, *v.shape), np.int64) for v in image.views}
    arrivals: Counter[int] = Counter()
    for address in stops(set(at), image.loops):
        if arrivals[address]:
            chip.step()  # off the address, which else is reached at once
        chip.run(address, MAX_INSTRUCTIONS)
        for view in at[address]:
            view.read(chip.memory, arrivals[address], found[view.value])
        arrivals[address] += 1
    return found
