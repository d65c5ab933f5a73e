"""The host's door to memory: how a program and its data get there [dsp32c.md 8, M].

On a board the host writes through the parallel port's DMA, a word at a time at the address in par,
while the chip is halted.  DMA steals memory cycles from a running chip [K90]; that is not modelled,
so writing is refused once time has begun.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from dsplet.base.errors import UserError
from dsplet.firmware_sim.dsp32c.parts.target import Target


class HostError(UserError):
    """The host reached for what it cannot have."""


class Host:
    """What `Machine` and `Engine` share."""

    memory: np.ndarray
    target: Target
    states: int

    def host_load(self, segments: Iterable[tuple[int, np.ndarray]]) -> None:
        """Write runs of 32-bit words, (byte address, words) each, such as `Assembly.segments`."""
        for address, words in segments:
            self.host_write(address, words)

    def host_write(self, address: int, words) -> None:
        """Write 32-bit words from a byte address on; HostError once the program has run."""
        if self.states:
            raise HostError(f"host DMA after {self.states} states: its stolen cycles are not "
                            "modelled; expected before the first instruction, or after a reset")
        data = np.asarray(words).astype("<u4").view(np.uint8)
        self.memory[self._span(address, len(data))] = data

    def host_read(self, address: int, count: int) -> np.ndarray:
        """`count` 32-bit words from a byte address on, as uint32."""
        return self.memory[self._span(address, 4 * count)].copy().view("<u4")

    def _span(self, address: int, size: int) -> slice:
        covered, end = address, address + size
        while covered < end and (region := self.target.region(covered)):
            covered = region.end
        if address % 4 or covered < end:
            raise HostError(f"host DMA of {size} bytes at {address:#08x}: expected a multiple of "
                            f"four, and memory throughout on board {self.target.board.name!r}")
        return slice(address, end)
