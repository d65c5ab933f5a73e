"""The DSP32C's integer arithmetic: formats 5, 6 and 8b [dsp32c.md 5.4, 6; A M].

A row's layout, spelling and effect stand together.  A 16-bit form reads the low 16 bits and writes
its result sign-extended to 24 [M].  Rows that differ in width only are made for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dsplet.firmware_sim.dsp32c.isa import operands as o
from dsplet.firmware_sim.dsp32c.isa.operands import signed
from dsplet.firmware_sim.dsp32c.isa.table import Instruction, Operand, choice

N, Z, V, C = 8, 4, 2, 1  # CAU flags: negative, zero, overflow, carry


def _add(a, b, bits, carry):
    total = a + b
    return total, (a ^ total) & (b ^ total), total >> bits


def _subtract(minuend, subtrahend, bits):
    """Carry is the borrow [dsp32c.md 6, M A]."""
    total = minuend - subtrahend
    return total, (minuend ^ subtrahend) & (minuend ^ total), minuend < subtrahend


def mirror(value: int, bits: int) -> int:
    """The bits in reverse order."""
    return int(f"{value:0{bits}b}"[::-1], 2)


def reverse_add(a: int, b: int, bits: int) -> int:
    """Addition whose carries run from bit `bits`-1 down: FFT addressing [A; result K85]."""
    return mirror(mirror(a, bits) + mirror(b, bits) & (1 << bits) - 1, bits)


def _reverse_add(a, b, bits, carry):  # flags are an assumption: v = 0, c the last carry [K50]
    return reverse_add(a, b, bits), 0, mirror(a, bits) + mirror(b, bits) >> bits


def _double(a, b, bits, carry):
    return a << 1, a ^ a << 1, a >> bits - 1


def _rotate_left(a, b, bits, carry):  # v = 0 as in MAME; the DSP3210 gives overflow [M, K50]
    return a << 1 | carry, 0, a >> bits - 1


# F: function of (rS1 or N, rS2 or rD, bits, carry) -> result, overflow in its sign bit, carry
OPERATIONS = {
    0: _add,
    1: _double,
    2: lambda a, b, bits, carry: _subtract(a, b, bits),
    3: _reverse_add,
    4: lambda a, b, bits, carry: _subtract(b, a, bits),
    5: lambda a, b, bits, carry: _subtract(0, a, bits),
    6: lambda a, b, bits, carry: (b & ~a, 0, 0),
    7: lambda a, b, bits, carry: _subtract(b, a, bits),
    8: lambda a, b, bits, carry: (a ^ b, 0, 0),
    9: lambda a, b, bits, carry: (a >> 1 | carry << bits - 1, 0, a & 1),
    10: lambda a, b, bits, carry: (a | b, 0, 0),
    11: _rotate_left,
    12: lambda a, b, bits, carry: (a >> 1, 0, a & 1),
    13: lambda a, b, bits, carry: (a >> 1 | a & 1 << bits - 1, 0, a & 1),
    14: lambda a, b, bits, carry: (a & b, 0, 0),
    15: lambda a, b, bits, carry: (a & b, 0, 0),
}
_COMPARE, _TEST = 7, 15
_BINARY = {"+": 0, "-": 4, "&~": 6, "^": 8, "|": 10, "&": 14}
_BINARY_SIGN = choice("an operator (+ - &~ ^ | &)", _BINARY)
_IMMEDIATE_SIGN = choice("an operator (- &~ ^ | &)", {s: f for s, f in _BINARY.items() if f})
_IMMEDIATE = {"0": o.IMMEDIATE16, "1": o.IMMEDIATE24}
_NUMBER = "NNNNNNNNNNNNNNNN"
_SHIFT_SIGN = choice("* 2, / 2, >> 1, >>> 1 or <<< 1",
                     {"* 2": 1, ">>> 1": 9, "<<< 1": 11, ">> 1": 12, "/ 2": 13},
                     r"(?:\*\s*2|/\s*2|>>\s*1|>>>\s*1|<<<\s*1)(?!\w)")

# Conditions on the CAU flags n z v c [dsp32c.md 5.4, M A]; odd codes are the complements
_CAU_TRUE = [
    lambda n, z, v, c: False, lambda n, z, v, c: not n, lambda n, z, v, c: not z,
    lambda n, z, v, c: not v, lambda n, z, v, c: not c, lambda n, z, v, c: n == v,
    lambda n, z, v, c: not (z or n != v), lambda n, z, v, c: not (c or z),
]
# and on the DAU flags N Z U V: auc, age, ane, avc, agt
_DAU_TRUE = [
    lambda n, z, u, v: not u, lambda n, z, u, v: not n, lambda n, z, u, v: not z,
    lambda n, z, u, v: not v, lambda n, z, u, v: not (n or z),
]


def holds(machine, condition: int, transfers: bool = False) -> bool:
    """Whether a condition code (0..63) is true for the flags that a CAU instruction sees now, one
    that transfers control or another."""
    if condition < 2:
        return condition == 1
    if condition >= 32:
        machine.unsupported("an I/O condition")
    table, flags = ((_CAU_TRUE, machine.cau_flags(transfers)) if condition < 16 else
                    (_DAU_TRUE, machine.dau_flags_seen_by_cau()))
    true = table[(condition & 15) >> 1](*(bool(flags & bit) for bit in (8, 4, 2, 1)))
    return true != bool(condition & 1)


def _compute(machine, function, destination, a, b, bits):
    """Run one ALU function, set the flags, write the sign-extended result."""
    mask = (1 << bits) - 1
    carry = machine.cau_flags() & C if function in (9, 11) else 0
    result, overflow, carry = OPERATIONS[function](a & mask, b & mask, bits, carry)
    result &= mask
    top = bits - 1
    machine.nzvc = (N * (result >> top) | Z * (result == 0)
                    | V * (overflow >> top & 1) | C * (carry & 1))
    if function not in (_COMPARE, _TEST):
        machine.set_reg(destination, signed(result, bits))


def _alu(bits, function=None, second="D"):
    """Formats 6a, 6b: rD = rS2 op rS1 under a condition."""

    def effect(machine, f):
        if f.K and not holds(machine, f.K >> 1):
            return
        _compute(machine, f.F if function is None else function, f.D, machine.reg(f.A),
                 machine.reg(getattr(f, second)) if second else 0, bits)

    return effect


def _alu_immediate(bits, function=None):
    """Formats 6c, 6d: rD = rD op N; N is sign-extended in 24-bit forms [M]."""

    def effect(machine, f):
        _compute(machine, f.F if function is None else function, f.D, signed(f.N),
                 machine.reg(f.D), bits)

    return effect


def _add_immediate(bits):
    """Formats 5a, 5b: rD = rH + N."""

    def effect(machine, f):
        base = machine.reg(f.H) if hasattr(f, "H") else 0
        _compute(machine, 0, f.D, signed(getattr(f, "N", 0)), base, bits)

    return effect


def _alu_rows() -> Iterator[Instruction]:
    for wide, suffix, bits in (("0", "", 16), ("1", "e", 24)):
        yield from _addition_rows(wide, suffix, bits)
        yield from _immediate_rows(wide, suffix, bits)
        yield from _register_rows(wide, suffix, bits)
        yield from _alias_rows(wide, suffix, bits)
    yield Instruction("8b", "110 MMMMMMMM DDDDD MMMMMMMMMMMMMMMM", "{D} = {M}",
                      {"D": o.DESTINATION["e"], "M": o.WIDE}, lambda m, f: m.set_reg(f.D, f.M),
                      writes="D")


def _addition_rows(wide: str, suffix: str, bits: int) -> Iterator[Instruction]:
    add, name = f"{wide}00101 DDDDD", "5b" if wide == "1" else "5a"
    d, immediate = o.DESTINATION[suffix], _IMMEDIATE[wide]
    base, or_zero = o.registers(suffix, pc=True), o.registers(suffix, pc=True, zero=True)
    if wide == "0":  # 24-bit constants are 8b
        yield Instruction(name, add + f"00000 {_NUMBER}", "{D} = {N}",
                          {"D": d, "N": immediate}, _add_immediate(bits), writes="D")
    yield Instruction(name, add + "HHHHH 0000000000000000", "{D} = {H}",
                      {"D": d, "H": base}, _add_immediate(bits), writes="D")
    yield Instruction(name, add + f"HHHHH {_NUMBER}", "{D} = {H} + {N}",
                      {"D": d, "H": or_zero, "N": immediate}, _add_immediate(bits), writes="D")


def _alias_rows(wide: str, suffix: str, bits: int) -> Iterator[Instruction]:
    """What people write, and is never printed: subtraction of a number from another register, which
    sets the carry as the addition that it is; moves under a condition; # for reversed carries."""
    add, alu, name = f"{wide}00101 DDDDD", f"{wide}001100", "b" if wide == "1" else "a"
    d, s = o.DESTINATION[suffix], o.SOURCE[suffix]
    number = o.IMMEDIATE24 if wide == "1" else o.IMMEDIATE16
    reversed_add = f"{alu} 0011 DDDDD"

    def row(form: str, layout: str, spelling: str, **kinds: Operand) -> Instruction:
        return Instruction(form + name, layout, spelling, {"D": d} | kinds, _alu(bits), alias=True)

    yield row("5", add + f"HHHHH {_NUMBER}", "{D} = {H} - {N}",
              H=o.registers(suffix, pc=True, zero=True), N=o.negated(number))
    yield row("6", f"{alu} 0000 DDDDD KKKK1K 00000 BBBBB", "{K}{D} = {B}", K=o.WHEN, B=s)
    yield row("6", f"{reversed_add} KKKK0K AAAAA 00000", "{K}{D} = {D} # {A}", K=o.WHEN, A=s)
    yield row("6", f"{reversed_add} KKKK1K AAAAA BBBBB", "{K}{D} = {B} # {A}",
              K=o.WHEN, A=s, B=s)
    yield Instruction("6" + ("d" if wide == "1" else "c"),
                      f"{wide}001101 0011 DDDDD {_NUMBER}", "{D} = {D} # {N}",
                      {"D": d, "N": number}, _alu_immediate(bits), alias=True)


def _immediate_rows(wide: str, suffix: str, bits: int) -> Iterator[Instruction]:
    name, number = "6d" if wide == "1" else "6c", f"DDDDD {_NUMBER}"
    reads = {"D": o.DESTINATION[suffix], "N": _IMMEDIATE[wide]}
    for function, spelling, sign in (("FFFF", "{D} = {D} {F} {N}", {"F": _IMMEDIATE_SIGN}),
                                     ("0010", "{D} = {N} - {D}", {}),
                                     ("0011", "{D} = {D} +r {N}", {})):
        yield Instruction(name, f"{wide}001101 {function} {number}", spelling, reads | sign,
                          _alu_immediate(bits, None if sign else int(function, 2)), updates="D")
    yield Instruction(name, f"{wide}001101 0111 {number}", "{D} - {N}", reads,
                      _alu_immediate(bits, _COMPARE))
    yield Instruction(name, f"{wide}001101 1111 {number}", "{D} & {N}", reads,
                      _alu_immediate(bits, _TEST))


def _register_rows(wide: str, suffix: str, bits: int) -> Iterator[Instruction]:
    alu, name = f"{wide}001100", "6b" if wide == "1" else "6a"
    d, s, a = o.DESTINATION[suffix], o.SOURCE[suffix], o.SECOND[suffix]
    two, three, one = "KKKK0K AAAAA 00000", "KKKK1K AAAAA BBBBB", "KKKK1K AAAAA 00000"

    def row(function: str, rest: str, spelling: str, effect: Callable[..., None],
            writes: str = "", updates: str = "", **kinds: Operand) -> Instruction:
        return Instruction(name, f"{alu} {function} DDDDD {rest}", spelling,
                           {"K": o.WHEN, "D": d, "A": a} | kinds, effect, writes=writes,
                           updates=updates)

    yield row("FFFF", two, "{K}{D} = {D} {F} {A}", _alu(bits), updates="D", F=_BINARY_SIGN)
    yield row("0010", two, "{K}{D} = {A} - {D}", _alu(bits, 2), updates="D")
    yield row("FFFF", three, "{K}{D} = {B} {F} {A}", _alu(bits, second="B"), "D",
              F=_BINARY_SIGN, B=s)
    yield row("0010", three, "{K}{D} = {A} - {B}", _alu(bits, 2, "B"), "D", B=s)
    yield row("0011", two, "{K}{D} = {D} + {A}", _alu(bits, 3), updates="D", A=o.REVERSED)
    yield row("0011", three, "{K}{D} = {B} + {A}", _alu(bits, 3, "B"), "D", A=o.REVERSED, B=s)
    for unused in (two, one):
        yield row("0101", unused, "{K}{D} = -{A}", _alu(bits, 5, None), "D", A=s)
        yield row("FFFF", unused, "{K}{D} = {A} {F}", _alu(bits, second=None), "D",
                  A=s, F=_SHIFT_SIGN)
    yield row("0111", two, "{K}{D} - {A}", _alu(bits, _COMPARE))
    yield row("1111", two, "{K}{D} & {A}", _alu(bits, _TEST))


ROWS = list(_alu_rows())
