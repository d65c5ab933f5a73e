"""Many programs through a C compiler at once: starting it takes longer than a small program."""

from __future__ import annotations

import ctypes
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dsplet.export.c import host
from dsplet.export.c.emulate import PRINT, Core, printed
from dsplet.export.c.printer import print_c
from dsplet.quantize.fixed.program import Program

STATIC = re.compile(r"^(?:INLINE|KERNEL|static|\w+_CONST) \w+ (\w+)[(\[]", re.M)
"""What a file defines for itself."""

NAME = re.compile(r"\b(net|NET)(?=_|\.h)")

Text = tuple[str, str]
"""Header and source of a program called `net`."""


def joined(texts: Sequence[Text], folder: Path) -> str:
    """One source of all; the headers go to the folder. What a file defines for itself gets a name
    of its own, and the program number i of the texts is called net{i}."""
    whole: list[str] = []
    for i, (header, source) in enumerate(texts):
        header, source = (NAME.sub(rf"\g<1>{i}", text) for text in (header, source))
        (folder / f"net{i}.h").write_text(header)
        (folder / f"net{i}.c").write_text(source)
        own = {*STATIC.findall(source)}
        whole += [*(f"#define {name} {name}_of_{i}\n" for name in own), f'#include "net{i}.c"\n',
                  *(f"#undef {name}\n"
                    for name in (*own, "INLINE", "KERNEL", "PAIRS", "PAIR", "SPACE"))]
    return "".join(whole)


def build_together(texts: Sequence[Text], folder: Path, more: Callable[[int], str] = lambda i: ""
                   ) -> Path:
    """A shared object of all, compiled as `host.compile` does. more(i): C behind number i."""
    (folder / "all.c").write_text(joined(texts, folder) + "".join(map(more, range(len(texts)))))
    done = subprocess.run([*host.compiler(), *host.WARNINGS, "-O2", "-shared", "-fPIC",
                           "-o", "all.so", "all.c"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "all.so"


def compile_together(programs: list[Program], folder: Path) -> list[host.Compiled]:
    """As `host.compile` of each. Programs of the same text are compiled once."""
    texts = [print_c(p, "net") for p in programs]
    numbers = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    library = build_together([*numbers], folder)
    return [host.load(program, library, f"net{numbers[text]}")
            for program, text in zip(programs, texts, strict=True)]


def self_tests_together(programs: list[Program], folder: Path) -> list[tuple[int, int]]:
    """For each program what its self-test returns, and the bytes of its context."""
    texts = [print_c(p, "net", tested=True) for p in programs]
    library = ctypes.CDLL(str(build_together(texts, folder, lambda i: (
        f"int net{i}_bytes(void);\nint net{i}_bytes(void) {{ return (int)sizeof(net{i}_context); }}"
        "\n"))))
    found = []
    for i, p in enumerate(programs):
        size = library[f"net{i}_bytes"]()
        memory = [np.zeros(size // 8 + 1, np.int64), *(
            np.zeros(v.size, p.buffers[b].dtype) for v, b in (*p.inputs, *p.outputs))]
        found.append((library[f"net{i}_selftest"](*(ctypes.c_void_p(a.ctypes.data)
                                                    for a in memory)), size))
    return found


def emulate_together(programs: list[Program], texts: list[Text], samples: list[list[np.ndarray]],
                     core: Core, folder: Path, options: str
                     ) -> list[tuple[list[np.ndarray], int, int]]:
    """For each program its outputs for its samples, (N, *shape) for each input, what its self-test
    returns, and the bytes of its context, all on an emulated core. texts: with self-tests."""
    callers = [_caller(f"net{i}", p, xs) for i, (p, xs) in enumerate(zip(programs, samples,
                                                                         strict=True))]
    main = "\n".join(["#include <stdint.h>", PRINT, *callers, "int main(void)", "{",
                      *(f"    net{i}_all();" for i in range(len(programs))), "    return 0;", "}"])
    words = printed(core, folder, joined(texts, folder), main, options)
    found = []
    for p, xs in zip(programs, samples, strict=True):
        rows = [[np.array([next(words) for _ in range(v.size)]).reshape(v.shape)
                 for v, _ in p.outputs] for _ in xs[0]]
        found.append(([np.stack(ys) for ys in zip(*rows, strict=True)], next(words), next(words)))
    assert next(words, None) is None
    return found


def _caller(name: str, p: Program, xs: list[np.ndarray]) -> str:
    """C that runs the samples and the self-test, and prints what they give."""
    lines, arguments, own = [f'#include "{name}.h"', f"static void {name}_all(void)", "{",
                             f"    static {name}_context memory;"], ["&memory"], ["&memory"]
    for (v, b), x in zip(p.inputs, xs, strict=True):
        rows = ", ".join("{" + ", ".join(map(str, row)) + "}"
                         for row in x.reshape(len(x), -1).tolist())
        lines += [f"    static const {p.buffers[b].dtype}_t {b}[{len(x)}][{v.size}] = {{{rows}}};",
                  f"    static {p.buffers[b].dtype}_t {b}_own[{v.size}];"]
        arguments.append(f"{b}[n]")
        own.append(f"{b}_own")
    for v, b in p.outputs:
        lines.append(f"    static {p.buffers[b].dtype}_t {b}[{v.size}];")
        arguments.append(b)
        own.append(b)
    prints = [f"        for (int i = 0; i < {v.size}; i++) print((uint32_t)(int32_t){b}[i]);"
              for v, b in p.outputs]
    return "\n".join([*lines, f"    {name}_init(&memory);",
                      f"    for (int n = 0; n < {len(xs[0])}; n++) {{",
                      f"        {name}_run({', '.join(arguments)});", *prints, "    }",
                      f"    print((uint32_t){name}_selftest({', '.join(own)}));",
                      "    print((uint32_t)sizeof memory);", "}"])
