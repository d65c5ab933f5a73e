"""The DSP32C's operands: registers, conditions, immediates, memory operands [dsp32c.md 2, 5; M A].

Each is an `Operand`: the text it accepts and the field value that stands for it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from dsplet.firmware_sim.dsp32c.isa.table import (
    Context,
    Fields,
    Operand,
    OperandError,
    choice,
)

# 5-bit register codes [dsp32c.md 2, M A]
R0, PC, MINUS_ONE, PLUS_ONE, DAUC, IOC, PCSH = 0, 15, 22, 23, 26, 27, 30
FIXED = {R0: 0, 16: 0, MINUS_ONE: 0xFFFFFF, PLUS_ONE: 1}  # registers that are constants
CODES = {f"r{n}": n for n in range(15)}
CODES |= {f"r{n}": n + 2 for n in range(15, 20)} | {"r20": 24, "r21": 25, "r22": 29}
SYNONYMS = {"pin": 24, "pout": 25, "ivtp": 29}
CONSTANTS = {"-1": MINUS_ONE, "1": PLUS_ONE}
IO = {"ibuf": 4, "obuf": 5, "pdr": 6, "piop": 14, "pdr2": 20, "pir": 22, "pcw": 30}
POINTERS = {name: code for name, code in CODES.items() if code}
FUNCTIONS = {"ic": 0, "oc": 1, "float": 2, "int": 3, "round": 4, "ifalt": 5, "ifaeq": 6,
             "ifagt": 7, "float24": 10, "int24": 11, "ieee": 12, "dsp": 13, "seed": 14}
CAU_CONDITIONS = ["false", "true", "pl", "mi", "ne", "eq", "vc", "vs", "cc", "cs", "ge", "lt",
                  "gt", "le", "hi", "ls"]
DAU_CONDITIONS = ["auc", "aus", "age", "alt", "ane", "aeq", "avc", "avs", "agt", "ale"]
IO_CONDITIONS = ["ibe", "ibf", "obf", "obe", "pde", "pdf", "pie", "pif", "syc", "sys", "fbc",
                 "fbs", "ireq1lo", "ireq1hi", "ireq2lo", "ireq2hi"]
CONDITIONS = {name: code for start, names in ((0, CAU_CONDITIONS), (16, DAU_CONDITIONS),
                                              (32, IO_CONDITIONS))
              for code, name in enumerate(names, start)}

IO_SYNONYMS = {"ireq1_lo": 44, "ireq1_hi": 45, "ireq2_lo": 46, "ireq2_hi": 47}

RESERVED = {name + suffix for name in [*CODES, *SYNONYMS, "pcsh"]
            for suffix in ("", "e", "h", "l", "r")}
RESERVED |= {"a0", "a1", "a2", "a3", "pc", "dauc", "ioc", "if", "goto", "pcgoto", "call",
             "return", "ireturn", "do", "nop", "org", "byte", "word", "long", *IO, *FUNCTIONS}

_NAME = r"(?!(?:" + "|".join(sorted(RESERVED)) + r")(?![\w.]))[A-Za-z_.][\w.]*"
_NUMBER = r"(?:0[xX][0-9a-fA-F]{1,20}|0[bB][01]{1,40}|\d{1,20})(?![\w.])"
_ATOM = f"(?:{_NUMBER}|{_NAME})"
EXPRESSION = rf"-?\s*{_ATOM}(?:\s*[-+]\s*{_ATOM})*"
_TERM = re.compile(rf"([-+]?)\s*({_ATOM})\s*")


def evaluate(text: str, context: Context) -> int:
    """The integer an expression stands for: numbers and symbols joined by + and -."""
    total = 0
    for sign, atom in _TERM.findall(text):
        if atom[0].isdigit():
            value = int(atom, 0) if not atom.isdigit() else int(atom)
        else:
            context.constant = False
            if atom not in context.symbols:
                raise OperandError(f"unknown name `{atom}`: expected a number or a label")
            value = context.symbols[atom]
        total += -value if sign == "-" else value
    return total


def number(what: str, bits: int, low: int, high: int, show: Callable[[int], str],
           wrap: bool = False) -> Operand:
    """An integer in low..high; wrap: also 2^24 less, so that addresses may be above 0xff8000."""

    def read(text: str, context: Context) -> int:
        value = evaluate(text, context)
        if wrap and value >= 0xFF8000:
            value -= 1 << 24
        if not low <= value <= high:
            raise OperandError(f"{value} does not fit: expected {what}")
        return value & (1 << bits) - 1

    return Operand(what, EXPRESSION, read, lambda value, fields: show(value))


def negated(operand: Operand) -> Operand:
    """The same number, with the other sign in the instruction."""
    bits = (1 << 16) - 1
    return replace(operand, read=lambda text, context: _fitting(
        -signed(operand.read(text, context))) & bits)


def _fitting(value: int) -> int:
    if not -0x8000 <= value <= 0x7FFF:
        raise OperandError(f"{value} does not fit: expected -32768..32767")
    return value


def signed(value: int, bits: int = 16) -> int:
    """A field read as two's complement (without a branch: wcet/ runs it on unknown numbers)."""
    return value - (value >> bits - 1 << bits)


def _relative(text: str, context: Context) -> int:
    context.constant = False
    return _offset(evaluate(text, context) - context.address - 8)


def _offset(value: int) -> int:
    if not -0x8000 <= value <= 0x7FFF:
        raise OperandError(f"{value} bytes away: a 16-bit offset reaches -32768..32767")
    return value & 0xFFFF


IMMEDIATE16 = number("an integer in -32768..65535", 16, -0x8000, 0xFFFF,
                     lambda v: f"{signed(v)}", wrap=True)
IMMEDIATE24 = number("an integer in -32768..32767 (it is sign-extended)", 16, -0x8000, 0x7FFF,
                     lambda v: f"{signed(v)}", wrap=True)
DIRECT = number("an address in 0..0x7fff or 0xff8000..0xffffff", 16, -0x8000, 0x7FFF,
                lambda v: f"{signed(v)}", wrap=True)
TARGET = number("an address in 0..0x7fff or 0xff8000..0xffffff", 16, -0x8000, 0x7FFF,
                lambda v: f"0x{signed(v) & 0xFFFFFF:x}", wrap=True)
WIDE = number("an integer in -8388608..0xffffff", 24, -0x800000, 0xFFFFFF, lambda v: f"0x{v:x}")
BODY = number("a body of 0..31 (instructions less one)", 5, 0, 31, str)
REPEATS = number("0..2047 (repetitions less one)", 11, 0, 2047, str)
DAUC_BITS = number("5 bits, 0..31", 5, 0, 31, str)
IOC_BITS = number("21 bits", 21, 0, 0x1FFFFF, lambda v: f"0x{v:x}")
RELATIVE = Operand("a label within 32 KB", EXPRESSION, _relative, lambda v, fields: None)
_SIGNED = r"[-+]\s*-?\s*" + _ATOM


def _distance(text: str, context: Context) -> int:
    value = evaluate(text[1:], context)
    return -value if text[0] == "-" else value


OFFSET = Operand("`+` or `-` and an offset", _SIGNED,
                 lambda text, context: _offset(_distance(text, context)),
                 lambda v, fields: f"{signed(v):+d}")
OFFSET_WIDE = Operand("`+` or `-` and an offset", _SIGNED,
                      lambda text, context: _distance(text, context) & 0xFFFFFF,
                      lambda v, fields: f"+0x{v:x}")


def _with(suffix: str, codes: dict[str, int]) -> dict[str, int]:
    return {name + suffix: code for name, code in codes.items()}


def registers(suffix: str, *, pc: bool = False, zero: bool = False, constants: bool = False,
              pcsh: bool = True, sized: bool = False) -> Operand:
    """General registers with a width suffix ("" 16 bits, "e" 24 bits), and whichever extras.

    sized: the suffix has to be there; on right sides the destination's says enough [L].
    """
    shadow = {"pcsh": PCSH} if pcsh else {}
    names = (CODES if zero else POINTERS) | SYNONYMS | shadow
    bare = {} if sized or not suffix else names
    codes = bare | _with(suffix, names)
    codes |= {"pc": PC} if pc else {}
    codes |= CONSTANTS if constants else {}
    width = "24-bit register (r1e..r22e)" if suffix else "16-bit register (r1..r22)"
    pattern = (rf"(?:(?:r\d+|pin|pout|ivtp|pcsh){suffix}{'?' if bare else ''}"
               rf"{'|pc' if pc else ''})(?!\w)")
    if constants:
        pattern = rf"(?:{pattern}|-?\s*1(?!\w))"
    return choice(f"a {width}", codes, pattern, {*bare, *_with(suffix, SYNONYMS)})


DESTINATION = {suffix: replace(registers(suffix, zero=True, sized=True),
                               again=registers(suffix, zero=True)) for suffix in ("", "e")}
SOURCE = {suffix: registers(suffix, zero=True, pc=True) for suffix in ("", "e")}
SECOND = {suffix: registers(suffix, zero=True, pc=True, constants=True) for suffix in ("", "e")}
REVERSED = choice("a bit-reversed increment (r1r..r22r)", _with("r", CODES), r"r\d+r(?!\w)")
BASE = registers("", pc=True)
BASE_OR_ZERO = registers("", pc=True, zero=True)
COUNTER = registers("", pcsh=False)

# a register with the width of a load or store: width << 5 | register
_SUFFIX = {"h": 0, "l": 1, "": 2, "e": 3}
SIZED = choice("a register (rN, rNe, rNl or rNh)",
               {f"{name}{suffix}": width << 5 | code for suffix, width in _SUFFIX.items()
                for name, code in (CODES | SYNONYMS | {"pcsh": PCSH}).items()},
               r"(?:r\d+|pin|pout|ivtp|pcsh)[ehl]?(?!\w)",
               {name + suffix for name in SYNONYMS for suffix in _SUFFIX})
BYTE_IO = choice("an 8-bit I/O register (piop)", {"piop": IO["piop"]})
WORD_IO = choice("an I/O register", {name: code for name, code in IO.items() if name != "piop"})
ANY_IO = choice("an I/O register", IO)


def _cau_pointers() -> Iterator[tuple[str, int]]:
    for name, pointer in POINTERS.items():
        base = f"*{name}", pointer << 5
        yield base
        yield f"{base[0]}++", base[1] | PLUS_ONE
        yield f"{base[0]}--", base[1] | MINUS_ONE
        for step, code in POINTERS.items():
            yield f"{base[0]}++{step}", base[1] | code
            yield f"{base[0]}++{step}r", 1 << 10 | base[1] | code


CAU_POINTER = choice("a memory operand (*rN, *rN++, *rN--, *rN++rM)", dict(_cau_pointers()),
                     r"\*\s*r\d+(?:\s*(?:\+\+\s*(?:r\d+r?(?!\w))?|--))?")

# The 7-bit DAU operand p(4) : i(3), and for Z the bit-reversal bit above it [dsp32c.md 5.2, M A]
_STEPS = {"": 0, "++r15": 1, "++r16": 2, "++r17": 3, "++r18": 4, "++r19": 5, "--": 6, "++": 7}
ACCUMULATORS = {f"a{n}": n for n in range(4)}
_MEMORY = {f"*r{p}{step}": p << 3 | i for p in range(1, 15) for step, i in _STEPS.items()}
_MEMORY_TEXT = r"\*\s*r\d+(?:\s*(?:\+\+\s*(?:r\d+(?!\w))?|--))?"
NO_STORE = 7
Y_ADDRESS = 15  # pointer code in Z: the address of the Y operand

X_OPERAND = choice("a multiplicand (a0..a3 or *r1..*r14)", ACCUMULATORS | _MEMORY | {"ibuf": 4},
                   rf"(?:{_MEMORY_TEXT}|a\d(?!\w)|ibuf(?!\w))")
Y_OPERAND = choice("an operand (a0..a3 or *r1..*r14)", ACCUMULATORS | _MEMORY | {"ibuf": 4},
                   X_OPERAND.pattern)
Y_SPECIAL = choice("an operand (a0..a3 or *r1..*r14)",
                   ACCUMULATORS | _MEMORY | {"ibuf": 4, "pdr": 6},
                   rf"(?:{_MEMORY_TEXT}|a\d(?!\w)|ibuf(?!\w)|pdr(?!\w))")

_Z_TEXTS = _MEMORY | {"obuf": 5, "pdr": 6}
_Z_TEXTS |= {f"*y{step}": Y_ADDRESS << 3 | i for step, i in _STEPS.items()}
_Z_TEXTS |= {f"{text}r": 1 << 7 | code for text, code in _Z_TEXTS.items() if "++r" in text}
_Z_NAMES = {code: text for text, code in _Z_TEXTS.items()}


def _show_store(value: int, fields: Fields) -> str | None:
    if value >> 3 & 15 != Y_ADDRESS:
        name = _Z_NAMES.get(value)
    else:
        pointer, step = fields.Y >> 3, fields.Y & 7
        name = _Z_NAMES.get(value) if pointer else None
        if name and step == 0:
            name = name.replace("*y", f"*r{pointer}")
    return name and f"{name} = "


def settle_store(fields: Fields) -> None:
    """Stores through Y's own pointer use the code AT&T's assembler emits [dsp32c.md 5.2, L]."""
    if 0 < fields.Z >> 3 & 15 < Y_ADDRESS and fields.Y == fields.Z & 0x78:
        fields.Z |= Y_ADDRESS << 3


_Z_READ = choice("a store (*rN =)", {f"{text}=": code for text, code in _Z_TEXTS.items()})
_Z_PATTERN = r"(?:\*\s*(?:r\d+|y)(?:\s*(?:\+\+\s*(?:r\d+r?(?!\w))?|--))?|obuf|pdr)\s*="
TAP = Operand("a store (*rN =)", _Z_PATTERN, _Z_READ.read, _show_store)
STORE = Operand("a store (*rN =)", rf"(?:{_Z_PATTERN})?",
                lambda text, context: _Z_READ.read(text, context) if text else NO_STORE,
                lambda v, fields: "" if v == NO_STORE else _show_store(v, fields))


def _read_forward(text: str, context: Context) -> int:
    value = STORE.read(text, context)
    if value >> 7:
        raise OperandError("special functions have no bit-reversed stores")
    return value


STORE_FORWARD = Operand(STORE.what, STORE.pattern, _read_forward, STORE.show)

ACCUMULATOR = choice("an accumulator (a0..a3)", ACCUMULATORS)
FACTOR = choice("an accumulator, 0.0 or 1.0", ACCUMULATORS | {"0.0": 4, "1.0": 5})
MINUS = Operand("`-`", r"-?", lambda text, context: len(text), lambda v, fields: "-" * v)
PLUS_MINUS = choice("`+` or `-`", {"+": 0, "-": 1}, r"[-+]")
FUNCTION = choice("a function", FUNCTIONS)

_WHEN = {f"if ({name})": CONDITIONS[name] << 1 | 1 for name in CAU_CONDITIONS}
_WHEN_NAMES = {code: text + " " for text, code in _WHEN.items()} | {0: ""}
_WHEN_READ = choice("a CAU condition", _WHEN)
_CONDITION = "(?:" + "|".join(sorted(CONDITIONS | IO_SYNONYMS, key=len, reverse=True)) + ")"
# optional `if (cc)` of an ALU instruction: condition << 1 | conditional
WHEN = Operand("`if (condition)`", rf"(?:if\s*\(\s*{_CONDITION}\s*\))?",
               lambda text, context: _WHEN_READ.read(text, context) if text else 0,
               lambda v, fields: _WHEN_NAMES.get(v))
_IF = {f"if ({name})": code for name, code in CONDITIONS.items() if name != "false"}
_IF_NAMES = {code: text + " " for text, code in _IF.items()} | {1: ""}
_IF_READ = choice("a condition other than false",
                  _IF | {f"if ({name})": code for name, code in IO_SYNONYMS.items()})
# optional `if (cc)` of a goto: the 6-bit condition; unconditional is 1 = true
IF = Operand("`if (condition)`", WHEN.pattern,
             lambda text, context: _IF_READ.read(text, context) if text else 1,
             lambda v, fields: _IF_NAMES.get(v))
