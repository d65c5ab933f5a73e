"""Kernels whose code is the same have it once.

Their registers are set by each kernel itself; the code that follows is a subroutine, which lies
with the first of them and returns to where a register says. That costs three cycles a kernel, in
loops over time every turn, so it is not done there; elsewhere it is where the code is longer than
its bank: what lies outside is slower, and takes the room of numbers.

What is executed is what would be executed without it, but for the call, the return and the `nop`
behind it: three instructions that read and write nothing except the register that holds the way
back, which the code leaves alone. So every latency between others is as long as before, or longer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dsplet.firmware_sim.dsp32c.codegen.code import Ins, Label
from dsplet.firmware_sim.dsp32c.codegen.instructions import NOP, back, call, set_to
from dsplet.firmware_sim.dsp32c.codegen.kernel import COUNTERS, INCREMENTS, POINTERS
from dsplet.firmware_sim.dsp32c.codegen.schedule import Lines

WORTH = 8
"""Instructions at least: a kernel that calls them has one more, the first has three."""


@dataclass(frozen=True)
class Linked:
    """A kernel's lines: those of `head` set its registers. repeated: whether a loop over time is
    around it; outside, nothing is in registers between kernels."""

    name: str
    head: Lines
    code: Lines
    repeated: bool = False

    @property
    def text(self) -> tuple[str, ...]:
        """The code, but for the kernel's name in its labels; empty if it may not be shared."""
        labels = [line.name for line in self.code if isinstance(line, Label)]
        own = f"{self.name}_"
        if len(self.code) < WORTH or not all(n.removeprefix(own).isdigit() for n in labels):
            return ()
        return tuple(f"{line}".replace(own, "_") + (line.role if isinstance(line, Ins) else ":")
                     for line in self.code)

    @property
    def free(self) -> list[str]:
        """Registers that hold nothing while the code runs."""
        used = set().union(*(i.read | i.written for i in self.code if isinstance(i, Ins)))
        return [r for r in (*COUNTERS[::-1], *INCREMENTS[::-1], *POINTERS[::-1]) if r not in used]


def share(kernels: Sequence[Linked]) -> tuple[list[Lines], dict[str, tuple[str, ...]]]:
    """The lines of each kernel, and of those whose code others call, which all run it."""
    groups: dict[tuple[str, ...], list[Linked]] = {}
    alike = Counter(len(k.code) for k in kernels)
    for k in kernels:
        if not k.repeated and alike[len(k.code)] > 1 and k.text:
            groups.setdefault(k.text, []).append(k)
    called: dict[str, tuple[Linked, str]] = {}
    shared: dict[str, tuple[str, ...]] = {}
    for first, *others in groups.values():
        free = [r for r in first.free if all(r in k.free for k in others)]
        if others and free:
            called |= {k.name: (first, free[0]) for k in (first, *others)}
            shared[first.name] = (first.name, *(k.name for k in others))
    return [_lines(k, *called[k.name]) if k.name in called else [*k.head, *k.code]
            for k in kernels], shared


def span(first: str) -> tuple[Label, Label]:
    """Where the code begins and ends that lies with kernel `first`."""
    return Label(f"{first}_shared"), Label(f"{first}_back")


def _lines(kernel: Linked, first: Linked, register: str) -> Lines:
    begin, end = span(first.name)
    if kernel is first:
        return [*kernel.head, set_to(register, end), begin, *kernel.code, back(register), NOP, end]
    *head, last = kernel.head
    if isinstance(last, Label):
        head, last = [*head, last], NOP
    return [*head, call(begin, register), last]
