"""The words of code on their way from memory to the decoder of a Cortex-M3 or M4."""

from __future__ import annotations

QUEUE_WORDS = 3
FETCH_CYCLES = 2


class Queue:
    """One request a cycle where there is room, two cycles until a word is there; after a pause the
    fetcher is a cycle late [targets.md 3].

    start: a jump's target. Its word was asked for while the jump was executed, and is there.
    """

    def __init__(self, start: int) -> None:
        self._at = start
        self._word = start // 4
        self._ready = [0, 1]  # when words are there, from _word on
        self._now, self._paused = 0, False

    def take(self, size: int) -> int:
        """The next instruction, of so many bytes, leaves it: how many cycles that waits."""
        needed, waited = (self._at + size - 1) // 4 - self._word, 0
        while len(self._ready) <= needed or self._ready[needed] > self._now:
            self.tick()
            waited += 1
        self._at += size
        used = self._at // 4 - self._word
        del self._ready[:used]
        self._word += used
        return waited

    def tick(self) -> None:
        """A cycle goes by."""
        if len(self._ready) == QUEUE_WORDS:
            self._paused = True
        elif self._paused:
            self._paused = False
        else:
            self._ready.append(self._now + FETCH_CYCLES)
        self._now += 1
