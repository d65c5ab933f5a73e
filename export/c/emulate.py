"""Cross-compiles an emitted program and runs it under QEMU: integers, instructions, bytes.

Instructions are counted exactly (`-icount`); they are not cycles.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dsplet.base.errors import UserError
from dsplet.export.c.header import verbs
from dsplet.export.c.host import WARNINGS
from dsplet.export.c.printer import print_c
from dsplet.quantize.fixed.program import Program

BARE_METAL = Path(__file__).with_name("bare_metal")
STACK_BYTES = 16384
"""Painted below main's frame, to see how deep the program went."""


class NoTool(UserError):
    """A cross compiler or an emulator is missing."""


@dataclass(frozen=True)
class Core:
    """A processor that QEMU runs. compiler, emulator: a command and its options.

    startup: the options of the start file, where they are not the compiler's.
    """

    name: str
    compiler: tuple[str, ...]
    emulator: tuple[str, ...]
    board: str
    packages: str
    startup: tuple[str, ...] = ()


def _arm(name: str, machine: str, *flags: str) -> Core:
    return Core(name, ("arm-none-eabi-gcc", f"-mcpu={name}", "-mthumb", *flags,
                       "--specs=nosys.specs"),
                ("qemu-system-arm", "-M", machine, "-serial", "none", "-semihosting-config",
                 "enable=on,target=native", "-icount", "shift=10,align=off,sleep=off"),
                "cortex_m", "gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm")


CORES = {c.name: c for c in (
    _arm("cortex-m4", "mps2-an386", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
    _arm("cortex-m3", "mps2-an385", "-mfloat-abi=soft"),
    _arm("cortex-m7", "mps2-an500", "-mfloat-abi=hard", "-mfpu=fpv5-d16"),
    Core("rv32imc", ("riscv64-unknown-elf-gcc", "-march=rv32imc", "-mabi=ilp32",
                     "--specs=picolibc.specs"),
         ("qemu-system-riscv32", "-M", "virt", "-bios", "none", "-serial", "stdio", "-icount",
          "shift=0,align=off,sleep=off"), "riscv",
         "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc",
         ("-march=rv32imc_zicsr", "-ffreestanding")))}


def missing(core: Core) -> list[str]:
    """The commands that the core needs and the PATH does not have."""
    return [c for c in (core.compiler[0], core.emulator[0]) if not shutil.which(c)]


@dataclass(frozen=True)
class Run:
    """outputs: an array (N, *shape) for each output of the program, int64. instructions: of one
    call, for each sample. Bytes: of the program's own object, RAM with its context; stack: the
    deepest of all calls."""

    outputs: list[np.ndarray]
    instructions: list[int]
    code_bytes: int
    const_bytes: int
    ram_bytes: int
    stack_bytes: int

    def differing(self, wanted: Iterable[np.ndarray]) -> int:
        """How many integers of the outputs are not those of `wanted`, arrays as `outputs`."""
        return sum(int((y != w).sum()) for y, w in zip(self.outputs, wanted, strict=True))

    @property
    def read_only_bytes(self) -> int:
        return self.code_bytes + self.const_bytes


def emulate(program: Program, core: Core, folder: Path, *xs: np.ndarray, options: str = "-O2",
            timeout_s: float = 600) -> Run:
    """Compile the program for the core and call it for each sample of xs, (N, *shape) each.

    Files are written to `folder`. Raises NoTool, and RuntimeError where the compiler refuses or the
    run does not end well.
    """
    header, source = print_c(program, "net")
    (folder / "net.h").write_text(header)
    numbers = printed(core, folder, source, _main(program, xs), options, timeout_s)
    outputs: list[list[np.ndarray]] = [[] for _ in program.outputs]
    counts, context_bytes = [], next(numbers)
    for _ in range(len(xs[0])):
        counts.append(next(numbers))
        for rows, (v, _) in zip(outputs, program.outputs, strict=True):
            rows.append(np.array([next(numbers) for _ in range(v.size)]).reshape(v.shape))
    code, const, ram = _sizes(core, folder)
    return Run([np.array(rows, np.int64) for rows in outputs], counts, code, const,
               ram + context_bytes, next(numbers))


def printed(core: Core, folder: Path, source: str, main: str, options: str = "-O2",
            timeout_s: float = 600, objects: Iterable[str] = ()) -> Iterator[int]:
    """The words that a program prints: net.c (source, which finds its headers in the folder) under
    the options, and main.c, with other objects or archives. Raises as `emulate`."""
    if absent := missing(core):
        raise NoTool(f"{', '.join(absent)} not on the PATH; Debian: apt-get install "
                     f"{core.packages}")
    (folder / "net.c").write_text(source)
    (folder / "main.c").write_text(main)
    for name, flags in (("net", (options, *WARNINGS)), ("main", ("-O1",)),
                        (core.board, ("-O1", *core.startup))):
        where = BARE_METAL if name == core.board else folder
        _do(folder, *core.compiler, *flags, "-ffunction-sections", "-fdata-sections", "-c",
            str(where / f"{name}.c"), "-o", f"{name}.o")
    _do(folder, *core.compiler, "-nostartfiles", "-Wl,--gc-sections", "-T",
        str(BARE_METAL / f"{core.board}.ld"), "net.o", "main.o", f"{core.board}.o", *objects, "-o",
        "net.elf")
    lines = _do(folder, *core.emulator, "-nographic", "-monitor", "none", "-kernel", "net.elf",
                timeout_s=timeout_s).split()
    return iter([int(word, 16) - (1 << 32) * (word >= "80000000") for word in lines])


def _do(folder: Path, *command: str, timeout_s: float = 600) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout_s,
                          stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} in {folder} gave {done.returncode}:\n"
                           f"{done.stdout[-500:]}{done.stderr[-2000:]}")
    return done.stdout + done.stderr


def _main(program: Program, xs: tuple[np.ndarray, ...]) -> str:
    """Calls the program for each sample; prints its count and outputs, at last the stack's depth,
    as words of 8 hexadecimal digits."""
    begin, go = verbs(program)
    lines = ['#include "net.h"', "static net_context memory;", "void start_counting(void);",
             "uint32_t instructions(void);"]
    arguments = ["&memory"]
    for (v, b), x in zip(program.inputs, xs, strict=True):
        rows = ", ".join("{" + ", ".join(map(str, row)) + "}"
                         for row in np.asarray(x).reshape(len(x), -1).tolist())
        lines.append(f"static const {program.buffers[b].dtype}_t {b}_all[{len(x)}][{v.size}] = "
                     f"{{{rows}}};")
        arguments.append(f"{b}_all[n]")
    for v, b in program.outputs:
        lines.append(f"static {program.buffers[b].dtype}_t {b}_one[{v.size}];")
        arguments.append(f"{b}_one")
    prints = [f"for (int i = 0; i < {v.size}; i++) print((uint32_t)(int32_t){b}_one[i]);"
              for v, b in program.outputs]
    return "\n".join([*lines, PRINT, _STACK, f"__attribute__((noinline)) static void call(int n) "
                      f"{{ net_{go}({', '.join(arguments)}); }}",
                      "int main(void)", "{", f"    paint();\n    net_{begin}(&memory);",
                      "    print((uint32_t)sizeof memory);", "    start_counting();",
                      f"    for (int n = 0; n < {len(xs[0])}; n++) {{",
                      "        const uint32_t before = instructions();", "        call(n);",
                      "        print(instructions() - before);", *prints, "    }",
                      "    print(depth());", "    return 0;", "}", ""])


PRINT = """
void say(const char *text);

static void print(uint32_t word)
{
    char text[] = "00000000\\n";
    for (int i = 7; i >= 0; i--, word >>= 4) text[i] = "0123456789abcdef"[word & 15];
    say(text);
}
"""
"""What `printed` reads."""
_STACK = f"""
#define WORDS {STACK_BYTES // 4}
static volatile uint32_t *bottom;

__attribute__((noinline)) static void paint(void)
{{
    bottom = (volatile uint32_t *)((uintptr_t)__builtin_frame_address(0) / 4 * 4) - WORDS;
    for (int i = 0; i < WORDS - 16; i++) bottom[i] = 0xDEADBEEF;
}}

__attribute__((noinline)) static uint32_t depth(void)
{{
    int i = 0;
    while (i < WORDS && bottom[i] == 0xDEADBEEF) i++;
    return (uint32_t)(WORDS - i) * 4;
}}
"""


def _sizes(core: Core, folder: Path) -> tuple[int, int, int]:
    """Bytes of code, constants and RAM of the program's object; initial data count as both of the
    latter."""
    table = _do(folder, core.compiler[0].replace("gcc", "size"), "-A", "net.o")
    sizes = {"text": 0, "rodata": 0, "srodata": 0, "data": 0, "sdata": 0, "bss": 0, "sbss": 0}
    for line in table.splitlines():
        words = line.split()
        if words and words[0].startswith(".") and (kind := words[0].split(".")[1]) in sizes:
            sizes[kind] += int(words[1])
    data = sizes["data"] + sizes["sdata"]
    return (sizes["text"], sizes["rodata"] + sizes["srodata"] + data,
            sizes["bss"] + sizes["sbss"] + data)
