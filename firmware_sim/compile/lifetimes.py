"""Which kernels a buffer must survive, and memory that buffers share whose lives do not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dsplet.quantize.fixed.kernel import Buffer, Kernel, Repeat, Store, flat, refs


@dataclass
class Need:
    """A buffer that wants `bytes` from kernel number `first` to number `last`. kind: how its
    numbers are stored."""

    buffer: Buffer
    bytes: int
    kind: str
    first: int
    last: int

    def overlaps(self, other: Need) -> bool:
        return self.first <= other.last and other.first <= self.last


class Arena:
    """First fit between two addresses: lifetimes that overlap never share any."""

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = min(start, end), end
        self.taken: list[tuple[Need, int]] = []

    @property
    def used_bytes(self) -> int:
        """The high-water mark."""
        return max((at + n.bytes for n, at in self.taken), default=self.start) - self.start

    def find(self, need: Need) -> int:
        """The lowest address that is free for the whole lifetime (it may lie past the end)."""
        at = self.start
        for start, end in sorted((a, a + n.bytes) for n, a in self.taken if n.overlaps(need)):
            if at + need.bytes <= start:
                break
            at = max(at, end)
        return at

    def place(self, need: Need) -> int | None:
        """The address that the buffer gets; None where there is no room."""
        at = self.find(need)
        if at + need.bytes > self.end:
            return None
        self.taken.append((need, at))
        return at

    def room_bytes(self, first: int, last: int) -> int:
        """The largest free run at the end during kernels first..last."""
        ends = [a + n.bytes for n, a in self.taken if n.first <= last and first <= n.last]
        return self.end - max(ends, default=self.start)


def touched(kernels: Sequence[Kernel]) -> dict[str, set[int]]:
    """The numbers of the kernels that touch each buffer."""
    found: dict[str, set[int]] = {}
    for i, kernel in enumerate(kernels):
        for top in kernel.body:
            names = {r.buffer for r in refs(top)} | {
                getattr(s, field) for s in flat(top) for field in ("table", "slopes")
                if hasattr(s, field)} | {
                s.ref.buffer for s in flat(top) if isinstance(s, Store)}
            for name in names:
                found.setdefault(name, set()).add(i)
    return found


def lifetime(buffer: Buffer, by: set[int], kernels: int, repeats: Sequence[Repeat]
             ) -> tuple[int, int]:
    """(first, last) kernel during which the buffer must survive, of `kernels` that there are; -1
    is before the first. by: those that touch it."""
    outside = {"input": {-1}, "output": {kernels}}.get(buffer.role, set())
    first, last = min(by | outside), max(by | outside)
    for r in reversed(repeats):  # what is touched outside a loop too, as states are
        if first < r.first <= last or first <= r.last < last:
            first, last = min(first, r.first), max(last, r.last)
    if buffer.role == "const" or buffer.data is not None:
        first, last = -1, kernels
    return first, last
