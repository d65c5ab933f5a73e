"""Several turns of a loop as one list of instructions, each issued as soon as what it needs is
there (dsp32c.md 7). Each number gets an accumulator for as long as it is needed, whichever is free.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from dsplet.firmware_sim.dsp32c.codegen.code import (
    POOL,
    POOLS,
    SCRATCH,
    Acc,
    Access,
    Ins,
    Memory,
    Operand,
    Register,
)
from dsplet.firmware_sim.dsp32c.codegen.instructions import sets_flags
from dsplet.firmware_sim.dsp32c.codegen.schedule import (
    LOAD_LATENCY,
    MULTIPLIER_LATENCY,
    STALL_CYCLES,
    STORE_LATENCY,
)
from dsplet.firmware_sim.dsp32c.codegen.shape import DO_INSTRUCTIONS
from dsplet.quantize.fixed.statement import Affine

LANES = 4
"""Turns side by side at most; each may need a word of scratch."""
REGISTERS = tuple(map(Acc, range(4)))
CONDITIONAL = ("ifalt", "ifaeq", "ifagt")
BRANCH_CYCLES = 1
"""What a turn of a loop costs that is too long for a `do`."""


def accumulators_read(ins: Ins) -> list[tuple[str, Acc]]:
    """The accumulators that it reads, by letter."""
    kept = ins.operands.get("G") in CONDITIONAL
    return [(letter, o) for letter, o in ins.operands.items() if isinstance(o, Acc)
            and letter not in ins.row.writes and (letter not in ins.row.updates or kept)]


def both_constant(ins: Ins) -> bool:
    """Whether both its operands are words of the pool, which lie in one bank."""
    return all(isinstance(o := ins.operands.get(n), Access) and o.buffer == POOL for n in "XY")


# --- cycles -------------------------------------------------------------------------------------
def turn_cycles(body: list[Ins]) -> float:
    """What a turn takes, followed by the next."""
    if not body:
        return 0
    at = _issue([*body, *body])
    turn = at[-1] - at[len(body) - 1]
    return turn + BRANCH_CYCLES * (turn > DO_INSTRUCTIONS) + STALL_CYCLES * sum(
        map(both_constant, body))


def _issue(code: list[Ins]) -> list[int]:
    """When each instruction is issued, in this order."""
    at: list[int] = []
    for n, ins in enumerate(code):
        earliest = at[-1] + 1 if at else 0
        for prior, when in zip(code[max(0, n - STORE_LATENCY):n], at[max(0, n - STORE_LATENCY):],
                               strict=True):
            earliest = max(earliest, when + _latency(prior, ins))
        at.append(earliest)
    return at


def _latency(prior: Ins, ins: Ins) -> int:
    """How many slots after `prior` `ins` reads what it should; see `schedule.latency`."""
    need = 0
    if prior.accumulator in ins.multiplied:
        need = MULTIPLIER_LATENCY
    if prior.row.late and prior.written & (ins.read | ins.written):
        need = max(need, LOAD_LATENCY)
    stored = _stored(prior)
    if stored and any(_may_meet(stored, a) for a in _loaded(ins)):
        need = STORE_LATENCY
    return need


def _stored(ins: Ins) -> Access | None:
    return next((a for _, a in ins.accesses if a.write), None)


def _loaded(ins: Ins) -> list[Access]:
    return [a for _, a in ins.accesses if not a.write]


def _may_meet(a: Access, b: Access) -> bool:
    """Whether a word is taken to be the same by the scheduler, which knows elements of fixed place
    apart."""
    return a.buffer == b.buffer and bool(a.index.terms or b.index.terms or a.index == b.index)


# --- turns side by side -------------------------------------------------------------------------
@dataclass(eq=False)
class _Node:
    """An instruction of a lane. reads: the numbers of the values that it reads, by letter; makes:
    the number of the one that it writes, None where it writes no accumulator. before: what must
    stand in front of it, and by how many slots. locked: those that decide by the flags it sets."""

    ins: Ins
    lane: int
    reads: dict[str, int]
    makes: int | None
    before: list[tuple[_Node, int]] = field(default_factory=list)
    locked: list[_Node] = field(default_factory=list)
    deciding: bool = False
    height: int = 0
    slot: int = -1


class Lanes:
    """`lanes` turns of a body as a graph of what waits for what. stride: turns by which it goes
    on."""

    def __init__(self, body: list[Ins], var: str, lanes: int, stride: int, kept: frozenset[Acc]
                 ) -> None:
        self.kept, self.values = kept, 0
        self.possible = True
        self.nodes: list[_Node] = []
        for lane in range(lanes):
            self._add([_in_lane(i, body, var, lane, stride) for i in body], lane)
        self._order()

    def _add(self, code: list[Ins], lane: int) -> None:
        """A lane's instructions, each accumulator's every value by a number of its own."""
        held: dict[Acc, tuple[int, _Node]] = {}
        setter: _Node | None = None
        for ins in code:
            node = _Node(ins, lane, {}, None)
            for letter, a in accumulators_read(ins):
                if a in held:
                    value, maker = held[a]
                    node.reads[letter] = value
                    late = letter in ins.row.multiplies
                    node.before.append((maker, MULTIPLIER_LATENCY if late else 1))
            if ins.operands.get("G") in CONDITIONAL:
                self.possible &= setter is not None
                if setter:
                    node.deciding = True
                    setter.locked.append(node)
            if ins.accumulator is not None:
                node.makes = self.values
                held[ins.accumulator] = self.values, node
                self.values += 1
            if sets_flags(ins):
                setter = node
            self.nodes.append(node)

    def _order(self) -> None:
        """What registers and memory ask for; a pointer's steps stay in their order."""
        for n, node in enumerate(self.nodes):
            for prior in self.nodes[:n]:
                if wait := _wait(prior, node):
                    node.before.append((prior, wait))
        for node in reversed(self.nodes):
            for prior, wait in node.before:
                prior.height = max(prior.height, node.height + wait)

    def fastest(self) -> list[Ins] | None:
        """The instructions in the order that takes fewest cycles of those that are tried; None
        where there are not enough accumulators."""
        if not self.possible:
            return None
        orders: list[Callable[[_Node], tuple[int, ...]]] = [
            lambda n: (-n.height, n.lane), lambda n: (n.lane, -n.height),
            lambda n: (-n.height - 2 * (n.makes is None or not n.reads), n.lane)]
        best: list[Ins] | None = None
        for order in orders:
            code = _List(self, order).code()
            if code and (best is None or turn_cycles(code) < turn_cycles(best)):
                best = code
            if best and turn_cycles(best) == len(best):
                break
        return best


def _in_lane(ins: Ins, body: list[Ins], var: str, lane: int, stride: int) -> Ins:
    """The instruction of turn stride * var + lane: a word of scratch and address registers of its
    own, and a pointer for each run of elements."""
    indices = sorted({r for i in body for r in address_registers(i)})
    scratch = 1 + max((a.index.const for i in body for _, a in i.accesses if a.buffer == SCRATCH),
                      default=0)

    def own(name: str) -> str:
        number = int(name.removeprefix("index")) if name in indices else 0
        return f"index{number + lane * len(indices)}" if name in indices else name

    def at(o: Operand) -> Operand:
        match o:
            case Access():
                if o.buffer == SCRATCH:
                    return replace(o, index=o.index + lane * scratch)
                turn = Affine(lane, ((var, stride),))
                return replace(o, index=o.index.substitute(var, turn), lane=_run(o, body, var))
            case Register(name, width):
                return Register(own(name), width)
            case Memory(pointer):
                return replace(o, pointer=own(pointer))
        return o

    return ins.map(at)


def address_registers(ins: Ins) -> set[str]:
    """The pointers into tables that it uses."""
    return {n for n in ins.read | ins.written if isinstance(n, str) and n.startswith("index")}


def _run(access: Access, body: list[Ins], var: str) -> int:
    """The lane of its stream: elements that lie further apart than a turn moves are runs of their
    own."""
    alike = sorted({a.index.const for i in body for _, a in i.accesses
                    if a.stream == access.stream})
    step = abs(access.index.coefficient(var))
    if access.buffer in POOLS or alike[-1] - alike[0] < step or not step:
        return access.lane
    return access.lane + 2 * alike.index(access.index.const)


def _wait(prior: _Node, node: _Node) -> int:
    """By how many slots `prior` must stand before `node` for other reasons than accumulators; 0
    where it need not."""
    p, i = prior.ins, node.ins
    wait = 0
    if names := {n for n in p.written & (i.read | i.written) if isinstance(n, str)}:
        wait = LOAD_LATENCY if p.row.late and names else 1
    if any(isinstance(n, str) for n in p.read & i.written):
        wait = max(wait, 1)
    for _, a in p.accesses:
        for _, b in i.accesses:
            if a.buffer == b.buffer and (a.write or b.write) and not _apart(a, b):
                wait = max(wait, STORE_LATENCY if a.write and not b.write else 1)
            elif a.stream == b.stream and a.buffer not in POOLS:
                wait = max(wait, 1)
    return wait


def _apart(a: Access, b: Access) -> bool:
    """Whether they are two elements, for certain, in every turn."""
    return a.index.terms == b.index.terms and a.index.const != b.index.const


class _List:
    """One list schedule: at every slot, of the instructions that may be issued, the first in some
    order."""

    def __init__(self, lanes: Lanes, order: Callable[[_Node], tuple[int, ...]]) -> None:
        self.waiting = sorted(lanes.nodes, key=order)
        for n in self.waiting:
            n.slot = -1
        self.uses = Counter(v for n in lanes.nodes for v in n.reads.values())
        self.free = [a for a in REGISTERS if a not in lanes.kept]
        self.held: dict[int, Acc] = {}
        self.issued: list[_Node] = []
        self.result: list[Ins] = []
        self.pending: list[_Node] = []
        """Those that decide by the flags as they are."""

    def code(self) -> list[Ins] | None:
        slot = 0
        while self.waiting:
            node = next((n for n in self.waiting if self._may(n, slot)), None)
            if node is not None:
                self._issue(node, slot)
            elif all(n.slot + STORE_LATENCY < slot for n in self.issued[-STORE_LATENCY:]):
                return None  # nothing will ever come of waiting
            slot += 1
        return self.result

    def _may(self, node: _Node, slot: int) -> bool:
        """Whether it can be issued now."""
        if any(p.slot < 0 or p.slot + wait > slot for p, wait in node.before):
            return False
        if any(s.slot + STORE_LATENCY > slot and any(_may_meet(stored, a)
               for a in _loaded(node.ins)) for s in self.issued[-STORE_LATENCY:]
               if (stored := _stored(s.ins))):
            return False
        if node.deciding:
            return bool(self.pending) and self.pending[0] is node
        if self.pending and sets_flags(node.ins):
            return False
        ready = all(p.slot >= 0 or p is node for n in node.locked for p, _ in n.before)
        return ready and self._accumulator(node) is not None

    def _accumulator(self, node: _Node) -> Acc | None:
        """Where its result would go; a0, which nothing needs, of one that has none."""
        if node.makes is None:
            return REGISTERS[0]
        dying = [self.held[v] for v in node.reads.values() if self._last_use(v, node)]
        return next(iter([*dying, *self.free]), None)

    def _last_use(self, value: int, node: _Node) -> bool:
        return self.uses[value] == sum(v == value for v in node.reads.values())

    def _issue(self, node: _Node, slot: int) -> None:
        read = {letter: self.held[v] for letter, v in node.reads.items()}
        written = read["A"] if node.deciding else self._accumulator(node)
        assert written is not None
        for value in set(node.reads.values()):
            if self._last_use(value, node):
                self.free.append(self.held.pop(value))
        self.uses.subtract(node.reads.values())
        operands = dict(node.ins.operands) | read
        if node.makes is not None:
            operands["A"] = written
            if self.uses[node.makes]:
                self.held[node.makes] = written
                self.free.remove(written)
        self.free.sort(key=lambda a: a.number)
        self.result.append(replace(node.ins, operands=operands))
        self.issued.append(node)
        node.slot = slot
        self.waiting.remove(node)
        if node.deciding:
            self.pending.remove(node)
        if node.locked:
            self.pending = list(node.locked)
