"""Tables with an entry for every value that the proof allows."""

from __future__ import annotations

import numpy as np
import pytest

from dsplet.firmware_sim.compile.tables import walks, widen, widenings
from dsplet.quantize.fixed.program import lower, run
from tests.firmware_sim.dsp32c.networks import zip_like

LIMIT = 1 << 15


@pytest.mark.slow
def test_widening_keeps_the_meaning():
    """Interpreted, the program without clamps gives the same outputs."""
    program, x = lower(zip_like().graph()), zip_like().samples(1)[0]
    wide = widen(program, frozenset(widenings(program, LIMIT)), LIMIT)
    assert widenings(program, LIMIT) and not widenings(wide, LIMIT)
    assert all(np.array_equal(a, b) for a, b in zip(run(program, x), run(wide, x), strict=True))


def test_entries_must_fit():
    """tanh gives bytes: no table is left where entries may be of 4 bits only."""
    program = lower(zip_like().graph())
    assert walks(program, LIMIT) and not walks(program, 1 << 3)
