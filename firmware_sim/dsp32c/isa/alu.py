"""The DSP32C's integer arithmetic: formats 5, 6 and 8b [dsp32c.md 5.4, 6; A M].

A row's layout, spelling and effect stand together.  A 16-bit form reads the low 16 bits and writes
its result sign-extended to 24 [M].  Rows that differ in width only are made for both.
"""

from dsplet.firmware_sim.dsp32c.isa import operands as o
from dsplet.firmware_sim.dsp32c.isa.operands import signed
from dsplet.firmware_sim.dsp32c.isa.table import Instruction, choice

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


def holds(machine, condition: int) -> bool:
    """Whether a condition code (0..63) is true for the flags that a CAU instruction sees now."""
    if condition < 2:
        return condition == 1
    if condition >= 32:
        machine.unsupported("an I/O condition")
    table, flags = ((_CAU_TRUE, machine.cau_flags()) if condition < 16 else
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


def _alu_rows():
    for wide, suffix, bits in (("0", "", 16), ("1", "e", 24)):
        d, s, a = o.DESTINATION[suffix], o.SOURCE[suffix], o.SECOND[suffix]
        immediate = o.IMMEDIATE24 if wide == "1" else o.IMMEDIATE16
        add, name = f"{wide}00101 DDDDD", "5b" if wide == "1" else "5a"
        if wide == "0":  # 24-bit constants are 8b
            yield Instruction(name, add + "00000 NNNNNNNNNNNNNNNN", "{D} = {N}",
                              {"D": d, "N": immediate}, _add_immediate(bits))
        base = o.registers(suffix, pc=True)
        yield Instruction(name, add + "HHHHH 0000000000000000", "{D} = {H}",
                          {"D": d, "H": base}, _add_immediate(bits))
        base = o.registers(suffix, pc=True, zero=True)
        yield Instruction(name, add + "HHHHH NNNNNNNNNNNNNNNN", "{D} = {H} + {N}",
                          {"D": d, "H": base, "N": immediate}, _add_immediate(bits))

        imm, name = f"{wide}001101", "6d" if wide == "1" else "6c"
        number = "NNNNNNNNNNNNNNNN"
        reads = {"D": d, "N": immediate}
        yield Instruction(name, f"{imm} FFFF DDDDD {number}", "{D} = {D} {F} {N}",
                          reads | {"F": _IMMEDIATE_SIGN}, _alu_immediate(bits))
        yield Instruction(name, f"{imm} 0010 DDDDD {number}", "{D} = {N} - {D}",
                          reads, _alu_immediate(bits, 2))
        yield Instruction(name, f"{imm} 0011 DDDDD {number}", "{D} = {D} +r {N}",
                          reads, _alu_immediate(bits, 3))
        yield Instruction(name, f"{imm} 0111 DDDDD {number}", "{D} - {N}",
                          reads, _alu_immediate(bits, _COMPARE))
        yield Instruction(name, f"{imm} 1111 DDDDD {number}", "{D} & {N}",
                          reads, _alu_immediate(bits, _TEST))

        alu, name = f"{wide}001100", "6b" if wide == "1" else "6a"
        two, three, one = "KKKK0K AAAAA 00000", "KKKK1K AAAAA BBBBB", "KKKK1K AAAAA 00000"
        ops = {"K": o.WHEN, "D": d, "A": a}
        yield Instruction(name, f"{alu} FFFF DDDDD {two}", "{K}{D} = {D} {F} {A}",
                          ops | {"F": _BINARY_SIGN}, _alu(bits))
        yield Instruction(name, f"{alu} 0010 DDDDD {two}", "{K}{D} = {A} - {D}",
                          ops, _alu(bits, 2))
        yield Instruction(name, f"{alu} FFFF DDDDD {three}", "{K}{D} = {B} {F} {A}",
                          ops | {"F": _BINARY_SIGN, "B": s}, _alu(bits, second="B"))
        yield Instruction(name, f"{alu} 0010 DDDDD {three}", "{K}{D} = {A} - {B}",
                          ops | {"B": s}, _alu(bits, 2, "B"))
        ops = {"K": o.WHEN, "D": d, "A": o.REVERSED}
        yield Instruction(name, f"{alu} 0011 DDDDD {two}", "{K}{D} = {D} + {A}",
                          ops, _alu(bits, 3))
        yield Instruction(name, f"{alu} 0011 DDDDD {three}", "{K}{D} = {B} + {A}",
                          ops | {"B": s}, _alu(bits, 3, "B"))
        ops = {"K": o.WHEN, "D": d, "A": s}
        for unused in (two, one):
            yield Instruction(name, f"{alu} 0101 DDDDD {unused}", "{K}{D} = -{A}",
                              ops, _alu(bits, 5, None))
            yield Instruction(name, f"{alu} FFFF DDDDD {unused}", "{K}{D} = {A} {F}",
                              ops | {"F": _SHIFT_SIGN}, _alu(bits, second=None))
        ops = {"K": o.WHEN, "D": d, "A": a}
        yield Instruction(name, f"{alu} 0111 DDDDD {two}", "{K}{D} - {A}",
                          ops, _alu(bits, _COMPARE))
        yield Instruction(name, f"{alu} 1111 DDDDD {two}", "{K}{D} & {A}",
                          ops, _alu(bits, _TEST))
        if wide == "1":
            yield Instruction("8b", "110 MMMMMMMM DDDDD MMMMMMMMMMMMMMMM", "{D} = {M}",
                              {"D": d, "M": o.WIDE}, lambda m, f: m.set_reg(f.D, f.M))


ROWS = list(_alu_rows())
