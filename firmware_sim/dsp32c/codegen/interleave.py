"""Turns side by side: what one element waits for is the work of others.

The turns of an innermost loop that carry nothing from one to the next are taken several at a time,
and their instructions are issued as soon as what they need is there (dsp32c.md 7). Each number gets
an accumulator for as long as it is needed, whichever is free.
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
    Code,
    Ins,
    Memory,
    Operand,
    Register,
    Turns,
)
from dsplet.firmware_sim.dsp32c.codegen.instructions import (
    MOVE,
    PRODUCT_SUM,
    SCALED_SUM,
    SUM,
    move,
    sets_flags,
)
from dsplet.firmware_sim.dsp32c.codegen.schedule import (
    LOAD_LATENCY,
    MULTIPLIER_LATENCY,
    STORE_LATENCY,
)
from dsplet.firmware_sim.dsp32c.codegen.shape import DO_INSTRUCTIONS
from dsplet.quantize.fixed.statement import Affine

LANES = 4
"""Turns side by side at most; each may need a word of scratch."""
REGISTERS = tuple(map(Acc, range(4)))
HELD = Acc(-1)
"""The one that holds a constant, before it is known which that is."""
CONDITIONAL = ("ifalt", "ifaeq", "ifagt")
STALL_CYCLES = 0.25
"""Of two operands in one bank (dsp32c.md 4.4)."""
BRANCH_CYCLES = 1
"""What a turn of a loop costs that is too long for a `do`."""


def interleave(code: Code, least: float, after: frozenset[Acc] = frozenset()) -> Code:
    """The code with every loop interleaved that is faster so. least: cycles that an instruction
    more must save. after: accumulators that are read behind it."""
    result: Code = []
    live = after
    for item in reversed(code):
        if not isinstance(item, Turns):
            result.insert(0, item)
        elif (faster := _interleaved(item, least, live)) is not None:
            result[:0] = faster
        else:
            around = live | _live([item], live)
            result.insert(0, replace(item, body=interleave(item.body, least, around)))
        live = _live([item], live)
    return result


def _live(code: Code, after: frozenset[Acc]) -> frozenset[Acc]:
    """The accumulators that are read in the code, or behind it, before they are written."""
    live = after
    for item in reversed(code):
        if isinstance(item, Turns):
            live = live | _live(item.body, live | _live(item.body, live))
        elif isinstance(item, Ins):
            live = live - {item.accumulator} | {a for _, a in _read(item)}
    return live


def _read(ins: Ins) -> list[tuple[str, Acc]]:
    """The accumulators that it reads, by letter."""
    kept = ins.operands.get("G") in CONDITIONAL
    return [(letter, o) for letter, o in ins.operands.items() if isinstance(o, Acc)
            and letter not in ins.row.writes and (letter not in ins.row.updates or kept)]


def _interleaved(loop: Turns, worth: float, after: frozenset[Acc]) -> Code | None:
    """The loop by several turns at a time, if that takes fewer cycles. worth: what an instruction
    more must save."""
    body = [i for i in loop.body if isinstance(i, Ins)]
    kept = after | _live(loop.body, frozenset())
    if len(body) < len(loop.body) or any(i.mac or i.early or i.accumulator in kept for i in body):
        return None
    best: Code | None = None
    least = loop.extent * _turn_cycles(body) + worth * len(body)
    for constant in (None, *_constants(body)):
        code, setup, held, a = body, Code(), kept, None
        if constant:
            a = next((a for a in reversed(REGISTERS) if a not in kept), None)
            if a is None:
                continue
            code, setup, held = _without(body, constant), [move(a, constant)], kept | {a}
        for lanes in range(1, min(_most_lanes(code), loop.extent) + 1):
            if loop.extent * len(code) + len(setup) >= least:
                break
            if found := _by_lanes(code, loop, lanes, held):
                cycles, looped = found
                price = len(setup) + cycles + worth * (len(setup) + _size(looped))
                if price < least:
                    least, best = price, [*setup, *_placed(looped, a)] if a else looped
    return best


def _placed(code: Code, held: Acc) -> Code:
    """The code with an accumulator for HELD."""
    return [Turns(i.var, i.extent, _placed(i.body, held)) if isinstance(i, Turns) else
            i.map(lambda o: held if o == HELD else o) if isinstance(i, Ins) else i for i in code]


def _size(code: Code) -> int:
    """How many instructions it has."""
    return sum(_size(i.body) if isinstance(i, Turns) else 1 for i in code)


def _by_lanes(body: list[Ins], loop: Turns, lanes: int, kept: frozenset[Acc]
              ) -> tuple[float, Code] | None:
    """The cycles and the code of the loop by so many turns at a time."""
    whole, rest = divmod(loop.extent, lanes)
    turns = _Lanes(body, loop.var, lanes, lanes, kept).fastest()
    left = _Lanes(body, loop.var, rest, lanes, kept).fastest() if rest else []
    if turns is None or left is None:
        return None
    cycles = whole * _turn_cycles(turns) + _turn_cycles(left)
    looped: Code = [Turns(loop.var, whole, turns)] if whole > 1 else [
        _at_turn(i, loop.var, 0) for i in turns]
    return cycles, [*looped, *(_at_turn(i, loop.var, whole) for i in left)]


def _most_lanes(body: list[Ins]) -> int:
    return LANES // (1 + max((a.index.const for i in body for _, a in i.accesses
                              if a.buffer == SCRATCH), default=0))


# --- a constant in an accumulator ---------------------------------------------------------------
def _constants(body: list[Ins]) -> list[Access]:
    """Constants that spare an instruction or a stall where an accumulator holds them."""
    return list(dict.fromkeys(a for n, i in enumerate(body) for a in (
        _moved_constant(body, n), _added_constant(i)) if a))


def _moved_constant(body: list[Ins], n: int) -> Access | None:
    """The constant that instruction n only brings to where the one that reads it next adds to it,
    if it does."""
    i, y = body[n], body[n].operands.get("Y")
    if i.row is not MOVE or not _is_constant(y) or i.operands.get("F") or "Z" in i.operands:
        return None
    user = next((u for u in body[n + 1:] if i.accumulator in (
        u.accumulator, *(a for _, a in _read(u)))), None)
    if user is None or user.accumulator != i.accumulator or user.row not in (PRODUCT_SUM, SUM):
        return None
    letters = [letter for letter, a in _read(user) if a == i.accumulator]
    return y if letters == [_addend(user)] else None  # type: ignore[return-value]


def _added_constant(i: Ins) -> Access | None:
    """The constant that it adds, if it reads another beside it: both lie in one bank."""
    y = i.operands.get("Y")
    return y if i.row is SCALED_SUM and _is_constant(y) and (  # type: ignore[return-value]
        _is_constant(i.operands["X"])) else None


def _is_constant(o: Operand | None) -> bool:
    return isinstance(o, Access) and o.buffer == POOL


def _addend(ins: Ins) -> str:
    return "M" if ins.row is PRODUCT_SUM else "Y"


def _without(body: list[Ins], constant: Access) -> list[Ins]:
    """The body with the constant in an accumulator, HELD."""
    result, waiting = [], set[Acc]()
    for n, ins in enumerate(body):
        if _moved_constant(body, n) == constant and ins.accumulator:
            waiting.add(ins.accumulator)
            continue
        if ins.accumulator in waiting:
            waiting.remove(ins.accumulator)
            ins = replace(ins, operands=ins.operands | {_addend(ins): HELD})
        elif _added_constant(ins) == constant:
            o = ins.operands
            ins = replace(ins, row=PRODUCT_SUM, operands=o | {"M": HELD, "Y": o["M"]})
        result.append(ins)
    return result


def _at_turn(ins: Ins, var: str, turn: int) -> Ins:
    """What stands behind the loop instead of a turn, with the loop's pointers."""
    def at(o: Operand) -> Operand:
        if not isinstance(o, Access):
            return o
        if not o.index.coefficient(var):
            return o
        return replace(o, index=o.index.substitute(var, turn), group=o.stream)

    return ins.map(at)


# --- cycles -------------------------------------------------------------------------------------
def _turn_cycles(body: list[Ins]) -> float:
    """What a turn takes, followed by the next."""
    if not body:
        return 0
    first, second = (_issue(body * n)[-1] for n in (1, 2))
    turn = second - first
    return turn + BRANCH_CYCLES * (turn > DO_INSTRUCTIONS) + STALL_CYCLES * sum(
        _is_constant(i.operands.get("X")) and _is_constant(i.operands.get("Y")) for i in body)


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


class _Lanes:
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
            for letter, a in _read(ins):
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
        found = [code for order in orders if (code := _List(self, order).code()) is not None]
        return min(found, key=_turn_cycles, default=None)


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

    def __init__(self, lanes: _Lanes, order: Callable[[_Node], tuple[int, ...]]) -> None:
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
