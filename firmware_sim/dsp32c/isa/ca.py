"""The DSP32C's control flow and data moves: formats 0 to 4, 7, 8a and 8c [dsp32c.md 5.4, 6; A M].

A row's layout, spelling and effect stand together.  Effects see the machine through `reg`,
`set_reg`, `load`, `store` and `branch`, which keep the latencies of dsp32c.md 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dsplet.firmware_sim.dsp32c.isa import operands as o
from dsplet.firmware_sim.dsp32c.isa.alu import N, Z, holds, reverse_add
from dsplet.firmware_sim.dsp32c.isa.operands import signed
from dsplet.firmware_sim.dsp32c.isa.table import Instruction, Operand


def _target(machine, f, number="N", bits=16):
    base = machine.reg(f.H) if hasattr(f, "H") else 0
    return base + signed(getattr(f, number, 0), bits)


def _goto(machine, f):
    if holds(machine, getattr(f, "C", 1), transfers=True):
        machine.branch(_target(machine, f))


def _goto_wide(machine, f):
    machine.branch(_target(machine, f, "M", 24))


def _loop(machine, f):
    """Test the old 16-bit value, decrement it in any case [dsp32c.md 6, M A]."""
    count = machine.reg(f.M) & 0xFFFF
    machine.set_reg(f.M, signed(count - 1 & 0xFFFF))
    if count < 0x8000:
        machine.branch(_target(machine, f))


def _call(machine, f, number="N", bits=16):
    target = _target(machine, f, number, bits)
    machine.set_reg(f.R, machine.reg(o.PC))
    machine.branch(target)


def _call_wide(machine, f):
    _call(machine, f, "M", 24)


def _do(machine, f):
    repeats = f.N if hasattr(f, "N") else machine.reg(f.M) & 0x7FF
    machine.repeat(f.K + 1, repeats)


def _control_rows() -> Iterator[Instruction]:
    number = "NNNNNNNNNNNNNNNN"

    def goto(form: str, layout: str, prefix: str, given: dict[str, Operand],
             effect: Callable[..., None], updates: str = "") -> Iterator[Instruction]:
        def row(rest: str, spelling: str, alias: bool = False, **to: Operand) -> Instruction:
            return Instruction(form, f"{layout} {rest}", prefix + spelling, given | to, effect,
                               alias, updates=updates)

        yield row(f"00000 {number}", "goto {N}", N=o.TARGET)
        yield row("HHHHH 0000000000000000", "goto {H}", H=o.BASE)
        yield row(f"HHHHH {number}", "goto {H}{N}", H=o.BASE_OR_ZERO, N=o.OFFSET)
        # a label beyond the reach of direct addresses: relative to pc
        yield row(f"01111 {number}", "goto {N}", alias=True, N=o.RELATIVE)
        yield row(f"01111 {number}", "pcgoto {N}", alias=True, N=o.RELATIVE)

    def unsupported(machine, f):
        machine.unsupported("an interrupt return")

    yield Instruction("0", "0" * 32, "nop", {}, lambda machine, f: None)
    yield Instruction("1", "00000 000001 11110 0000000000000000", "ireturn", {}, unsupported)
    yield Instruction("1", "00000 000001 HHHHH 0000000000000000", "return ({H})",
                      {"H": o.BASE}, _goto, alias=True)
    wide = "101 MMMMMMMM HHHHH MMMMMMMMMMMMMMMM"
    short_goto, *more_gotos = goto("1", "00000 CCCCCC", "{C}", {"C": o.IF}, _goto)
    yield short_goto
    yield Instruction("8a", "101 MMMMMMMM 00000 MMMMMMMMMMMMMMMM", "goto {M}",
                      {"M": o.WIDE}, _goto_wide)
    yield from more_gotos
    yield Instruction("8a", wide, "goto {H}{M}", {"H": o.BASE, "M": o.OFFSET_WIDE}, _goto_wide)
    yield from goto("3a", "000011 MMMMM", "if ({M}-- >= 0) ", {"M": o.COUNTER}, _loop,
                    updates="M")
    yield Instruction("8c", "111 MMMMMMMM RRRRR MMMMMMMMMMMMMMMM", "call {M} ({R})",
                      {"M": o.WIDE, "R": o.COUNTER}, _call_wide, writes="R")
    yield Instruction("4", "000100 RRRRR HHHHH 0000000000000000", "call {H} ({R})",
                      {"H": o.BASE, "R": o.COUNTER}, _call, writes="R")
    yield Instruction("4", f"000100 RRRRR HHHHH {number}", "call {H}{N} ({R})",
                      {"H": o.BASE_OR_ZERO, "N": o.OFFSET, "R": o.COUNTER}, _call, writes="R")
    yield Instruction("3b", "1000110 0000 KKKKK 00000 NNNNNNNNNNN", "do {K},{N}",
                      {"K": o.BODY, "N": o.REPEATS}, _do)
    yield Instruction("3c", "1000110 0001 KKKKK 00000000000 MMMMM", "do {K},{M}",
                      {"K": o.BODY, "M": o.COUNTER}, _do)
    # dauc and ioc are written by a literal only [A]
    yield Instruction("5a", "0001011 1010 NNNNN 0000000000000000", "dauc = {N}",
                      {"N": o.DAUC_BITS}, lambda m, f: m.set_reg(o.DAUC, f.N))
    yield Instruction("5a", "0001011 1011 NNNNNNNNNNNNNNNNNNNNN", "ioc = {N}",
                      {"N": o.IOC_BITS}, lambda m, f: m.set_reg(o.IOC, f.N))


_SIZES = [1, 1, 2, 4]  # bytes of widths h, l, 16 bits, 24 bits


def pointer(machine, field, size):
    """The address of `*rP`, `*rP++`... and its post-modification."""
    pointer, step = field >> 5 & 31, field & 31
    address = machine.reg(pointer)
    if step:
        amount = {o.PLUS_ONE: size, o.MINUS_ONE: -size}.get(step)
        amount = machine.reg(step) if amount is None else amount
        machine.set_reg(pointer, reverse_add(address, amount & 0xFFFFFF, 24) if field >> 10
                        else address + amount)
    return address


def loaded(machine, code, width, raw):
    """Loads set n and z from the loaded value, clear v and c; valid two later [dsp32c.md 6, 7]."""
    bits = 24 if width == 3 else 16
    value = (raw & 255) << 8 if width == 0 else raw & (255, 255, 0xFFFF, 0xFFFFFF)[width]
    flags = N * (value >> bits - 1) | Z * (value == 0)
    machine.set_loaded(code, signed(value, bits), flags)


def _stored(value, width):
    return signed(value, 24) & 0xFFFFFFFF if width == 3 else value >> 8 if width == 0 else value


def _load_direct(machine, f):
    width = f.D >> 5
    loaded(machine, f.D & 31, width, machine.load(signed(f.N), _SIZES[width], "X"))


def _store_direct(machine, f):
    width = f.D >> 5
    machine.store(signed(f.N), _SIZES[width], _stored(machine.reg(f.D & 31), width))


def _load_indirect(machine, f):
    width = f.D >> 5
    address = pointer(machine, f.P, _SIZES[width])
    loaded(machine, f.D & 31, width, machine.load(address, _SIZES[width], "X"))


def _store_indirect(machine, f):
    width = f.D >> 5
    value = machine.reg(f.D & 31)
    address = pointer(machine, f.P, _SIZES[width])
    machine.store(address, _SIZES[width], _stored(value, width))


def _read_io(machine, f):
    loaded(machine, f.D & 31, f.D >> 5, machine.read_io(f.I))


def _write_io(machine, f):
    machine.write_io(f.I, _stored(machine.reg(f.D & 31), f.D >> 5))


def _memory_to_io(size):
    def effect(machine, f):
        machine.write_io(f.I, machine.load(pointer(machine, f.P, size), size, "X"))
    return effect


def _io_to_memory(size):
    def effect(machine, f):
        machine.store(pointer(machine, f.P, size), size, machine.read_io(f.I))
    return effect


def _move_rows() -> Iterator[Instruction]:
    direct = {"D": o.SIZED, "N": o.DIRECT}
    number = "NNNNNNNNNNNNNNNN"
    yield Instruction("7a", f"0001110 0 DD 0 DDDDD {number}", "{D} = *{N}", direct,
                      _load_direct, writes="D", late=True)
    yield Instruction("7a", f"0001110 1 DD 0 DDDDD {number}", "*{N} = {D}", direct,
                      _store_direct, writes="N")
    memory = {"D": o.SIZED, "P": o.CAU_POINTER}
    pointer = "PPPPPPPPPPP"
    yield Instruction("7b", f"0001111 0 DD 1 DDDDD 00000{pointer}", "{D} = {P}",
                      memory, _load_indirect, writes="D", late=True)
    yield Instruction("7b", f"0001111 1 DD 1 DDDDD 00000{pointer}", "{P} = {D}",
                      memory, _store_indirect, writes="P")
    register = {"D": o.SIZED, "I": o.ANY_IO}
    yield Instruction("7b", "0001111 0 DD 0 DDDDD 00000 000000 IIIII", "{D} = {I}",
                      register, _read_io, writes="D", late=True)
    yield Instruction("7b", "0001111 1 DD 0 DDDDD 00000 000000 IIIII", "{I} = {D}",
                      register, _write_io, writes="I")
    for width, size, kind in (("10", 2, o.WORD_IO), ("01", 1, o.BYTE_IO)):
        both = {"I": kind, "P": o.CAU_POINTER}
        yield Instruction("7d", f"0001110 0 {width} 1 IIIII 00000{pointer}", "{I} = {P}",
                          both, _memory_to_io(size), writes="I")
        yield Instruction("7d", f"0001110 1 {width} 1 IIIII 00000{pointer}", "{P} = {I}",
                          both, _io_to_memory(size), writes="P")


ROWS = [*_control_rows(), *_move_rows()]
