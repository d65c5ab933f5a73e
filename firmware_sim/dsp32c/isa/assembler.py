"""Assembler and linker for AT&T-style DSP32C source, and disassembler [spellings: dsp32c.md 5.5,
9, 11; A L].

A program is one file or several. `source.py` takes comments off and knows which line is which,
`lexer.py` finds labels, statements and tokens, `expressions.py` and `data.py` read numbers,
`layout.py` says where things lie, `module.py` assembles one file. Here files become a program: each
sees what the others make `.global`.

The C preprocessor comes before all this, in `tools/preprocess.py`. The syntax is in
docs/programs.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from dsplet.firmware_sim.dsp32c.isa.instruction_set import TABLE
from dsplet.firmware_sim.dsp32c.isa.layout import Layout, Part, Place
from dsplet.firmware_sim.dsp32c.isa.module import Module
from dsplet.firmware_sim.dsp32c.isa.source import (
    UNKNOWN,
    AssemblyError,
    Fault,
    Line,
    Refused,
)

__all__ = ["Assembly", "AssemblyError", "Place", "assemble", "disassemble", "link"]


@dataclass(frozen=True)
class Assembly:
    """Machine code: words by address, label addresses, the source line behind each address.

    Labels that several files have for themselves are left out. source: every line, as the
    preprocessor left it. parts: what each file has of each section. imports: by file, the names
    that it has of others.
    """

    words: dict[int, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    origins: dict[int, Line] = field(default_factory=dict)
    source: tuple[Line, ...] = ()
    parts: tuple[Part, ...] = ()
    imports: dict[str, list[str]] = field(default_factory=dict)

    @cached_property
    def lines(self) -> dict[int, int]:
        """The number of the source line behind each address."""
        return {address: line.number for address, line in self.origins.items()}

    @cached_property
    def segments(self) -> list[tuple[int, np.ndarray]]:
        """Runs of adjacent words as (byte address, uint32 array), ascending."""
        runs: list[tuple[int, list[int]]] = []
        for address in sorted(self.words):
            if not runs or runs[-1][0] + 4 * len(runs[-1][1]) != address:
                runs.append((address, []))
            runs[-1][1].append(self.words[address])
        return [(address, np.array(run, np.uint32)) for address, run in runs]

    def load(self, memory: np.ndarray) -> None:
        """Write the words, little-endian, into a byte array indexed by address."""
        for address, words in self.segments:
            raw = words.astype("<u4").view(np.uint8)
            memory[address:address + len(raw)] = raw


def assemble(source: str, origin: int = 0, file: str = "<asm>",
             symbols: Mapping[str, int] | None = None) -> Assembly:
    """Machine code of a source text, first word at `origin` (byte address).

    symbols: more names and their values.  Raises AssemblyError, which has all mistakes.
    """
    return link([(file, source)], origin, symbols=symbols)


def link(files: Sequence[tuple[str, str]], origin: int = 0,
         sections: Mapping[str, Place] | None = None,
         symbols: Mapping[str, int] | None = None) -> Assembly:
    """Machine code of several files, (name, text) each: every name once.

    sections: where they go, by name. Raises AssemblyError, which has all mistakes.
    """
    faults: list[Fault] = []
    layout = Layout({"": Place(origin)} | dict(sections or {}))
    modules = [Module(text, file, layout, faults, symbols or {}) for file, text in files]
    for module in modules:
        module.place()
    exports = _exports(modules, faults)
    memory = _Memory()

    def others(name: str) -> int:
        if name in exports:
            owner = exports[name]
            return owner.labels[name] if name in owner.labels else owner.constants[name]
        if symbols and name in symbols:
            return symbols[name]
        hidden = [m.file for m in modules if name in m.labels or name in m.constants]
        raise Refused(f"{UNKNOWN} `{name}`: expected a number or a label"
                      + (f"; {hidden[0]} has it, but not as .global" if hidden else ""))

    for module in modules:
        module.emit(others, None if faults else memory.put)
    if faults:
        where = {id(line): i for i, line in enumerate(x for m in modules for x in m.lines)}
        faults.sort(key=lambda fault: (where.get(id(fault.line), -1), fault.column))
        raise AssemblyError(_each_name_once(faults))
    return Assembly(memory.words, _labels(modules, exports), memory.origins,
                    tuple(line for module in modules for line in module.lines),
                    tuple(layout.parts),
                    {module.file: sorted(module.used & set(exports)) for module in modules})


def _exports(modules: Sequence[Module], faults: list[Fault]) -> dict[str, Module]:
    """Who gives each name that files share."""
    owners: dict[str, Module] = {}
    for module in modules:
        for name, (statement, column) in module.shared.items():
            if name not in module.labels and name not in module.constants:
                continue  # others may have it, and nobody need
            if name in owners:
                faults.append(Fault(statement.line, statement.column + column,
                                    f"`{name}` is .global in {owners[name].file} already"))
            owners.setdefault(name, module)
    return owners


def _each_name_once(faults: Sequence[Fault]) -> list[Fault]:
    """With the first line alone of a file that does not know a name, and how many more do."""
    times = Counter((fault.line.file, fault.message) for fault in faults)
    found: dict[tuple[object, ...], Fault] = {}
    for fault in faults:
        key = fault.line.file, fault.message
        more = times[key] - 1 if fault.message.startswith(UNKNOWN) else 0
        found.setdefault(key if more else (id(fault),), replace(
            fault, message=fault.message + (f" (and {more} more)" if more else "")))
    return list(found.values())


def _labels(modules: Sequence[Module], exports: Mapping[str, Module]) -> dict[str, int]:
    times = Counter(name for module in modules for name in module.labels)
    return {name: address for module in modules for name, address in module.labels.items()
            if times[name] == 1 or exports.get(name) is module}


class _Memory:
    """Words as they are put together, each byte once."""

    def __init__(self) -> None:
        self.words: dict[int, int] = {}
        self.origins: dict[int, Line] = {}
        self._taken: dict[int, int] = {}

    def put(self, address: int, size: int, bits: int, line: Line) -> None:
        """Raises Refused where something is already."""
        at, shift = address & ~3, 8 * (address & 3)
        mask = (1 << 8 * size) - 1 << shift
        if self._taken.get(at, 0) & mask:
            there = self.origins[at]
            raise Refused(f"address {address:#08x} is already used, by {there.file}:{there.number}")
        self._taken[at] = self._taken.get(at, 0) | mask
        self.words[at] = self.words.get(at, 0) | bits << shift & mask
        self.origins.setdefault(at, line)


def disassemble(word: int, address: int = 0) -> str:
    """The source text of an instruction word; `word 0x...` where it is not one."""
    return TABLE.show(word) or f"word 0x{word:08x}"
