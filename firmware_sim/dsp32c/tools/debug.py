"""A program on the machine, watched: listings, stops at breakpoints, registers and memory as rows.

Addresses and words are hexadecimal text without prefix; cycles are instruction cycles, four clock
states each.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from dsplet.base.errors import UserError, shown
from dsplet.firmware_sim.dsp32c.isa.assembler import (
    Assembly,
    AssemblyError,
    Place,
    disassemble,
    link,
)
from dsplet.firmware_sim.dsp32c.isa.floats import decode, decode_accumulator
from dsplet.firmware_sim.dsp32c.isa.operands import EXPRESSION, evaluate
from dsplet.firmware_sim.dsp32c.isa.source import Fault
from dsplet.firmware_sim.dsp32c.isa.table import Context, OperandError
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.firmware_sim.dsp32c.sim.machine import ADDRESS_SPACE, LimitExceeded, Machine
from dsplet.firmware_sim.dsp32c.sim.trace import Observer, Step
from dsplet.firmware_sim.dsp32c.tools.preprocess import preprocess
from dsplet.firmware_sim.dsp32c.tools.srecord import from_srecords
from dsplet.firmware_sim.programs import (
    PartRow,
    Program,
    Register,
    SourceRow,
    Stop,
    TraceRow,
    Word,
    WordRow,
)


class DebugError(UserError):
    """A program, address or word that cannot be used; the message says what was expected."""


def build(program: Program) -> Assembly:
    """Machine code of a program. AssemblyError with all mistakes of all files, NoCompiler,
    PreprocessError, DebugError."""
    origin = program.origin
    if origin % 4 or not 0 <= origin < ADDRESS_SPACE:
        raise DebugError(f"origin {origin:#x}", expected="a multiple of 4 in 0..0xfffffc")
    sections = dict(place_of(text) for text in program.sections)
    files: list[tuple[str, str]] = []
    faults: list[Fault] = []
    for source in program.files:
        try:
            files.append((source.file, preprocess(source.text, source.file, program.defines,
                                                  program.folders)))
        except AssemblyError as error:
            faults += error.faults
    if faults:
        raise AssemblyError(faults)
    assembly = link(files, origin, sections)
    if not assembly.words:
        raise DebugError("there is nothing to assemble",
                         where=", ".join(source.file for source in program.files))
    return assembly


def place_of(text: str) -> tuple[str, Place]:
    """A section and where it goes: NAME=ADDRESS, NAME=ADDRESS:BYTES. DebugError."""
    name, _, where = text.partition("=")
    start, colon, size = where.partition(":")
    try:
        place = Place(int(start, 0), int(size, 0) if colon else None)
    except ValueError:
        place = Place(-1)
    if not name or place.start % 4 or not 0 <= place.start < ADDRESS_SPACE or (
            place.size is not None and not 0 < place.size <= ADDRESS_SPACE - place.start):
        raise DebugError(f"{shown(text)} is no place for a section", expected="NAME=ADDRESS or "
                         "NAME=ADDRESS:BYTES, such as .ram0=0xfff000:2048, the address a multiple "
                         "of 4")
    return name, place


def source_rows(assembly: Assembly) -> list[SourceRow]:
    """The listing: every source line with its words; where files are linked or included, those that
    have any text, with the file of each."""
    of_line: dict[int, list[int]] = {}
    for address, line in sorted(assembly.origins.items()):
        of_line.setdefault(id(line), []).append(address)
    several = len({line.file for line in assembly.source}) > 1
    rows = []
    for line in assembly.source:
        if several and not line.text.strip():
            continue
        places = [(f"{a:06x}", f"{assembly.words[a]:08x}") for a in of_line.get(id(line), [])]
        for i, (place, word) in enumerate(places or [("", "")]):
            rows.append(SourceRow(line=line.number, address=place, word=word,
                                  text="" if i else line.text.rstrip(),
                                  file=line.file if several else None))
    while rows and not rows[-1].text and not rows[-1].word:
        rows.pop()  # what stands behind the last line's end
    return rows


def part_rows(assembly: Assembly) -> list[PartRow]:
    """Where each file's part of each section lies."""
    return [PartRow(section=part.section or "-", file=part.file, address=f"{part.start:06x}",
                    bytes=part.end - part.start)
            for part in assembly.parts if part.end > part.start]


def word_rows(words: dict[int, int]) -> list[WordRow]:
    """Words by byte address, disassembled."""
    return [WordRow(address=f"{a:06x}", word=f"{words[a]:08x}", text=disassemble(words[a], a))
            for a in sorted(words)]


def read_words(text: str, file: str, origin: int = 0) -> dict[int, int]:
    """Words by byte address of S-records, or of hexadecimal words between white space.

    Hexadecimal words begin at `origin`; `//` or `#` starts a comment. A word that S-records fill
    only in part is zero elsewhere. DebugError, RecordError.
    """
    if re.match(r"\s*S\d", text):
        words: dict[int, int] = {}
        for address, byte in from_srecords(text, file).items():
            at = address & ~3
            words[at] = words.get(at, 0) | byte << 8 * (address & 3)
        return words
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        for item in re.split(r"//|#", line)[0].split():
            if not re.fullmatch(r"(0[xX])?[0-9a-fA-F]{1,8}", item):
                raise DebugError(f"'{item[:40]}' is neither an S-record nor a hexadecimal word of "
                                 "32 bits", where=f"{file}:{number}")
            found.append(int(item, 16))
    if not found:
        raise DebugError("there is no word in it", where=file)
    if origin % 4 or not 0 <= origin <= ADDRESS_SPACE - 4 * len(found):
        raise DebugError(f"origin {origin:#x}", expected="a multiple of 4 with room for "
                         f"{len(found)} words up to 0xffffff")
    return {origin + 4 * i: word for i, word in enumerate(found)}


def address_of(text: str, labels: dict[str, int]) -> int:
    """A byte address, a multiple of 4: numbers and labels joined by + and -, as in a program."""
    if not re.fullmatch(EXPRESSION, text.strip()):
        raise DebugError(f"{shown(text)} is not an address",
                         expected="a label, 0x800 or label+8")
    try:
        address = evaluate(text, Context(symbols=labels))
    except OperandError:
        raise DebugError(f"{shown(text)} is not an address",
                         expected=f"a label of the program, {', '.join(labels) or 'which has none'}"
                         ) from None
    if address % 4 or not 0 <= address < ADDRESS_SPACE:
        raise DebugError(f"{shown(text)} is address {address:#x}",
                         expected="a multiple of 4 in 0..0xfffffc")
    return address


def span_of(text: str, labels: dict[str, int], target: Target) -> tuple[int, int]:
    """(byte address, words) of ADDRESS:WORDS, all of it memory of the target's board."""
    where, _, count = text.partition(":")
    if not re.fullmatch(r"0*[1-9]\d{0,6}", count):
        raise DebugError(f"{shown(text)} is no piece of memory",
                         expected="ADDRESS:WORDS, such as 0x800:4 or label:4")
    address = address_of(where, labels)
    for at in (address, address + 4 * int(count) - 4):
        if target.region(at) is None:
            raise DebugError(f"there is no memory at {at:#x} on board '{target.board.name}'",
                             where=f"'{text}'")
    return address, int(count)


def load(assembly: Assembly, target: Target, start: int) -> Machine:
    """A machine with the program in memory and pc at `start`; DebugError where no memory is."""
    missing = next((a for a in sorted(assembly.words) if target.region(a) is None), None)
    if missing is not None:
        raise DebugError(f"the program has a word at {missing:#x}, where board "
                         f"'{target.board.name}' has no memory")
    machine = Machine(target)
    assembly.load(machine.memory)
    machine.reset(start)
    return machine


def stops(machine: Machine, until: int, breaks: Collection[int],
          max_instructions: int, trace: int, traced: list[TraceRow]) -> Iterator[str]:
    """Run to `until`; yield "break" before each instruction at `breaks`, "end" on arrival.

    The first `trace` instructions are put into `traced`. At the end pending Z writes have landed,
    at a breakpoint they are still on their way. Raises MachineError; LimitExceeded when `until` is
    not reached.
    """
    observer = Observer(machine)
    for number in range(max_instructions):
        if machine.pc == until:
            break
        if machine.pc in breaks:
            yield "break"
        if number < trace:
            traced.append(trace_row(observer.step(), machine.target))
        else:
            machine.watch = None
            machine.step()
    if machine.pc != until:
        raise LimitExceeded(f"{max_instructions} instructions executed and pc is "
                            f"{machine.pc:#08x}, not {until:#08x}")
    machine.run(until, 0)
    yield "end"


def trace_row(step: Step, target: Target) -> TraceRow:
    """An instruction for a report, its times in cycles."""
    cycle = target.states_per_cycle
    return TraceRow(cycle=step.state / cycle, address=f"{step.address:06x}", text=step.text,
                    changes=_listed(step.changes), bank=step.bank / cycle, wait=step.wait / cycle,
                    stale=_listed(step.old))


def _listed(values: dict[str, str]) -> str:
    return "  ".join(f"{name}={value}" for name, value in values.items())


def stop_of(machine: Machine, why: str, registers: bool, spans: Sequence[tuple[int, int]],
            traced: list[TraceRow]) -> Stop:
    """The machine as it stands; with its registers, with the memory of the spans, each a byte
    address and so many words, and with what was traced."""
    word = int.from_bytes(machine.memory[machine.pc:machine.pc + 4].tobytes(), "little")
    state: dict[str, float | str] = {
        "states": machine.states, "cycles": machine.states / machine.target.states_per_cycle,
        "instructions": machine.profile().instructions, "flags": machine.flags,
        "dflags": machine.dflags}
    return Stop(stop=why, pc=f"{machine.pc:06x}", text=disassemble(word, machine.pc), state=state,
                registers=register_rows(machine) if registers else None,
                memory=[row for span in spans for row in memory_rows(machine, *span)] or None,
                trace=traced or None)


def register_rows(machine: Machine) -> list[Register]:
    """r1..r22 and a0..a3."""
    rows = []
    for i in range(1, 23):
        value = machine.register(f"r{i}")
        rows.append(Register(register=f"r{i}", hex=f"{value:06x}",
                             value=value - (value >> 23 << 24)))
    return rows + [Register(register=f"a{i}", hex=f"{a:010x}", value=float(decode_accumulator(a)))
                   for i, a in enumerate(machine.a)]


def memory_rows(machine: Machine, address: int, words: int) -> list[Word]:
    """Words from a byte address."""
    rows = []
    for at in range(address, address + 4 * words, 4):
        raw = machine.memory[at:at + 4].tobytes()
        word = int.from_bytes(raw, "little")
        rows.append(Word(address=f"{at:06x}", word=f"{word:08x}",
                         integer=int.from_bytes(raw, "little", signed=True),
                         float=float(decode(word))))
    return rows
