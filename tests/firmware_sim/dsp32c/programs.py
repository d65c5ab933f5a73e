"""Random legal programs and states for two simulators, as strategies that shrink.

Instructions are drawn from the rows of the instruction set: a row, then a value for each of its
fields.  Most leave the pointers in memory; a wild one may do anything its row allows.
"""

from types import SimpleNamespace

import numpy as np
from hypothesis import strategies as st

from dsplet.firmware_sim.dsp32c.isa import floats
from dsplet.firmware_sim.dsp32c.isa.instruction_set import TABLE
from dsplet.firmware_sim.dsp32c.isa.operands import FUNCTIONS, IO
from dsplet.firmware_sim.dsp32c.sim.machine import MachineError
from tests.firmware_sim.dsp32c import seen

CODE = 0x0100  # where programs begin: inside RAM2
STREAMS = (0x0400, 0x0800, 0x0C00, 0x1400, 0x8000, 0xFFF800, 0xFFFC00)  # where pointers begin
BYTES = (9, 10)  # pointers kept for bytes and 16-bit words, so that the others stay aligned
WORDS = [n for n in range(1, 15) if n not in BYTES]
NUMBERS = (0x00000080, 0x0000007F, 0x80000080, 0x7FFFFFFF, 0x800000FF, 0x7FFFFF00, 0x00000001,
           0x80000001, 0xFFFFFF01, 0x00000000)  # 1, 0.5, -2, greatest, least, zeros, smallest
ALL_FUNCTIONS = sorted(FUNCTIONS.values())
ROWS = [row for row in TABLE.rows if not row.alias and row.spelling != "ireturn"]
FLOAT = [row for row in ROWS if row.format.startswith("DA")]
OTHER = [row for row in ROWS if row not in FLOAT]
DO = next(row for row in ROWS if row.format == "3b")
MAC = next(row for row in ROWS if row.spelling == "{Z}{A} = {F}{M} {S} {Y} * {X}")
SPECIAL = next(row for row in ROWS if row.format == "DA 5")
COPY = next(row for row in ROWS if row.spelling == "{Z}{A} = {F}{Y}")

_memory = {kind: st.sampled_from([p << 3 | i for p in pointers for i in range(8)])
           for kind, pointers in ((False, WORDS), (True, BYTES))}
_accumulator = st.integers(0, 3)
_general = st.sampled_from([0, 24, 25, 29])  # registers that are nobody's pointer
_source = st.sampled_from([0, *range(1, 15), *range(17, 22), 24, 25, 29])
_near = st.integers(CODE // 4, CODE // 4 + 40).map(lambda n: 4 * n)
_place = st.integers(0x400 // 4, 0x7FF // 4).map(lambda n: 4 * n)


def _bits(row, name: str) -> int:
    return sum(mask.bit_length() for _, _, mask in row.runs[name])


@st.composite
def _floating(draw, row, functions=ALL_FUNCTIONS):
    """Fields of a floating-point row; of format 5 one of those functions."""
    f = {}
    function = draw(st.sampled_from(functions)) if "G" in row.runs else None
    small = {"X": False, "Y": function in (0, 2), "Z": function in (1, 3)}
    for name in row.runs:
        if name == "G":
            f[name] = function
        elif name in "XY":
            f[name] = draw(_accumulator | _memory[small[name]])
        elif name == "Z":
            tap = "({Z}" in row.spelling
            f[name] = draw(_memory[small["Z"]] if tap else st.just(7) | _memory[small["Z"]])
            through_y = f.get("Y", 0) >> 3 and small["Y"] == small["Z"] and f[name] != 7
            if through_y and draw(st.integers(0, 7)) == 7:
                f[name] |= 15 << 3
            if function is None and 1 <= f[name] & 7 <= 5 and draw(st.integers(0, 7)) == 7:
                f[name] |= 1 << 7
        else:
            f[name] = draw(st.integers(0, min((1 << _bits(row, name)) - 1, 5)))
    return f


@st.composite
def _integer(draw, row):
    """Fields of a control, move or integer row."""
    f = {}
    for name in sorted(row.runs):  # D before P
        bits = _bits(row, name)
        anything = st.integers(0, (1 << bits) - 1)
        if name == "D" and bits >= 5:
            f[name] = draw(_general) | draw(st.integers(0, (1 << bits - 5) - 1)) << 5
        elif name == "P":
            narrow = f["D"] >> 5 < 3 if "D" in f else True
            pointer = draw(st.sampled_from(BYTES if narrow else WORDS))
            f[name] = pointer << 5 | draw(st.sampled_from([0, 17, 18, 19, 20, 21, 22, 23]))
        elif name == "I":
            f[name] = IO["pcw"]
        elif name in "ABM" and bits == 5 and row.format != "3a":
            f[name] = draw(_source)
        elif name in "RM" and bits == 5:
            f[name] = draw(_general)
        elif row.format in ("1", "3a", "4", "8a", "8c") and name in "NMHC":
            f[name] = draw({"N": _near, "M": _near, "H": st.sampled_from([0, 15]),
                            "C": st.integers(1, 25)}[name])
            if name == "N" and "H" in row.runs or row.layout[10:15] == "01111":
                f[name] = draw(st.integers(-20, 20)) * 4 & 0xFFFF
        elif row.format == "7a" and name == "N":
            f[name] = draw(_place)
        elif row.format == "3b" and name == "N":
            f[name] = draw(st.integers(0, 30))
        else:
            f[name] = draw(anything)
    return f


@st.composite
def instruction(draw, row, wild: bool) -> int:
    """A word of the row; no operation where the fields drawn contradict each other."""
    if wild:
        return draw(st.integers(0, (1 << 32) - 1)) & ~row.mask | row.match
    fields = draw((_floating if row in FLOAT else _integer)(row))
    word = row.encode(SimpleNamespace(**fields))
    return word if TABLE.decode(word) else 0


@st.composite
def loop(draw) -> list[int]:
    """A `do` over multiply-accumulates or copies with operands in memory, some of them stored."""
    operand = st.sampled_from([p << 3 | i for p in draw(st.sampled_from(
        [(1, 2), (2, 3), (4, 5), (1, 6)])) for i in (7, 7, 6, 0, 1, 2)])
    store = st.sampled_from([7, 7, 7, 7 << 3 | 7, 8 << 3 | 7, 8 << 3 | 1])
    row = draw(st.sampled_from([MAC, MAC, COPY]))
    into = draw(_accumulator)
    words = []
    for _ in range(draw(st.just(1) | st.integers(1, 7))):
        f = {"X": draw(operand), "Y": draw(operand), "Z": draw(store), "F": 0, "S": 0,
             "A": draw(st.just(into) | _accumulator), "M": draw(st.just(into) | st.integers(0, 5))}
        words.append(row.encode(SimpleNamespace(**f)))
    body = {"K": len(words) - 1, "N": draw(st.integers(0, 70))}
    return [DO.encode(SimpleNamespace(**body)), *words]


ANYTHING = [*FLOAT * 6, *OTHER, *["loop"] * 20]
CONVERSIONS = [FUNCTIONS[name] for name in ("ic", "oc", "float", "int", "float24", "int24")]
ASSUMED = [*["conversion"] * 8, *(row for row in FLOAT if row.format in ("DA 2", "DA 4")),
           *(row for row in OTHER if row.spelling.startswith("dauc")), *[DO] * 2, *["loop"] * 4]
"""Conversions, taps and loops: what the chip is assumed to do with them has switches."""


@st.composite
def program(draw, pieces=ANYTHING) -> list[int]:
    """Up to forty instructions or loops, one in forty of them wild."""
    words = []
    for _ in range(draw(st.integers(1, 40))):
        piece = draw(st.sampled_from(pieces))
        if piece == "loop":
            words += draw(loop())
        elif piece == "conversion":
            words.append(SPECIAL.encode(SimpleNamespace(**draw(_floating(SPECIAL, CONVERSIONS)))))
        else:
            words.append(draw(instruction(piece, draw(st.integers(0, 39)) == 39)))
    return words


def number(whole_only: bool):
    """A float word: whole; or also any of middling size, any at all, extremes, dirty zeros."""
    raw = st.integers(0, (1 << 24) - 1).map(lambda n: n << 8)
    whole = st.builds(lambda n, e: n << 24 | e, st.integers(0, 255), st.integers(128, 135))
    if whole_only:
        return whole
    return (whole | st.builds(int.__or__, raw, st.integers(100, 155))
            | st.builds(int.__or__, raw, st.integers(0, 255)) | st.sampled_from(NUMBERS))


@st.composite
def state(draw) -> dict:
    """Registers, accumulators, flags and the words that the streams repeat."""
    numbers = number(draw(st.booleans()))
    place = st.builds(lambda s, n: s + 4 * n, st.sampled_from(STREAMS), st.integers(16, 40))
    steps = st.sampled_from([4, 0, -4, -8, 12])
    names = [f"r{n}" for n in range(1, 23)]
    values = (draw(st.lists(place, min_size=14, max_size=14))
              + draw(st.lists(steps, min_size=5, max_size=5))
              + draw(st.lists(st.integers(0, (1 << 24) - 1), min_size=3, max_size=3)))
    return {"registers": dict(zip(names, values, strict=True)),
            "a": [floats.widen(w) | draw(st.integers(0, 255)) << 8 for w in draw(
                st.lists(numbers, min_size=4, max_size=4))],
            "flags": draw(st.integers(0, 15)), "dflags": draw(st.integers(0, 15)),
            "dauc": draw(st.integers(0, 31)),
            "words": draw(st.lists(numbers, min_size=1, max_size=12))}


def prepare(machine, code: list[int], start: dict) -> None:
    """The state and the program in a simulator whose memory is otherwise zero."""
    machine.memory[:] = 0
    for address in STREAMS:
        put(machine, address, np.resize(np.array(start["words"], np.uint32), 64))
    put(machine, CODE, code)
    machine.reset(CODE)
    for name, value in start["registers"].items():
        machine.set_register(name, value)
    machine.a, machine.dauc = list(start["a"]), start["dauc"]
    machine.flags = _letters(start["flags"], "nzvc")
    machine.dflags = _letters(start["dflags"], "NZUV")


def put(machine, address: int, words) -> None:
    """Write 32-bit words into a simulator's memory, mapped or not."""
    raw = np.asarray(words, np.uint32).view(np.uint8)
    machine.memory[address:address + len(raw)] = raw


def outcome(machine, instructions: int):
    """Run; everything that can be seen afterwards, except memory."""
    try:
        machine.run(None, instructions)
    except MachineError:  # the two word their reasons differently
        return "refused", f"{machine.pc:06x}"
    return seen.state(machine)


def _letters(bits: int, names: str) -> str:
    return "".join(name if bits >> 3 - i & 1 else "-" for i, name in enumerate(names))
