"""What stands beside the two files: golden samples, a test program, and files that build it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dsplet.export.c.header import borders, verbs
from dsplet.export.c.statements import folded
from dsplet.quantize.fixed.arithmetic import IntArray
from dsplet.quantize.fixed.program import Program

MAKEFILE = """\
# Builds {name}.c and runs its self-test: make, or make CC=arm-none-eabi-gcc CFLAGS=...
CFLAGS ?= -std=c99 -O2 -Wall -Wextra

test: {name}_test
\t./{name}_test

{name}_test: {name}_test.c {name}.c {headers}
\t$(CC) $(CFLAGS) -o $@ {name}_test.c {name}.c

clean:
\trm -f {name}_test

.PHONY: test clean
"""
CMAKE = """\
# A library of {name}.c, and its self-test:
# cmake -B build && cmake --build build && ctest --test-dir build
cmake_minimum_required(VERSION 3.10)
project({name} C)
set(CMAKE_C_STANDARD 99)
add_library({name} {name}.c)
target_include_directories({name} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})
add_executable({name}_test {name}_test.c)
target_link_libraries({name}_test {name})
enable_testing()
add_test(NAME {name} COMMAND {name}_test)
"""
SKETCH = """\
// The self-test of {name}; the sketch's folder must be called {name}, too.
#include "{name}.h"

static {name}_context context;
{arrays}
void setup() {{
    Serial.begin(115200);
    while (!Serial) {{ }}
    const unsigned long start = micros();
    const int32_t layer = {name}_selftest(&context, {arguments});
    Serial.print("self-test: ");
    if (layer) Serial.print("wrong in layer ");
    Serial.println(layer ? String(layer) : String("ok"));
    Serial.print(micros() - start);
    Serial.println(" us, checksums included");
}}

void loop() {{ }}
"""
BUILDS = ("makefile", "cmake", "arduino")


def print_build(program: Program, name: str, build: str, vectors: bool) -> dict[str, str]:
    """Files by name that build the program and run its self-test. build: one of `BUILDS`. vectors:
    there are golden samples, which the test runs, too."""
    if build == "arduino":
        arrays, arguments = _arrays(program, name)
        return {f"{name}.ino": SKETCH.format(name=name, arrays=arrays, arguments=arguments)}
    headers = " ".join([f"{name}.h", *([f"{name}_vectors.h"] if vectors else [])])
    file, text = {"makefile": ("Makefile", MAKEFILE), "cmake": ("CMakeLists.txt", CMAKE)}[build]
    return {file: text.format(name=name, headers=headers),
            f"{name}_test.c": _test(program, name, vectors)}


def print_vectors(program: Program, name: str, xs: Sequence[IntArray], ys: Sequence[IntArray],
                  source: str) -> str:
    """NAME_vectors.h: samples xs, (N, *shape) each, and what the network must give, ys. source:
    where the samples are from, for people."""
    macro = f"{name.upper()}_VECTORS"
    lines = [f"/* {name}_vectors.h: {source}; the outputs are the NumPy reference's. */",
             f"#ifndef {macro}_H", f"#define {macro}_H", "", f'#include "{name}.h"', "",
             f"#define {macro} {len(xs[0])}", ""]
    for b, q in zip([*borders(program)[0], *borders(program)[1]], [*xs, *ys], strict=True):
        lines.append(f"static const {name}_{b.stem} {name}_vectors_{b.buffer}[{len(q)}]"
                     f"[{b.value.size}] = {{")
        for row in q.reshape(len(q), -1).tolist():
            first, *rest = folded("    {" + ", ".join(map(str, row)) + "},")
            lines += [first, *(f"     {line.strip()}" for line in rest)]
        lines += ["};", ""]
    return "\n".join([*lines, "#endif", ""])


def _arrays(program: Program, name: str) -> tuple[str, str]:
    """(definitions of arrays for what goes in and out, their names as arguments)."""
    both = [b for side in borders(program) for b in side]
    return ("\n".join(f"static {name}_{b.stem} {b.buffer}[{b.value.size}];" for b in both),
            ", ".join(b.buffer for b in both))


def _test(program: Program, name: str, vectors: bool) -> str:
    arrays, arguments = _arrays(program, name)
    return "\n".join([
        f"/* {name}_test.c: says whether {name}.c computes here what it computed when it was "
        "printed. */", "#include <stdio.h>", "",
        f'#include "{name}{"_vectors" if vectors else ""}.h"', "",
        f"static {name}_context context;", arrays, "", "int main(void)", "{",
        f"    const int32_t layer = {name}_selftest(&context, {arguments});",
        '    if (layer) {', f'        printf("{name}: wrong in layer %d\\n", (int)layer);',
        "        return 1;", "    }", *(_compared(program, name) if vectors else []),
        f'    printf("{name}: ok\\n");', "    return 0;", "}", ""])


def _compared(program: Program, name: str) -> Iterator[str]:
    """C that runs the golden samples."""
    begin, go = verbs(program)
    inputs, outputs = borders(program)
    arguments = ["&context", *(f"{name}_vectors_{b.buffer}[n]" for b in inputs),
                 *(b.buffer for b in outputs)]
    yield f"    for (int n = 0; n < {name.upper()}_VECTORS; n++) {{"
    yield f"        {name}_{begin}(&context);"
    yield from folded(f"        {name}_{go}({', '.join(arguments)});")
    for b in outputs:
        yield f"        for (int i = 0; i < {b.value.size}; i++)"
        yield f"            if ({b.buffer}[i] != {name}_vectors_{b.buffer}[n][i]) {{"
        yield f'                printf("{name}: wrong in sample %d\\n", n);'
        yield "                return 1;"
        yield "            }"
    yield "    }"
