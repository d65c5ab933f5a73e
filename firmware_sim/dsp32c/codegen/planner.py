"""The memory planner: which buffer lies where, and for how long.

    code       from address 0 upwards: one on-chip bank, unless it is longer
    banks      the other on-chip banks: copies of what inner loops reuse, activations that fit,
               float constants and scratch
    external   weights, borders that must survive, and the activations that are left

Buffers whose lifetimes do not overlap share memory. What a kernel reads and what it writes go to
different banks where possible: code, X, Y and Z then never meet (dsp32c.md 4.4, the
order-independent rule). What products read does not lie with the copies that they read; what a
kernel with copies only stores may, one access of many. What would meet another of its kernel in
either bank lies outside where that has no wait states and the kernel has nothing else there:
external memory is one bank more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from dsplet.firmware_sim.backend import DoesNotFit
from dsplet.firmware_sim.compile.lifetimes import Arena, Need, lifetime, touched
from dsplet.firmware_sim.compile.local_copies import ROLE, Copy, Room
from dsplet.firmware_sim.dsp32c.codegen.code import BESIDE, POOL, SCRATCH, WIDTH, Kind
from dsplet.firmware_sim.dsp32c.codegen.lanes import LANES
from dsplet.firmware_sim.dsp32c.codegen.time_loops import CLOCK, CLOCK_WORDS
from dsplet.firmware_sim.dsp32c.parts.target import Region, Target
from dsplet.quantize.fixed.kernel import Buffer, Kernel, Loop, Mac, Repeat, Set, Store
from dsplet.quantize.fixed.statement import Affine, Ref, Statement

POOL_WORDS = 64
BESIDE_WORDS = 16


@dataclass(frozen=True)
class Placement:
    """A buffer's place. first, last: kernels (by position) between which it must survive; a
    constant survives always. kind: how its integers are stored (see `InstructionSelector`)."""

    buffer: str
    address: int
    bytes: int
    region: str
    external: bool
    role: str
    kind: str
    first: int
    last: int


class Bank(Arena):
    """The free part of a region, from address `start` on."""

    def __init__(self, region: Region, start: int) -> None:
        super().__init__(max(region.start, start), region.end)
        self.region = region

    def costs_nothing(self, nbytes: int) -> bool:
        """Whether it has no wait states, no code, and room for so many bytes however they lie."""
        region = self.region
        return (not region.wait_states and not region.programmed and self.start == region.start
                and nbytes <= region.bytes)


class Plan:
    """Places for all buffers of a program on a target."""

    def __init__(self, target: Target, code_bytes: int, nodes: dict[str, str],
                 first: dict[str, int]) -> None:
        """nodes: the graph node of each kernel, for messages. first: what a table's first entry is
        for."""
        self.target, self._nodes, self._first = target, nodes, first
        self.placements: dict[str, Placement] = {}
        chip = [r for r in target.regions if not r.external]
        low = sorted((r for r in chip if r.start < code_bytes), key=lambda r: r.start)
        free = [r for r in chip if r.start >= code_bytes] or low[-1:]
        self.banks = [Bank(r, code_bytes) for r in free]
        self.external = [Bank(r, code_bytes) for r in target.regions if r.external]

    def __getitem__(self, buffer: str) -> Placement:
        return self.placements[buffer]

    def address(self, buffer: str) -> int:
        return self.placements[buffer].address

    def region(self, buffer: str) -> str | None:
        """The on-chip region of a buffer; None in external memory."""
        p = self.placements[buffer]
        return None if p.external else p.region

    def kind(self, buffer: str) -> Kind:
        return Kind(self.placements[buffer].kind) if buffer in self.placements else Kind.WORD

    def place(self, table: str) -> int:
        """The address of a table's entry for 0."""
        return self.address(table) - self.kind(table).bytes * self._first.get(table, 0)

    def add(self, buffers: list[Buffer], kernels: Sequence[Kernel], kinds: Mapping[str, str],
            copies: Sequence[int], repeats: Sequence[Repeat] = ()) -> None:
        """Place every buffer; DoesNotFit says by how much the board is too small, and which tensors
        are the largest. copies: words of the first bank that each kernel wants for copies."""
        self._touched, self._repeats = touched(kernels), repeats
        needs = [self._need(b, kinds.get(b.name, "word"), len(kernels))
                 for b in buffers if b.name in self._touched]
        for name, words in ((POOL, POOL_WORDS), (SCRATCH, LANES), (CLOCK, CLOCK_WORDS))[
                :3 if repeats else 2]:
            buffer = Buffer(name, words, 0, 0, "const")
            self._put(Need(buffer, 4 * words, "word", -1, len(kernels)), self.banks[-1:])
        if repeats and len(self.banks) > 1:
            buffer = Buffer(BESIDE, BESIDE_WORDS, 0, 0, "const")
            self._put(Need(buffer, 4 * BESIDE_WORDS, "word", -1, len(kernels)), self.banks[:1])
        reserved = [(Need(Buffer(f"copies {k}", n, 0, 0, ROLE), 4 * n, "word", k, k),
                     self.banks[0].start) for k, n in enumerate(copies) if n]
        self.banks[0].taken += reserved
        onto = self._in_place(needs, kernels)
        placed = [n for n in needs if n.buffer.name not in onto]
        inside = [k for i, k in enumerate(kernels) if len(self.banks) > 1  # one is all copies'
                  and any(r.first <= i <= r.last for r in repeats)]
        starts = _starts(inside) & {b.name for b in buffers if b.role == "const"}
        missing = self._settle(placed, _products(kernels, repeats), starts)
        self.banks[0].taken = [t for t in self.banks[0].taken if t not in reserved]
        if missing:
            raise self._too_small(placed)
        for need in needs:
            if need.buffer.name in onto:
                source = onto[need.buffer.name]
                self.placements[need.buffer.name] = replace(
                    self[source], buffer=need.buffer.name, role=need.buffer.role, kind=need.kind,
                    first=need.first, last=need.last)
                self.placements[source] = replace(self[source], last=need.first)

    def _settle(self, needs: list[Need], products: Mapping[str, Counter[int]], starts: set[str]
                ) -> list[Need]:
        """Give the needs their places, in the order of their importance; where that leaves no room
        for some, what lies outside in the order of its size, which leaves fewer gaps. Those that
        have none then. starts: what goes on chip last, if there is room."""
        arenas = (*self.banks, *self.external)
        free = [a for a in self.external if a.costs_nothing(sum(n.bytes for n in needs))]
        before, taken = dict(self.placements), [list(a.taken) for a in arenas]
        missing: list[Need] = []
        for by_size in (False, True):
            self.placements = dict(before)
            for arena, old in zip(arenas, taken, strict=True):
                arena.taken = list(old)
            missing, outside = [], []
            for need in sorted(needs, key=lambda n: (
                    n.buffer.name in starts, _importance(n, products))):
                chosen = self._arenas(need, products, free, starts)
                chip = [a for a in chosen if not a.region.external]
                if not by_size:
                    missing += [] if self._put(need, [*chosen, *self.external]) else [need]
                elif chosen[:1] != chip[:1] or not self._put(need, chip):
                    outside.append(need)
            missing += [n for n in sorted(outside, key=lambda n: _importance(n, {}))
                        if not self._put(n, self.external)]
            if not missing:
                break
        return missing

    def _arenas(self, need: Need, products: Mapping[str, Counter[int]], free: list[Bank],
                starts: set[str]) -> list[Bank]:
        """Where an activation, or one of `starts`, should lie, the best first. free: what costs
        nothing outside."""
        if need.buffer.name not in starts and (
                need.buffer.role != "activation" or need.buffer.data is not None):
            return []
        read = products.get(need.buffer.name)
        banks = [a for a in reversed(self.banks)
                 if not self._meetings(need, a, ROLE, set(read) if read else None)]
        banks.sort(key=lambda a: self._meetings(need, a, "activation"))
        if banks and self._meetings(need, banks[0], "activation"):
            return [*(a for a in free if not self._meetings(need, a)), *banks]
        return banks

    def _in_place(self, needs: list[Need], kernels: Sequence[Kernel]) -> dict[str, str]:
        """Converted inputs that go where the input was: value -> input, which then lives as long.
        Those that a bank could hold are left to it."""
        by_name, onto = {n.buffer.name: n for n in needs}, {}
        for kernel in kernels:
            match kernel.body:
                case (Loop(var, size, (Set(_, Ref(source, at)), Store(Ref(target, to)))),):
                    old, new = by_name[source], by_name[target]
                    if (at == to == Affine(0, ((var, 1),)) and old.buffer.role == "input"
                            and new.buffer.role == "activation" and new.buffer.data is None
                            and old.buffer.size == new.buffer.size == size
                            and len(self._touched[source]) == 1
                            and new.bytes > max(a.region.bytes for a in self.banks)):
                        onto[target], old.last = source, new.last
        return onto

    def _meetings(self, need: Need, arena: Bank, role: str = "", by: set[int] | None = None
                  ) -> int:
        """How many times a kernel that touches the buffer, or one of `by`, touches a `role` buffer
        of the bank, or any."""
        by = self._touched[need.buffer.name] if by is None else by
        return sum(len(by & self._touched.get(n.buffer.name, {n.first}))
                   for n, _ in arena.taken if role in ("", n.buffer.role))

    def copy(self, copies: list[Copy], at: int) -> None:
        """Place the copies of kernel number `at`."""
        for c in copies:
            need = Need(c.buffer, 4 * c.buffer.size, "word", at, at)
            self._put(need, [a for a in self.banks if a.region.name == c.region])

    def rooms(self, at: int) -> list[Room]:
        """What is left of the banks while kernel number `at` runs."""
        return [Room(a.region.name, a.room_bytes(at, at) // 4) for a in self.banks]

    def _need(self, b: Buffer, kind: str, kernels: int) -> Need:
        size = Kind(kind).bytes * b.size
        return Need(b, (size + 3) // 4 * 4, kind,
                    *lifetime(b, self._touched.get(b.name, {0}), kernels, self._repeats))

    def _put(self, need: Need, arenas: list[Bank]) -> bool:
        for arena in arenas:
            at = arena.place(need)
            if at is not None:
                b, r = need.buffer, arena.region
                self.placements[b.name] = Placement(b.name, at, need.bytes, r.name, r.external,
                                                    b.role, need.kind, need.first, need.last)
                return True
        return False

    def _title(self, buffer: str) -> str:
        """A buffer's name for people: "weight of conv1" for a kernel's own, else the value's."""
        owner = next((k for k in self._nodes if buffer.startswith(f"{k}_")), None)
        if owner is None:
            return buffer.removeprefix("v_")
        return f"{buffer.removeprefix(owner + '_')} of {self._nodes[owner]}"

    def _too_small(self, needs: list[Need]) -> DoesNotFit:
        wanted = Arena(self.external[0].start, self.external[0].end)
        for need in sorted((n for n in needs if n.buffer.name not in self.placements
                            or self.placements[n.buffer.name].external),
                           key=lambda n: _importance(n, {})):
            wanted.taken.append((need, wanted.find(need)))
        have = sum(a.end - a.start for a in self.external)
        largest = sorted(needs, key=lambda n: -n.bytes)[:5]
        names = ", ".join(f"{self._title(n.buffer.name)} {n.bytes:,} B" + (
            f" (packed as {n.kind}s)" if n.kind in WIDTH else "") for n in largest)
        lacking = wanted.used_bytes - have
        return DoesNotFit(
            f"the network needs {wanted.used_bytes:,} B of external memory; board "
            f"'{self.target.board.name}' of {self.target.name} has {have:,} B: {lacking:,} B too "
            f"little. Largest tensors: {names}", lacking)


def _importance(need: Need, products: Mapping[str, Counter[int]]) -> tuple:
    """Constants first, in program order; then what the most products read, by its size, since one
    that reads both its factors outside is held up; then what is largest."""
    lasting = need.first < 0 and need.buffer.role != "input"
    read = sum(products.get(need.buffer.name, {}).values())
    return (not lasting, 0 if lasting else -read / need.bytes,
            0 if lasting else -need.bytes, need.first, need.buffer.name)


def _starts(kernels: Sequence[Kernel]) -> set[str]:
    """The buffers whose numbers sums of products begin with."""
    found: set[str] = set()

    def visit(body: Sequence[Statement]) -> None:
        if any(isinstance(t, Mac) for s in body for t in s.flat()):
            found.update(s.source.buffer for s in body
                         if isinstance(s, Set) and isinstance(s.source, Ref))
        for s in body:
            if isinstance(s, Loop):
                visit(s.body)

    for kernel in kernels:
        visit(kernel.body)
    return found


def _products(kernels: Sequence[Kernel], repeats: Sequence[Repeat]) -> dict[str, Counter[int]]:
    """How many multiply-accumulates read each buffer, by the number of the kernel."""
    found: dict[str, Counter[int]] = {}

    def visit(body: Sequence[Statement], turns: int) -> None:
        for s in body:
            if isinstance(s, Loop):
                visit(s.body, turns * s.extent)
            elif isinstance(s, Mac):
                for buffer in {s.x.buffer, s.w.buffer}:
                    found.setdefault(buffer, Counter())[i] += turns

    for i, kernel in enumerate(kernels):
        visit(kernel.body, prod(r.extent for r in repeats if r.first <= i <= r.last))
    return found
