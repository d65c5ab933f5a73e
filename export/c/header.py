"""Prints the header: what a product needs to know of a network, and its functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from dsplet.export.c.context import Context
from dsplet.export.c.statements import COLUMNS, comment, folded
from dsplet.quantize.fixed.arithmetic import CONTRACT
from dsplet.quantize.fixed.graph import Value
from dsplet.quantize.fixed.program import Program

CLAIM = "No rights are claimed in this text by the authors of dsplet, the helpers in it included."
QUANTIZE = """\
/* The {kind} that stands for a real number: the nearest, halves up, within its range. */
static inline {type} {name}(float real)
{{
    const float scaled = real * {scale};
    int32_t q = {least};
    if (scaled >= {high}) {{
        q = {most};
    }}
    if ((scaled > {low}) && (scaled < {high})) {{
        q = (int32_t)scaled;
        const float rest = scaled - (float)q;
        q += rest >= 0.5f ? 1 : (rest < -0.5f ? -1 : 0);
    }}
    return ({type})q;
}}
"""
SATURATE = """\
/* The nearest integer that an {kind} may be: another one would be read as an address too far. */
static inline {type} {name}(int32_t q)
{{
    const int32_t nearest = q < {least} ? {least} : (q > {most} ? {most} : q);
    return ({type})nearest;
}}
"""
PIXEL = """\
/* The {kind} of a pixel from 0 to 255, scaled as the network's file has it. */
static inline {type} {name}(uint8_t pixel)
{{
{body}
}}
"""
DEQUANTIZE = """\
/* The real number that an {kind} stands for. */
static inline float {name}({type} q)
{{
    return (float)q * {step};
}}
"""
ARGMAX = """\
/* The place of the largest {kind}, the first of equal ones. */
static inline int32_t {name}(const {type} *{buffer})
{{
    int32_t best = 0;
    for (int32_t i = 1; i < {size}; i++) {{
        if ({buffer}[i] > {buffer}[best]) {{
            best = i;
        }}
    }}
    return best;
}}
"""


@dataclass(frozen=True)
class Border:
    """A value that goes in or out. stem: "input", "output", or with its number where there are
    several. buffer: what C calls it."""

    value: Value
    stem: str
    buffer: str
    dtype: str


def borders(program: Program) -> tuple[list[Border], list[Border]]:
    """(inputs, outputs)."""
    def side(stem: str, values: Sequence[tuple[Value, str]]) -> list[Border]:
        return [Border(v, f"{stem}{i if len(values) > 1 else ''}", buffer,
                       f"{program.buffers[buffer].dtype}_t")
                for i, (v, buffer) in enumerate(values)]

    return side("input", program.inputs), side("output", program.outputs)


def prototype(program: Program, name: str, verb: str, constant: bool = True) -> str:
    """Of a function of the context and of what goes in and out. constant: it leaves the inputs as
    they are."""
    inputs, outputs = borders(program)
    parameters = [f"{name}_context *context",
                  *(f"{'const ' if constant else ''}{name}_{b.stem} *{b.buffer}" for b in inputs),
                  *(f"{name}_{b.stem} *{b.buffer}" for b in outputs)]
    return f"{name}_{verb}({', '.join(parameters)})"


def verbs(program: Program) -> tuple[str, str]:
    """What the functions are called that begin, and that take a sample or a step of one."""
    return ("init", "run") if program.resume is None else ("reset", "step")


def print_header(program: Program, name: str, context: Context, constant_bytes: int,
                 metadata: Iterable[tuple[str, str]], pixels: Sequence[int] | None,
                 tested: bool) -> str:
    """See `printer.print_c`. constant_bytes: of weights, biases and tables."""
    facts = [("contract", CONTRACT), ("work", f"{program.macs} multiply-accumulates"),
             ("memory", f"{constant_bytes} bytes of constants, {context.bytes} bytes of RAM"),
             *metadata]
    begin, go = verbs(program)
    return "\n".join([
        f"/* {name}: a neural network in fixed point, printed by dsplet.", " *",
        *(f" * {comment(key)}: {comment(text)}" for key, text in facts), f" * {CLAIM}", " */",
        f"#ifndef {name.upper()}_H", f"#define {name.upper()}_H", "", "#include <stdint.h>", "",
        "#ifdef __cplusplus", 'extern "C" {', "#endif", "",
        *_numbers(program, name, context, constant_bytes), "",
        *(line for side in borders(program) for b in side for line in _border(name, b)),
        *_comment(f"The RAM of a run: its caller's, so that runs at one time do not meet. "
                  f"{name}_{begin} fills it, and "
                  + ("from one step to the next it must stay as it is."
                     if program.resume is not None or context.kept else
                     "nothing in it need stay from one run to the next.")),
        *context.struct(name), "",
        f"/* Before the first {go} in a context"
        + (", and before each new sequence. */" if program.resume is not None else ". */"),
        f"void {name}_{begin}({name}_context *context);", "",
        "/* One " + ("element of a sequence in, the outputs so far" if program.resume is not None
                     else "sample in, one") + " out, row by row; the arrays must not overlap. */",
        *folded(f"void {prototype(program, name, go)};"), "",
        *(_selftest(program, name) if tested else []),
        *_helpers(program, name, pixels),
        "#ifdef __cplusplus", "}", "#endif", "", "#endif", ""])


def _comment(text: str) -> list[str]:
    """A comment in lines that are short enough."""
    return [f"/* {line}" if i == 0 else f" * {line}"
            for i, line in enumerate(wrap(f"{text} */", COLUMNS - 3))]


def _numbers(program: Program, name: str, context: Context, constant_bytes: int) -> list[str]:
    numbers = {"MACS": program.macs, "CONST_BYTES": constant_bytes, "RAM_BYTES": context.bytes,
               "LAYERS": len(program.kernels)}
    return [f"#define {name.upper()}_{key} {number}" for key, number in numbers.items()]


def _border(name: str, b: Border) -> list[str]:
    shape, fmt = "x".join(map(str, b.value.shape)) or "scalar", b.value.format
    numbers = {"SIZE": b.value.size, "FRAC": fmt.frac, "MIN": fmt.min, "MAX": fmt.max}
    macro = f"{name}_{b.stem}".upper()
    return [*folded(f"/* {b.buffer}: {comment(b.value.name)}, {shape}, {fmt}: integers from "
                    f"{fmt.min} to {fmt.max}, real value = integer * 2^{-fmt.frac}. */"),
            *(f"#define {macro}_{key} {f'({n})' if n < 0 else n}" for key, n in numbers.items()),
            f"typedef {b.dtype} {name}_{b.stem};", ""]


def _selftest(program: Program, name: str) -> list[str]:
    return [*_comment("0 where every layer gives on this machine what it gave when this was "
                      "printed, for inputs of its own choice; else the number of the first one "
                      "that does not, from 1."),
            *folded(f"int32_t {prototype(program, name, 'selftest', constant=False)};"), ""]


def _helpers(program: Program, name: str, pixels: Sequence[int] | None) -> Iterator[str]:
    inputs, outputs = borders(program)
    for b in inputs:
        fmt, last = b.value.format, b.stem.removeprefix("input")
        facts = {"kind": b.stem, "type": f"{name}_{b.stem}", "least": fmt.min, "most": fmt.max,
                 "low": _real(fmt.min), "high": _real(fmt.max), "scale": _real(2.0**fmt.frac)}
        yield QUANTIZE.format(name=f"{name}_quantize{last}", **facts)
        yield SATURATE.format(name=f"{name}_saturate{last}", **facts)
        if pixels is not None and len(inputs) == 1:
            yield PIXEL.format(name=f"{name}_from_pixel", body=_pixels(facts["type"], pixels),
                               **facts)
    for b in outputs:
        last = b.stem.removeprefix("output")
        facts = {"kind": b.stem, "type": f"{name}_{b.stem}", "size": b.value.size,
                 "buffer": b.buffer, "step": _real(2.0**-b.value.format.frac)}
        yield DEQUANTIZE.format(name=f"{name}_dequantize{last}", **facts)
        if len(b.value.shape) == 1 and b.value.size > 1:
            yield ARGMAX.format(name=f"{name}_argmax{last}", **facts)


def _pixels(kind: object, pixels: Sequence[int]) -> str:
    if list(pixels) == list(range(256)):
        return "    return pixel;"
    table = folded("        " + " ".join(f"{q}," for q in pixels))
    return "\n".join([f"    static const {kind} known[256] = {{", table[0],
                      *(f"        {line.strip()}" for line in table[1:]), "    };",
                      "    return known[pixel];"])


def _real(x: float) -> str:
    """A number that float holds, as C has it."""
    text = f"{x:.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"
