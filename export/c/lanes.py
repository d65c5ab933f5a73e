"""Prints a program as C that runs a block of samples at once: every register and every element of a
buffer is a vector with a sample a lane.

Constants are arguments, so that the text is the same for other weights of the same network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dsplet.export.c.arena import arena
from dsplet.export.c.statements import KernelPrinter, Unprintable, comment, folded
from dsplet.quantize.fixed.kernel import (
    Add,
    Buffer,
    Divide,
    Fetch,
    Interpolate,
    Kernel,
    Lookup,
    Loop,
    Mac,
    Max,
    Mul,
    Requantize,
    Set,
    Store,
)
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref, Source, Statement

PRELUDE = Path(__file__).with_name("lanes.c")
STRAIGHT = 96
"""Products that are written out, of the innermost loop."""
TYPES = ("int64", "float32")
"""Of the numbers of an input, by the number that `run` takes for each."""


@dataclass(frozen=True)
class Lanes:
    """text: of `run`, whose arguments it names, and of `block()`, the samples of a block.
    constants: what `run` is given of them, in order. vectors: of the memory that it is given.
    presets: place among these vectors -> what they hold before the first run, float32 or int32."""

    text: str
    constants: tuple[np.ndarray, ...]
    vectors: int
    presets: dict[int, np.ndarray]


def print_lanes(program: Program, is_sum: Callable[[str], bool], group: int) -> Lanes:
    """group: how many vectors stand in the place of each number of a value. is_sum: whether a register, by its name, holds sums that float32 holds exactly; it is set,
    added to by products, and read by Set and Add. Raises Unprintable for what
    int32_t cannot hold, and for a shift to the right that it cannot do."""
    for b in program.buffers.values():
        if b.low < -(1 << 31) or b.high >= 1 << 31:
            raise Unprintable(f"'{b.name}' holds [{b.low}, {b.high}], more than int32_t")
    reals = frozenset(
        r.buffer for k in program.kernels for whole in k.body for s in whole.flat()
        if isinstance(s, Mac) and is_sum(s.d) for r in (s.x, s.w))
    kernels = [_LanePrinter(program, i, is_sum, reals) for i in range(len(program.kernels))]
    constants = {b.name: b for b in program.buffers.values() if b.role == "const"}
    constants |= {b.name: b for k in kernels for b in k.shift_tables}
    wide = {name: replace(b, low=-(1 << 31), high=(1 << 31) - 1)
            for name, b in program.buffers.items()}
    shared = arena(replace(program, buffers=wide))
    places, vectors = {b: at // 4 for b, at in shared.at.items()}, shared.size // 4
    for b in program.buffers.values():
        if b.role != "const" and b.name not in places:
            places[b.name] = vectors
            vectors += b.size
    arrays: dict[str, tuple[str, np.ndarray]] = {}
    for k in kernels:
        for name, kind in k.constant_kinds:
            b = constants[name]
            arrays.setdefault(f"{name}_{kind}", (kind, b.integers.astype(
                np.float32 if kind == "float" else np.int32)))
    numbers = {name: i for i, name in enumerate(arrays)}
    calls = _Calls(program, kernels, places, reals, numbers, group)
    text = "\n".join([PRELUDE.read_text(), *(k.function() for k in kernels), calls.run()])
    presets = {places[b.name]: b.data.astype(np.float32 if b.name in reals else np.int32)
               for b in program.buffers.values() if b.name in places and b.data is not None}
    return Lanes(text, tuple(a for _, a in arrays.values()), vectors, presets)


class _LanePrinter(KernelPrinter):
    """One kernel as a function of vectors."""

    def __init__(self, program: Program, i: int, is_sum: Callable[[str], bool],
                 reals: frozenset[str]) -> None:
        self.is_sum, self.reals = is_sum, reals
        self.constant_kinds: dict[tuple[str, str], None] = {}
        super().__init__(program.buffers, program.kernels[i],
                         [r.var for r in program.around(i)], program.buffers)
        self.memory = [b for b in self.memory if b.role != "const"]

    def function(self) -> str:
        k = self.kernel
        registers = sorted({r for s in k.body for r in s.registers()})
        parameters = ", ".join([
            *(f"{'' if b.name in self._written else 'const '}{self.type_of(b.name)} "
              f"*restrict {b.name}" for b in self.memory),
            *(f"const {kind if kind == 'float' else 'int32_t'} *restrict {name}_{kind}"
              for name, kind in self.constant_kinds),
            *(f"int64_t {t}" for t in self.times)])
        kinds = {"floats": [r for r in registers if self.is_sum(r)],
                 "ints": [r for r in registers if not self.is_sum(r)]}
        return "\n".join([*folded(f"/* {comment(k.op)} */"),
                          *folded(f"KERNEL void {k.name}({parameters})"), "{",
                          *(line for kind, names in kinds.items() if names
                            for line in folded(f"    {kind} {', '.join(names)};")),
                          *self._lines, "}", ""])

    def type_of(self, buffer: str) -> str:
        return "floats" if buffer in self.reals else "ints"

    def _statement(self, s: Statement, indent: str, straight: bool = False) -> list[str]:
        lines = super()._statement(s, indent, straight)
        if isinstance(s, Loop) and s.extent > 1:
            lines[0] = lines[0].replace("for (int32_t", "for (int64_t")
        if isinstance(s, Loop) and s.extent > 1 and all(isinstance(t, Mac) for t in s.body):
            lines.insert(0, f"#pragma GCC unroll {max(1, STRAIGHT // len(s.body))}")
        return lines

    def _dot(self, body: object, var: str, extent: int) -> int:
        return 0

    def _simple(self, s: Statement) -> Iterator[str]:
        match s:
            case Set(d, source) if self.is_sum(d):
                yield f"{d} = {self._floats(source)};"
            case Set(d, source):
                yield f"{d} = {self._ints(source)};"
            case Mac(d, x, w) if self.is_sum(d):
                yield f"{d} += {self._number(x, 'float')} * {self._number(w, 'float')};"
            case Add(d, source, shift, negate):
                scaled = f" * {1 << shift}" if shift else ""
                yield f"{d} {'-' if negate else '+'}= {self._ints(source)}{scaled};"
            case Mac(d, x, w):
                yield f"{d} += {self._ints(x)} * {self._ints(w)};"
            case Mul(d, source):
                yield f"{d} *= {self._ints(source)};"
            case Max(d, source):
                yield f"{d} = larger({d}, {self._ints(source)});"
            case Requantize(d):
                for line in self._requantize(s):
                    yield line
            case Lookup(d, table, first):
                yield f"{d} = lookup({self._constant(table)}, {d} - {first});"
            case Interpolate(d, table, slopes, first, step):
                yield (f"{d} = interpolate({self._constant(table)}, {self._constant(slopes)}, "
                       f"{d} - {first}, {step});")
            case Fetch(d, ref, offset) if self._buffers[ref.buffer].role == "const":
                yield f"{d} = lookup(&{self._number(ref, 'int')}, {offset});"
            case Fetch(d, ref, offset):
                function = "fetched_real" if ref.buffer in self.reals else "fetched"
                yield f"{d} = {function}(&{self._ref(ref)}, {offset});"
            case Divide(d, by):
                yield f"{d} = divided({d}, {self._ints(by)});"
            case Store(ref, d):
                value = f"real({d})" if ref.buffer in self.reals else d
                yield f"{self._ref(ref)} = {value};"
            case _:
                raise TypeError(f"C has no spelling for the statement {type(s).__name__}")

    def _requantize(self, s: Requantize) -> Iterator[str]:
        for line in super()._requantize(s):
            for word in ("larger", "smaller"):
                if line.startswith(f"{s.d} = {word}("):
                    line = f"{line[:-2].replace(', ', ', all(')}));"
            yield line.replace("= requantize(", "= requantized(")

    def _constant(self, name: str, kind: str = "int") -> str:
        self.constant_kinds[name, kind] = None
        return f"{name}_{kind}"

    def _shift(self, shifts: tuple[int, ...], index: Affine) -> str:
        text = super()._shift(shifts, index)
        name, bracket, rest = text.partition("[")
        return f"{self._constant(name)}{bracket}{rest}" if bracket else text

    def _number(self, ref: Ref, kind: str) -> str:
        """What is read as it lies there; of a constant a scalar."""
        if self._buffers[ref.buffer].role == "const":
            return self._ref(Ref(self._constant(ref.buffer, kind), ref.index))
        return self._ref(ref)

    def _ints(self, source: Source) -> str:
        match source:
            case Ref(buffer) if self._buffers[buffer].role == "const":
                return f"all({self._number(source, 'int')})"
            case Ref(buffer):
                return f"whole({self._ref(source)})" if buffer in self.reals else self._ref(source)
            case str():
                return f"whole({source})" if self.is_sum(source) else source
        return f"all({source})"

    def _floats(self, source: Source) -> str:
        match source:
            case Ref(buffer) if self._buffers[buffer].role == "const":
                return f"every((float){self._number(source, 'int')})"
            case Ref(buffer):
                return self._ref(source) if buffer in self.reals else f"real({self._ref(source)})"
        return f"every({source}.0f)"


LOAD = """\
/* The numbers of a block of samples, kept in [low, high]; the last sample's where there are no
 * more. */
#define LOAD(name, type) \\
static void name(void *to, const type *from, int64_t size, const int64_t *row, int32_t low, \\
                 int32_t high, int is_real) \\
{ \\
    const int64_t count = size < LANES ? size : LANES; \\
    for (int64_t start = 0; start < size; start += LANES) { \\
        const int64_t i = start + count > size ? size - count : start; \\
        for (int v = 0; v < GROUP; v++) { \\
            ints q[LANES]; \\
            for (int k = 0; k < LANES; k++) { \\
                type given __attribute__((vector_size(sizeof(type) * LANES))) = {0}; \\
                if (count == LANES) { \\
                    memcpy(&given, from + row[v * LANES + k] + i, sizeof given); \\
                } else { \\
                    memcpy(&given, from + row[v * LANES + k] + i, count * sizeof(type)); \\
                } \\
                q[k] = limited(whole(given), low, high); \\
            } \\
            transpose(q); \\
            for (int64_t j = 0; j < count; j++) { \\
                if (is_real) { \\
                    ((floats *)to)[(i + j) * GROUP + v] = real(q[j]); \\
                } else { \\
                    ((ints *)to)[(i + j) * GROUP + v] = q[j]; \\
                } \\
            } \\
        } \\
    } \\
}
"""
RUN = """\
static void load(void *to, const void *from, int type, int64_t size, int64_t first,
                 int64_t samples, int32_t low, int32_t high, int is_real)
{
    int64_t row[BLOCK];
    for (int k = 0; k < BLOCK; k++) {
        row[k] = size * (first + k < samples ? first + k : samples - 1);
    }
    switch (type) {
%s
    }
}

static void save(int64_t *to, const ints *from, int64_t size, int64_t first, int64_t count,
                 int is_real)
{
    for (int64_t i = 0; i < size; i += LANES) {
        const int64_t numbers = size - i < LANES ? size - i : LANES;
        for (int64_t v = 0; v * LANES < count; v++) {
            ints q[LANES] = {{0}};
            for (int64_t j = 0; j < numbers; j++) {
                const ints *at = from + (i + j) * GROUP + v;
                q[j] = is_real ? whole(*(const floats *)at) : *at;
            }
            transpose(q);
            for (int64_t k = v * LANES; k < (v + 1) * LANES && k < count; k++) {
                for (int64_t j = 0; j < numbers; j++) {
                    to[(first + k) * size + i + j] = q[k %% LANES][j];
                }
            }
        }
    }
}

/* Samples first to last - 1 of all, block by block; first is a multiple of `block()`. */
void run(const void *const *c, char *m, const void *const *x, const int *types,
         int64_t *const *y, int64_t first, int64_t last, int64_t samples)
{
    for (; first < last; first += BLOCK) {
        const int64_t count = samples - first < BLOCK ? samples - first : BLOCK;
"""


class _Calls:
    """The function that calls the kernels."""

    def __init__(self, program: Program, kernels: list[_LanePrinter], places: dict[str, int],
                 reals: frozenset[str], constants: dict[str, int], group: int) -> None:
        self.program, self.kernels, self.places = program, kernels, places
        self.reals, self.constants, self.group = reals, constants, group

    def run(self) -> str:
        spelled = {t: "float" if t == "float32" else f"{t}_t" for t in TYPES}
        cases = "\n".join(f"    case {i}: load_{t}(to, from, size, row, low, high, is_real); break;"
                          for i, t in enumerate(TYPES))
        lines = [f"#define GROUP {self.group}", "#define BLOCK (LANES * GROUP)",
                 "int block(void)", "{", "    return BLOCK;", "}", "", LOAD,
                 *(f"LOAD(load_{t}, {c})" for t, c in spelled.items()), "", RUN % cases]
        for i, (v, b) in enumerate(self.program.inputs):
            lines.append(f"        load({self._at(b)}, x[{i}], types[{i}], {v.size}, first, samples, "
                         f"{v.format.min}, {v.format.max}, {int(b in self.reals)});")
        lines += self._block(0, len(self.kernels) - 1)
        for i, (v, b) in enumerate(self.program.outputs):
            lines.append(f"        save(y[{i}], (const ints *){self._at(b)}, {v.size}, first, count, "
                         f"{int(b in self.reals)});")
        return "\n".join([*lines, "    }", "}", ""])

    def _type(self, buffer: str) -> str:
        return "floats" if buffer in self.reals else "ints"

    def _at(self, buffer: str) -> str:
        return f"(({self._type(buffer)} *)m + {self.places[buffer]})"

    def _block(self, first: int, last: int, depth: int = 0) -> Iterator[str]:
        """Kernels first to last, inside `depth` loops over time."""
        indent = "    " * (depth + 2)
        for item in self.program.walk(first, last, depth):
            if isinstance(item, int):
                yield from self._call(item, indent)
                continue
            t = item.var
            yield f"{indent}for (int64_t {t} = 0; {t} < {item.extent}; {t}++) {{"
            yield from self._block(item.first, item.last, depth + 1)
            yield f"{indent}}}"

    def _call(self, i: int, indent: str) -> Iterator[str]:
        k = self.kernels[i]
        arguments = [*(self._at(b.name) for b in k.memory),
                     *(f"c[{self.constants[f'{name}_{kind}']}]" for name, kind in k.constant_kinds),
                     *k.times]
        call = f"{k.kernel.name}({', '.join(arguments)});"
        if during := k.kernel.during:
            t = self.program.around(i)[-1].var
            call = f"if ({t} >= {during[0]} && {t} <= {during[1]}) {call}"
        yield from folded(indent + call)
