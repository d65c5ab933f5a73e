"""Traces: every instruction with what it changed and what held it up, as text or for a viewer."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from typing import TextIO

from dsplet.firmware_sim.backend import Array
from dsplet.firmware_sim.dsp32c.codegen.image import Image
from dsplet.firmware_sim.dsp32c.isa.assembler import disassemble
from dsplet.firmware_sim.dsp32c.isa.floats import decode_accumulator
from dsplet.firmware_sim.dsp32c.isa.instruction_set import TABLE
from dsplet.firmware_sim.dsp32c.isa.operands import ACCUMULATORS
from dsplet.firmware_sim.dsp32c.sim.machine import Machine
from dsplet.firmware_sim.dsp32c.sim.simulate import Simulator

MOVE = TABLE.row("DA 1", "{Z}{A} = {F}{Y}")
REGISTER_OF_CODE = {17: 15, 18: 16, 19: 17, 20: 18, 21: 19, 24: 20, 25: 21, 29: 22}
"""The codes of r15..r22; r1..r14 have their own number (dsp32c.md 2)."""


@dataclass(frozen=True)
class Step:
    """One executed instruction. state: clock state at which it began. states: how long it took.

    changes: register, accumulator or memory word -> new value as text. bank, wait: states lost.
    old: what the instruction saw before its newest value reached it (latencies, dsp32c.md 7): of
    accumulators in the multiplier also where that value is the same.
    """

    address: int
    text: str
    state: int
    states: int
    changes: dict[str, str]
    bank: int
    wait: int
    old: dict[str, str]


class Observer:
    """A machine, an instruction at a time."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._young: deque[int | None] = deque(maxlen=2)  # accumulators that the last two wrote

    def step(self) -> Step:
        """Execute one instruction, and tell of it. Raises MachineError."""
        machine, address, state = self.machine, self.machine.pc, self.machine.states
        registers, accumulators = list(machine.r), list(machine.a)
        lost = {cause: stalls.get(address, 0) for cause, stalls in machine.stalls.items()}
        word = int.from_bytes(machine.memory[address:address + 4].tobytes(), "little")
        old = self._young_factors(word)
        machine.watch = []
        machine.step()
        changes = {f"r{REGISTER_OF_CODE.get(i, i)}": f"{v:06x}" for i, (before, v) in
                   enumerate(zip(registers, machine.r, strict=True)) if before != v}
        changes |= {f"a{i}": _number(v) for i, (before, v) in
                    enumerate(zip(accumulators, machine.a, strict=True)) if before != v}
        changes |= {what: v for kind, what, v in machine.watch if kind == "new"}
        old |= {what: _number(int(v, 16)) if what in ACCUMULATORS else v
                for kind, what, v in machine.watch if kind == "old"}
        bank, wait = (machine.stalls[c].get(address, 0) - lost[c] for c in ("bank", "wait"))
        return Step(address, disassemble(word, address), state, machine.states - state, changes,
                    bank, wait, old)

    def _young_factors(self, word: int) -> dict[str, str]:
        """The accumulators that the multiplier reads too early, and what they hold."""
        row, fields = TABLE.decode(word) or (None, None)
        if row is None or fields is None or not row.format.startswith("DA"):
            self._young.append(None)
            return {}
        read = {getattr(fields, letter) for letter in row.multiplies}
        found = {f"a{n}": _number(self.machine.a[n]) for n in range(4)
                 if n in read and n in self._young}
        stays = row is MOVE and fields.Y == fields.A and not fields.F  # `*r1 = a0 = a0`: a store
        self._young.append(None if stays else fields.A)
        return found


def _number(accumulator: int) -> str:
    return f"{float(decode_accumulator(accumulator)):.9g}"


def steps(image: Image, *xs: Array) -> Iterator[tuple[str, Step]]:
    """Execute the first sample of each input on the definition, step by step, until it halts: each
    with the layer that it belongs to."""
    machine = Machine(image.target)
    Simulator(image, machine).prepare(*(x[0] for x in xs))
    starts, observer = [s.start for s in image.sections], Observer(machine)
    while machine.pc != image.halt:
        section = image.sections[max(bisect_right(starts, machine.pc) - 1, 0)]
        yield section.node, observer.step()


def trace(image: Image, *xs: Array, count: int) -> Iterator[str]:
    """The first `count` instructions as lines: cycle, address, text, changes, stalls."""
    per_cycle = image.target.states_per_cycle
    section = None
    for layer, s in islice(steps(image, *xs), count):
        if layer != section:
            section = layer
            yield f"-- {section}"
        changed = "  ".join(f"{k}={v}" for k, v in s.changes.items())
        held = "".join(f"  +{n} {cause}" for n, cause in ((s.bank, "bank"), (s.wait, "wait")) if n)
        held += "".join(f"  old {k}={v}" for k, v in s.old.items())
        yield f"{s.state / per_cycle:10.2f}  {s.address:06x}  {s.text:<40} {changed}{held}".rstrip()


def to_text(image: Image, *xs: Array, count: int, chrome: bool = False) -> str:
    """The first `count` instructions as lines, or as a file for chrome://tracing."""
    if not chrome:
        return "\n".join(trace(image, *xs, count=count)) + "\n"
    out = StringIO()
    write_chrome_trace(image, *xs, out=out, count=count)
    return out.getvalue()


def write_chrome_trace(image: Image, *xs: Array, out: TextIO, count: int) -> None:
    """Chrome trace events (chrome://tracing, Perfetto): layers, instructions and lost states.

    Times are microseconds at the target's clock. Written as it runs; `count` instructions at most.
    """
    us = 1 / image.target.clock_mhz
    events: list[dict] = []

    def write(event: dict) -> None:
        out.write(("[\n" if not events else ",\n") + json.dumps(event))
        events[:] = [event]

    for i, name in enumerate(("layers", "instructions"), 1):
        write({"name": "thread_name", "ph": "M", "pid": 1, "tid": i, "args": {"name": name}})
    layer, began, end, lost = None, 0, 0, 0
    for section, s in islice(steps(image, *xs), count):
        if section != layer:
            if layer is not None:
                write({"name": layer, "ph": "X", "pid": 1, "tid": 1, "ts": began * us,
                       "dur": (s.state - began) * us})
            layer, began = section, s.state
        write({"name": s.text, "ph": "X", "pid": 1, "tid": 2, "ts": s.state * us,
               "dur": s.states * us, "args": {"address": f"{s.address:06x}"} | s.changes
               | {f"old {k}": v for k, v in s.old.items()}})
        if s.bank or s.wait:
            lost += s.bank + s.wait
            write({"name": "states lost", "ph": "C", "pid": 1, "ts": s.state * us,
                   "args": {"states": lost}})
        end = s.state + s.states
    if layer is not None:
        write({"name": layer, "ph": "X", "pid": 1, "tid": 1, "ts": began * us,
               "dur": (end - began) * us})
    out.write("\n]\n")
