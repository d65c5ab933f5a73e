"""Many programs through the C compiler at once: starting it takes longer than a small program."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from dsplet.export.c import host
from dsplet.export.c.printer import print_c
from dsplet.quantize.fixed.program import Program

STATIC = re.compile(r"^(?:INLINE|KERNEL|\w+_CONST) \w+ (\w+)[(\[]", re.M)
"""What a file defines for itself."""


def compile_together(programs: list[Program], folder: Path) -> list[host.Compiled]:
    """As `host.compile` of each, under the same options, in one run of the compiler. Programs of
    the same text are compiled once. What a file defines for itself gets a name of its own."""
    texts = [print_c(p, "net")[1] for p in programs]
    numbers = {text: i for i, text in enumerate(texts)}
    whole = []
    for i in numbers.values():
        header, source = print_c(programs[i], f"net{i}")
        (folder / f"net{i}.h").write_text(header)
        (folder / f"net{i}.c").write_text(source)
        own = {*STATIC.findall(source)}
        whole += [*(f"#define {name} {name}_of_{i}\n" for name in own), f'#include "net{i}.c"\n',
                  *(f"#undef {name}\n" for name in (*own, "INLINE", "KERNEL", "PAIRS"))]
    (folder / "all.c").write_text("".join(whole))
    done = subprocess.run([host.compiler(), *host.WARNINGS, "-O2", "-shared", "-fPIC",
                           "-o", "all.so", "all.c"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [host.load(program, folder / "all.so", f"net{numbers[text]}")
            for program, text in zip(programs, texts, strict=True)]
