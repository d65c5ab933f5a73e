"""The instructions that code generation uses, by what they do."""

from __future__ import annotations

from dataclasses import replace

from dsplet.firmware_sim.dsp32c.codegen.code import (
    Acc,
    Access,
    Address,
    Ins,
    Label,
    Memory,
    Operand,
    Register,
)
from dsplet.firmware_sim.dsp32c.isa.da import FLAGLESS
from dsplet.firmware_sim.dsp32c.isa.instruction_set import TABLE

Source = Acc | Access | Memory
"""What the multiplier and the adder read."""

MOVE = TABLE.row("DA 1", "{Z}{A} = {F}{Y}")
SUM = TABLE.row("DA 1", "{Z}{A} = {F}{Y} {S} {X}")
SCALED_SUM = TABLE.row("DA 1", "{Z}{A} = {F}{Y} {S} {M} * {X}")
PRODUCT = TABLE.row("DA 3", "{Z}{A} = {S}{Y} * {X}")
PRODUCT_SUM = TABLE.row("DA 3", "{Z}{A} = {F}{M} {S} {Y} * {X}")
TAPPED_SUM = TABLE.row("DA 2", "{A} = {F}{M} {S} ({Z}{Y}) * {X}")
FUNCTION = TABLE.row("DA 5", "{Z}{A} = {G}({Y})")
LOAD = TABLE.row("7b", "{D} = {P}")
LOAD_DIRECT = TABLE.row("7a", "{D} = *{N}")
STORE_DIRECT = TABLE.row("7a", "*{N} = {D}")
SET = TABLE.row("8b", "{D} = {M}")
SET_COUNTER = TABLE.row("5a", "{D} = {N}")
ADD_NUMBER = TABLE.row("5b", "{D} = {H} + {N}")
ADD_REGISTER = TABLE.row("6b", "{K}{D} = {D} {F} {A}")
MASK = TABLE.row("6d", "{D} = {D} {F} {N}")
DO = TABLE.row("3b", "do {K},{N}")
COUNT = TABLE.row("3a", "if ({M}-- >= 0) goto {N}")
GOTO = TABLE.row("1", "{C}goto {N}")
CALL = TABLE.row("8c", "call {M} ({R})")
RETURN = TABLE.row("1", "return ({H})")
DAUC = TABLE.row("5a", "dauc = {N}")
NOP = Ins(TABLE.row("0", "nop"), {})


# --- floating point -----------------------------------------------------------------------------
def move(a: Acc, source: Source) -> Ins:
    """a = source."""
    return Ins(MOVE, {"A": a, "Y": source})


def multiply(a: Acc, y: Source, x: Source) -> Ins:
    """a = y * x."""
    return Ins(PRODUCT, {"A": a, "Y": y, "X": _apart(x, y)})


def add(a: Acc, addend: Source, *factors: Source, sign: str = "+", minus: bool = False,
        mac: bool = False, early: bool = False) -> Ins:
    """a = addend + factors, one or the product of two. minus: it is -addend."""
    signs: dict[str, Operand] = {"A": a, "F": "-" * minus, "S": sign}
    if len(factors) == 1:
        return Ins(SUM, signs | {"Y": addend, "X": _apart(factors[0], addend)}, mac, early)
    left, right = factors
    if isinstance(addend, Acc):
        return Ins(PRODUCT_SUM, signs | {"M": addend, "Y": left, "X": _apart(right, left)}, mac,
                   early)
    return Ins(SCALED_SUM, signs | {"Y": addend, "M": left, "X": _apart(right, addend)}, mac, early)


def tap(mac: Ins, y: Access, x: Operand, z: Access) -> Ins:
    """A multiply-accumulate of other factors, of which it stores y (dsp32c.md 5.2, format 2)."""
    factors: dict[str, Operand] = {"Y": y, "X": _apart(x, y), "Z": z}
    return Ins(TAPPED_SUM, mac.operands | factors, mac.mac)


def subtract(a: Acc, addend: Source, *factors: Source) -> Ins:
    """a = addend - factors, one or the product of two."""
    return add(a, addend, *factors, sign="-")


def apply(function: str, a: Acc, source: Source) -> Ins:
    """a = function(source)."""
    return Ins(FUNCTION, {"A": a, "G": function, "Y": source})


def sets_flags(ins: Ins) -> bool:
    """Whether a comparison after it sees its result (dsp32c.md 5.3)."""
    return ins.accumulator is not None and ins.operands.get("G") not in FLAGLESS


def _apart(x: Operand, y: Operand) -> Operand:
    """X with a stream, and so a pointer, other than Y's."""
    if isinstance(x, Access) and isinstance(y, Access) and x.stream == y.stream:
        return replace(x, lane=1)
    return x


# --- registers and control ----------------------------------------------------------------------
def load(register: str, source: Access | Memory | Address) -> Ins:
    """register = what memory holds there."""
    if isinstance(source, Address):
        return Ins(LOAD_DIRECT, {"D": Register(register), "N": source})
    return Ins(LOAD, {"D": Register(register), "P": source})


def store(register: str, at: Address) -> Ins:
    """What memory holds there = register."""
    return Ins(STORE_DIRECT, {"D": Register(register), "N": at})


def set_to(register: str, value: int | Label) -> Ins:
    """register = a constant, or the address of a label."""
    number = value if isinstance(value, Label) else Address(value)
    return Ins(SET, {"D": Register(register), "M": number})


def copy(register: str, source: str) -> Ins:
    """register = another register."""
    return Ins(ADD_NUMBER, {"D": Register(register), "H": Register(source), "N": 0})


def advance(register: str, by: int | Access | str) -> Ins:
    """register = register + a number, an address or another register."""
    d = Register(register)
    if isinstance(by, int):
        return Ins(ADD_NUMBER, {"D": d, "H": d, "N": by})
    return Ins(ADD_REGISTER, {"D": d, "F": "+", "A": Register(by) if isinstance(by, str) else by})


def mask(register: str, bits: int) -> Ins:
    """register = register & bits."""
    return Ins(MASK, {"D": Register(register), "F": "&", "N": bits})


def do(instructions: int, turns: int) -> Ins:
    """The next instructions run so many times."""
    return Ins(DO, {"K": instructions - 1, "N": turns - 1})


def start_counter(counter: str, turns: int) -> Ins:
    """Before a loop that `count` closes: it falls through once the counter was below 0."""
    return Ins(SET_COUNTER, {"D": Register(counter, ""), "N": turns - 2})


def count(counter: str, to: Label) -> Ins:
    """Another turn from the label, after the next instruction."""
    return Ins(COUNT, {"M": Register(counter, ""), "N": to})


def goto(to: Label) -> Ins:
    """Go on at a label."""
    return Ins(GOTO, {"N": to})


def call(to: Label, register: str) -> Ins:
    """Go on at a label, after the next instruction; the register holds the address behind that."""
    return Ins(CALL, {"M": to, "R": Register(register, "")})


def back(register: str) -> Ins:
    """Go on where the register says, after the next instruction."""
    return Ins(RETURN, {"H": Register(register, "")})


def control(bits: int) -> Ins:
    """dauc = bits (dsp32c.md 2)."""
    return Ins(DAUC, {"N": bits})
