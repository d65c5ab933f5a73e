"""Cross-compiles an emitted program, and reads of what came out what is needed to execute it."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dsplet.base.errors import door
from dsplet.export.c.emulate import NoTool
from dsplet.export.c.printer import print_c
from dsplet.quantize.fixed.program import Program

LINKER_SCRIPT = Path(__file__).with_name("program.ld")
NAME = "net"
"""What the program calls itself in C."""


@dataclass(frozen=True)
class Toolchain:
    """prefix: of its commands. flags: of the compiler. packages: of Debian's that bring it."""

    prefix: str
    flags: tuple[str, ...]
    packages: str

    def command(self, tool: str) -> str:
        """The path of a tool. Raises NoTool."""
        if path := shutil.which(self.prefix + tool):
            return path
        raise NoTool(f"{self.prefix}{tool} is not on the PATH",
                     remedy=f"apt-get install {self.packages}")


@dataclass(frozen=True)
class Line:
    """An instruction as the disassembler has it. operands: without its remarks."""

    address: int
    size: int
    mnemonic: str
    operands: str

    @property
    def text(self) -> str:
        return f"{self.mnemonic} {self.operands}".rstrip()


@dataclass(frozen=True)
class Built:
    """An executable. segments: address -> bytes. functions: name -> first and end address. lines:
    by address. code_bytes, const_bytes, ram_bytes: of the program with what it takes of the
    compiler's library; initial data count as both of the latter. compiler: its first words."""

    segments: Mapping[int, bytes]
    functions: Mapping[str, tuple[int, int]]
    lines: Mapping[int, Line]
    code_bytes: int
    const_bytes: int
    ram_bytes: int
    compiler: str
    listing: str

    def function_at(self, address: int) -> str:
        """The function that the address lies in."""
        return next((f for f, (start, end) in self.functions.items() if start <= address < end),
                    "")


def build(program: Program, tools: Toolchain, flash_start: int, ram_start: int) -> Built:
    """The program as C, compiled and linked to these addresses. Raises NoTool; RuntimeError where
    the compiler refuses what we print."""
    header, source = print_c(program, NAME)
    with tempfile.TemporaryDirectory(prefix="dsplet-") as scratch:
        folder = Path(scratch)
        (folder / f"{NAME}.h").write_text(header)
        (folder / f"{NAME}.c").write_text(source)
        return built(folder, f"{NAME}.c", tools, flash_start, ram_start)


def built(folder: Path, source: str, tools: Toolchain, flash_start: int, ram_start: int) -> Built:
    """The same of a file of C or assembly in a folder."""
    gcc = tools.command("gcc")
    _do(folder, gcc, *tools.flags, "-nostartfiles", "-Wl,--no-warn-rwx-segments",
        f"-Wl,--defsym=flash_start={flash_start},--defsym=ram_start={ram_start}",
        "-T", str(LINKER_SCRIPT), source, "-o", "program.elf")
    listing = _do(folder, tools.command("objdump"), "-d", "-z", "program.elf")
    content = (folder / "program.elf").read_bytes()
    sections = _sections(_do(folder, tools.command("size"), "-A", "program.elf"))
    return Built(_segments(content), _functions(_do(folder, tools.command("nm"), "-S", "-n",
                                                    "program.elf")),
                 _lines(listing), sections["text"], sections["rodata"] + sections["data"],
                 sections["data"] + sections["bss"],
                 _do(folder, gcc, "--version").splitlines()[0], listing)


def _do(folder: Path, *command: str) -> str:
    with door(command[0], OSError, what="cannot be run", kind=NoTool):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} gave {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def _sections(table: str) -> dict[str, int]:
    found = {"text": 0, "rodata": 0, "data": 0, "bss": 0}
    for line in table.splitlines():
        words = line.split()
        if words and (name := words[0].removeprefix(".")) in found:
            found[name] = int(words[1])
    return found


def _segments(elf: bytes) -> dict[int, bytes]:
    """What a 32-bit ELF file loads, by virtual address."""
    start, = struct.unpack_from("<I", elf, 28)
    size, count = struct.unpack_from("<HH", elf, 42)
    found = {}
    for i in range(count):
        kind, offset, address, _, stored, *_ = struct.unpack_from("<8I", elf, start + i * size)
        if kind == 1 and stored:
            found[address] = elf[offset:offset + stored]
    return found


def _functions(table: str) -> dict[str, tuple[int, int]]:
    """Of `nm -S -n`: names of code, with their addresses; one without a size ends at the next."""
    code = [words for line in table.splitlines()
            if len(words := line.split()) >= 3 and words[-2] in "tTwW"
            and not words[-1].startswith("$")]
    starts = [int(words[0], 16) & ~1 for words in code]
    return {words[-1]: (start, start + int(words[1], 16) if len(words) == 4 else after)
            for words, start, after in zip(code, starts, [*starts[1:], 1 << 32], strict=True)}


LINE = re.compile(r"\s*([0-9a-f]+):\t([0-9a-f ]+?)\s*\t(\S+)(?:\t(.*))?")


def _lines(listing: str) -> dict[int, Line]:
    found = {}
    for text in listing.splitlines():
        if (m := LINE.fullmatch(text)) and not m[3].startswith("."):
            operands = re.split(r"\s*(?:[;@#] |<)", m[4] or "")[0].strip()
            address = int(m[1], 16)
            found[address] = Line(address, len(m[2].replace(" ", "")) // 2, m[3], operands)
    return found
