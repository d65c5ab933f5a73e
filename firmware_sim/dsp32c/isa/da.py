"""The DSP32C's floating-point instructions: DA formats 1 to 5 [dsp32c.md 5.2, 5.3; M A].

Order inside an instruction: X is read and its pointer stepped, then Y, then Z's pointer [L M].
Latencies [dsp32c.md 7; M L S]: a multiplier input (X always, Y in formats 2 and 3, M in format 1)
sees accumulators as three instructions ago; adder inputs and store sources see the newest; a
store is visible four instructions later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dsplet.firmware_sim.dsp32c.isa import floats, g711
from dsplet.firmware_sim.dsp32c.isa import operands as o
from dsplet.firmware_sim.dsp32c.isa.alu import reverse_add
from dsplet.firmware_sim.dsp32c.isa.table import Instruction, Operand

_UNSUPPORTED = {4: "serial input (ibuf)", 5: "serial output (obuf)", 6: "the parallel port (pdr)"}
_CONSTANTS = {4: 0, 5: floats.ONE}  # M field: 0.0 and 1.0


def _address(machine, operand, size):
    """Address of a memory operand; steps its pointer by a register or by the operand's size."""
    pointer, step = operand >> 3, operand & 7
    address = machine.reg(pointer)
    if step:
        machine.set_reg(pointer, address + _step(machine, step, size))
    return address


def _step(machine, step, size):
    if step >= 6:
        return size if step == 7 else -size
    return machine.reg(o.R0 + 16 + step)


def memory(machine, operand, size, slot):
    """The operand's word of `size` bytes, as the instruction finds it in memory."""
    if operand < 8:
        machine.unsupported(_UNSUPPORTED[operand])
    return machine.load(_address(machine, operand, size), size, slot)


def _multiplicand(machine, operand, slot):
    """A float word for the multiplier."""
    if operand < 4:
        return floats.narrow(machine.multiplier_view(operand))
    return memory(machine, operand, 4, slot)


def store(machine, f, size, value, y_address=None):
    """Queue a Z store and step its pointer [dsp32c.md 5.2; reversed steps: A, result K85]."""
    if f.Z == o.NO_STORE:
        return
    pointer, step = f.Z >> 3 & 15, f.Z & 7
    if pointer == 0:
        machine.unsupported(_UNSUPPORTED[step])
    through_y = pointer == o.Y_ADDRESS
    if through_y:  # the address Y was read from, before Y's own step [S]
        pointer = f.Y >> 3
    now = machine.z_pointer(pointer)
    address = y_address if through_y else now
    if step:
        amount = _step(machine, step, size)
        machine.set_z_pointer(pointer, reverse_add(now, amount & 0xFFFFFF, 24) if f.Z >> 7
                              else now + amount)
    machine.queue_store(address, size, value)


def _multiply_add(addend: str | None, factors: tuple, tap: bool = False):
    """±addend ± product of two factors; factors are operand letters or a constant word.

    tap: the store takes Y itself instead of the result (formats 2 and 4), as it was read: an
    accumulator that is a multiplier input is stored three instructions old [M; vectors], unless
    taps_are_live.
    """

    def effect(machine, f):
        x = _multiplicand(machine, f.X, "X") if "X" in factors else 0
        y_address = machine.reg(f.Y >> 3) if f.Y >> 3 else None
        if addend == "Y" and f.Y < 4:
            y = machine.a[f.Y]
        else:
            y = floats.widen(_multiplicand(machine, f.Y, "Y"))
        values = {"X": x, "Y": floats.narrow(y), "M": 0}
        tapped = machine.a[f.Y] if f.Y < 4 and machine.assumed.taps_are_live else y
        if "M" in factors:
            constant = _CONSTANTS.get(f.M)
            values["M"] = _multiplicand(machine, f.M, "X") if constant is None else constant
        left, right = (values.get(factor, factor) for factor in factors)
        if addend == "Y":
            added = y
        elif addend == "M":
            added = machine.a[f.M] if f.M < 4 else floats.widen(_CONSTANTS[f.M])
        else:
            added = 0
        result, machine.dnzuv = floats.multiply_add(
            added, left, right, bool(getattr(f, "F", 0)), bool(getattr(f, "S", 0)),
            machine.assumed.adder_truncates)
        machine.a[f.A] = result
        store(machine, f, 4, floats.narrow(tapped if tap else result), y_address)

    return effect


def _special(machine, f):
    """Format 5: one function of Y.  Flags and sizes as in dsp32c.md 5.3."""
    function = SPECIAL[f.G]
    y_address = machine.reg(f.Y >> 3) if f.Y >> 3 else None
    if f.Y < 4:
        y = machine.a[f.Y]
    else:
        y = memory(machine, f.Y, function.y_size, "Y")
        y = floats.widen(y) if function.y_size == 4 and not function.raw else y
    accumulator, flags, stored = function.run(machine, f, y)
    if flags is not None:
        machine.dnzuv = flags
    machine.a[f.A] = accumulator
    store(machine, f, function.z_size, stored, y_address)


@dataclass(frozen=True)
class _Function:
    """A special function: operand sizes in bytes, and run(machine, f, y).

    run returns (accumulator, DAU flags or None, stored value); y is an accumulator, or with
    `raw` the memory operand's bits.
    """

    y_size: int
    z_size: int
    run: Callable[..., tuple[int, int | None, int]]
    raw: bool = False


def _bits_of(machine, f, y, bits):
    """The lowest bits of a word in memory; of an accumulator's word the uppermost or the lowest."""
    if f.Y < 4:
        y = floats.narrow(y) >> (32 - bits if machine.assumed.converts_upper_bits else 0)
    return y & (1 << bits) - 1


def _to_float(bits):
    def run(machine, f, y):
        y = _bits_of(machine, f, y, bits)
        result, flags = floats.from_integer(o.signed(y, bits))
        return result, flags, floats.narrow(result)
    return run


def _raw(value):
    """Integers and IEEE numbers leave no usable accumulator [dsp32c.md 5.3]: keep their bits."""
    return floats.widen(value & 0xFFFFFFFF), None, value


def _rounding(machine) -> floats.Rounding:
    """To integers, as dauc bit 4 has it."""
    if not machine.dauc & 16:
        return "nearest"
    return "down" if machine.assumed.truncation_floors else "zero"


def _to_int(bits):
    def run(machine, f, y):
        return _raw(floats.to_integer(y, bits, _rounding(machine)))
    return run


def _from_byte(machine, f, y):  # dauc bit 2: linear, bit 0: A-law instead of mu-law
    y, a_law = _bits_of(machine, f, y, 8), bool(machine.dauc & 1)
    result, flags = floats.from_integer(y if machine.dauc & 4 else g711.expand(y, a_law))
    if result and machine.assumed.halves_mu_law and not machine.dauc & 5:
        result -= 1  # of the exponent
    return result, flags, floats.narrow(result)


def _to_byte(machine, f, y):  # dauc bit 3: linear, bit 1: A-law instead of mu-law
    if machine.dauc & 8:
        return _raw(floats.to_integer(y, 8, _rounding(machine), signed=False))
    if machine.assumed.halves_mu_law and not machine.dauc & 2 and 0 < y & 0xFF < 255:
        y += 1  # of the exponent: G.711's number
    return _raw(g711.compress(floats.to_integer(y, 16, _rounding(machine)), bool(machine.dauc & 2)))


def _round(machine, f, y):
    result, flags = floats.round_to_word(y)
    return result, flags, floats.narrow(result)


def _select(true):
    """ifalt, ifaeq, ifagt: take Y where the last DAU result was <, =, > 0."""

    def run(machine, f, y):
        kept = y if true(machine.dnzuv) else machine.a[f.A]
        return kept, None, floats.narrow(kept)

    return run


def _ieee(machine, f, y):
    return _raw(floats.ieee_from_word(floats.narrow(y)))


def _dsp(machine, f, y):
    y = floats.narrow(y) if f.Y < 4 else y
    word = floats.word_from_ieee(y)
    saturated = floats.V if y >> 23 & 0xFF == 255 else 0
    flushed = floats.U if y >> 23 & 0xFF == 0 and y & 0x7FFFFF else 0
    flags = (floats.N * (word >> 31) | floats.Z * (word == 0)) | saturated | flushed
    return floats.widen(word), flags, word


def _seed(machine, f, y):
    """Reciprocal seed: every bit but the sign inverted [S]."""
    word = floats.narrow(y) ^ 0x7FFFFFFF
    zero = word & 0xFF == 0
    word = 0 if zero else word
    return floats.widen(word), floats.N * (word >> 31) | (floats.Z | floats.U) * zero, word


SPECIAL = {
    o.FUNCTIONS["ic"]: _Function(1, 4, _from_byte, raw=True),
    o.FUNCTIONS["oc"]: _Function(4, 1, _to_byte),
    o.FUNCTIONS["float"]: _Function(2, 4, _to_float(16), raw=True),
    o.FUNCTIONS["int"]: _Function(4, 2, _to_int(16)),
    o.FUNCTIONS["round"]: _Function(4, 4, _round),
    o.FUNCTIONS["ifalt"]: _Function(4, 4, _select(lambda flags: flags & floats.N)),
    o.FUNCTIONS["ifaeq"]: _Function(4, 4, _select(lambda flags: flags & floats.Z)),
    o.FUNCTIONS["ifagt"]: _Function(4, 4, _select(lambda f: not f & (floats.N | floats.Z))),
    o.FUNCTIONS["float24"]: _Function(4, 4, _to_float(24), raw=True),
    o.FUNCTIONS["int24"]: _Function(4, 4, _to_int(24)),
    o.FUNCTIONS["ieee"]: _Function(4, 4, _ieee),
    o.FUNCTIONS["dsp"]: _Function(4, 4, _dsp, raw=True),
    o.FUNCTIONS["seed"]: _Function(4, 4, _seed),
}

FLAGLESS = ("oc", "int", "ifalt", "ifaeq", "ifagt", "int24", "ieee")
"""The functions that leave the flags as they are [dsp32c.md 5.3]."""

_KINDS = {"A": o.ACCUMULATOR, "F": o.MINUS, "S": o.PLUS_MINUS, "X": o.X_OPERAND,
          "Y": o.Y_OPERAND, "M": o.FACTOR}
_XYZ = "XXXXXXX YYYYYYY ZZZZZZZ"


def _row(form: str, layout: str, spelling: str, addend: str | None, factors: tuple,
         tap: bool = False, **kinds: Operand) -> Instruction:
    """A row of formats 1 to 4; see `_multiply_add`."""
    kinds = _KINDS | {"Z": o.TAP if tap else o.STORE} | kinds
    return Instruction(form, layout, spelling, {n: k for n, k in kinds.items() if n in layout},
                       _multiply_add(addend, factors, tap), settle=o.settle_store, writes="ZA",
                       multiplies="".join(f for f in factors if isinstance(f, str)))


# The first row that fits wins, both ways.  `aA + aB * X` is both format 1 and format 3: format 3.
# M = 5 as an addend of 1.0 in formats 2 and 3 is in the opcode map only [K60].
ROWS = [
    _row("DA 1", "001 100 ZF0 AA 0000000 YYYYYYY ZZZZZZZ", "{Z}{A} = {F}{Y}", "Y", (0, 0)),
    _row("DA 1", f"001 101 ZFS AA {_XYZ}", "{Z}{A} = {F}{Y} {S} {X}", "Y", (floats.ONE, "X")),
    _row("DA 3", f"011 100 Z0S AA {_XYZ}", "{Z}{A} = {S}{Y} * {X}", None, ("Y", "X"), S=o.MINUS),
    _row("DA 3", f"011 MMM ZFS AA {_XYZ}", "{Z}{A} = {F}{M} {S} {Y} * {X}", "M", ("Y", "X")),
    _row("DA 1", f"001 MMM ZFS AA {_XYZ}", "{Z}{A} = {F}{Y} {S} {M} * {X}", "Y", ("M", "X")),
    _row("DA 4", f"001 110 ZFS AA {_XYZ}", "{A} = {F}({Z}{Y}) {S} {X}",
         "Y", (floats.ONE, "X"), tap=True),
    _row("DA 2", f"010 100 Z0S AA {_XYZ}", "{A} = {S}({Z}{Y}) * {X}",
         None, ("Y", "X"), tap=True, S=o.MINUS),
    _row("DA 2", f"010 MMM ZFS AA {_XYZ}", "{A} = {F}{M} {S} ({Z}{Y}) * {X}",
         "M", ("Y", "X"), tap=True),
    # bit 25 of format 5 is the top bit of G: no bit-reversed stores; ifalt and its like may keep A
    Instruction("DA 5", "01111 GGGG AA 0000000 YYYYYYY ZZZZZZZ", "{Z}{A} = {G}({Y})",
                {"A": o.ACCUMULATOR, "G": o.FUNCTION, "Y": o.Y_SPECIAL, "Z": o.STORE_FORWARD},
                _special, settle=o.settle_store, writes="Z", updates="A"),
]
