"""Latencies are respected, loops become `do` or counted branches.

The DSP32C has no interlocks: an instruction that reads too early sees the old value (dsp32c.md 7).
Where too few instructions lie between producer and consumer, `nop`s go in, across the turn of a
loop too. The last instruction of a counted loop moves into the branch's delay slot.
"""

from __future__ import annotations

from dsplet.firmware_sim.dsp32c.codegen.address_generation import AddressStreams
from dsplet.firmware_sim.dsp32c.codegen.code import NOP, Ins, Turns
from dsplet.firmware_sim.dsp32c.codegen.shape import DO_INSTRUCTIONS, DO_TURNS

MULTIPLIER_LATENCY = 3
"""An accumulator's new value at a multiplier input (dsp32c.md 7; M L S)."""
STORE_LATENCY = 4
"""A DAU store to any read of the word (M L S)."""
LOAD_LATENCY = 2
"""A CAU load to its register (L S)."""
STORE_POINTER_LATENCY = 2
"""A store pointer's post-modification to any other use of the pointer (S L)."""

Window = tuple[Ins, ...]


class Scheduler:
    """Flattens code into lines: instructions and labels (`name:`)."""

    def __init__(self, streams: AddressStreams, prefix: str) -> None:
        self.streams, self.prefix = streams, prefix
        self.counters = 0
        self._labels = 0

    def run(self, code: list) -> list[Ins | str]:
        lines, _ = self._block(code, [()], 0)
        return lines

    def _block(self, code: list, before: list[Window], depth: int):
        lines: list[Ins | str] = []
        for item in code:
            if isinstance(item, Turns):
                new, before = self._turns(item, before, depth)
                lines += new
            else:
                before = self._place(item, lines, before)
        return lines, before

    def _place(self, ins: Ins, lines: list, before: list[Window]) -> list[Window]:
        if ins.role == "label":
            lines.append(ins.text)
            return before
        for _ in range(max(self._gap(ins, w) for w in before)):
            lines.append(NOP)
            before = _push(before, NOP)
        lines.append(ins)
        return _push(before, ins)

    def _turns(self, loop: Turns, before: list[Window], depth: int):
        if loop.extent <= DO_TURNS and all(isinstance(i, Ins) and i.role != "label"
                                           for i in loop.body):
            do = Ins("do", role="other")
            body, after = self._repeat(loop.body, _push(before, do), depth, self._block)
            if len(body) <= DO_INSTRUCTIONS:
                do = Ins(f"do {len(body) - 1},{loop.extent - 1}")
                return [do, *body], after
        counter = f"count{depth}"
        self.counters = max(self.counters, depth + 1)
        label = f"{self.prefix}_{self._labels}"
        self._labels += 1
        start = Ins(f"{{{counter}}} = {loop.extent - 2}", sets=(counter,))
        branch = Ins(f"if ({{{counter}}}-- >= 0) goto {label}", uses=(counter,), sets=(counter,))

        def with_branch(code, windows, d):
            *head, last = code
            if not isinstance(last, Ins) or last.role == "label":
                head, last = code, NOP
            lines, windows = self._block(head, windows, d)
            for _ in range(max(self._gap(last, w) for w in _push(windows, branch))):
                lines.append(NOP)
                windows = _push(windows, NOP)
            return [*lines, branch, last], _push(_push(windows, branch), last)

        body, after = self._repeat(loop.body, _push(before, start), depth + 1, with_branch)
        return [start, f"{label}:", *body], after

    def _repeat(self, body: list, before: list[Window], depth: int, place):
        """Place a loop body so that both its first turn and its later ones are right."""
        labels = self._labels
        windows = before
        for _ in range(3):
            self._labels = labels
            lines, after = place(body, windows, depth)
            if set(after) <= set(windows):
                break
            windows = list(dict.fromkeys(before + after))
        return lines, after

    def _gap(self, ins: Ins, window: Window) -> int:
        """How many slots must still pass before `ins` may follow `window`."""
        return max((self._latency(prior, ins) - distance
                    for distance, prior in enumerate(reversed(window), 1)), default=0)

    def _latency(self, prior: Ins, ins: Ins) -> int:
        need = 0
        if prior.accumulator in ins.multiplies and prior.dau and not ins.early:
            need = MULTIPLIER_LATENCY
        touched = {*ins.uses, *ins.sets, *(self._pointer(a) for a in ins.accesses)}
        if prior.load and touched & set(prior.sets):
            need = max(need, LOAD_LATENCY)
        for a in prior.accesses:
            if not a.write:
                continue
            if any(a.buffer == b.buffer and not b.write for b in ins.accesses):
                need = STORE_LATENCY
            if self._pointer(a) in ins.uses:
                need = max(need, STORE_POINTER_LATENCY)
        return need

    def _pointer(self, access) -> str:
        return self.streams.pointers[self.streams.key(access)]


def _push(windows: list[Window], ins: Ins) -> list[Window]:
    return list(dict.fromkeys((*w, ins)[-3:] for w in windows))
