"""Prints a program as C that runs a block of samples at once: every register and every element of a
buffer is a vector with a sample a lane.

Constants are arguments, so that the text is the same for other weights of the same network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dsplet.export.c.arena import arena
from dsplet.export.c.statements import KernelPrinter, Unprintable, comment, folded
from dsplet.quantize.fixed.kernel import (
    Add,
    Divide,
    Fetch,
    Interpolate,
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

VECTORS, BLOCKS, DOTS = (Path(__file__).with_name(name) for name in (
    "lanes.c", "lanes_blocks.c", "lanes_dots.c"))
STRAIGHT = 96
"""Products that are written out, of the innermost loop."""
TYPE = {"int": np.int32, "float": np.float32}
"""Of a constant, by the end of its name."""
TYPES = (np.dtype(np.int64), np.dtype(np.float32))
"""Of the numbers of an input, in the order of the `types` of `run`."""


@dataclass(frozen=True)
class Printed:
    """text: of `run`, whose arguments it names, of `block()`, the samples of a block, and of
    `threads()`, how many `run` has for the asking.
    constants: what `run` is given of them, in order. vectors: of the memory that it is given.
    presets: place among these vectors -> what they hold before the first run, float32 or int32."""

    text: str
    constants: tuple[np.ndarray, ...]
    vectors: int
    presets: dict[int, np.ndarray]


def print_lanes(program: Program, is_sum: Callable[[str], bool], lanes: int, group: int,
                dots: Mapping[str, str]) -> Printed:
    """lanes: numbers of a vector, 4, 8 or 16. group: how many vectors stand in the place of each
    number of a value. is_sum: whether a register, by its name, holds sums that float32 holds
    exactly; it is set, added to by products, and read by Set and Add. dots: inputs of which the
    program has such sums in their place -> their weights, (numbers / lanes, sums, lanes), padded.

    Raises Unprintable for what int32_t cannot hold, and for a shift to the right that it cannot do.
    """
    for b in program.buffers.values():
        if b.low < -(1 << 31) or b.high >= 1 << 31:
            raise Unprintable(f"'{b.name}' holds [{b.low}, {b.high}], more than int32_t")
    reals = frozenset(
        r.buffer for k in program.kernels for whole in k.body for s in whole.flat()
        if isinstance(s, Mac) and is_sum(s.d) for r in (s.x, s.w))
    kernels = [_LanePrinter(program, i, is_sum, reals) for i in range(len(program.kernels))]
    given = {b.name: b for b in program.buffers.values() if b.role == "const"}
    given |= {b.name: b for k in kernels for b in k.shift_tables}
    used = [*(c for k in kernels for c in k.constants_read), *((w, "float") for w in dots.values())]
    constants = {f"{name}_{kind}": given[name].integers.astype(TYPE[kind])
                 for name, kind in dict.fromkeys(used)}
    places, vectors = _places(program)
    calls = _Calls(program, kernels, places, reals, {name: i for i, name in enumerate(constants)},
                   group, dots)
    text = "\n".join([f"#define LANES {lanes}\n#define GROUP {group}", VECTORS.read_text(),
                      BLOCKS.read_text(), *([DOTS.read_text()] if dots else []),
                      *(k.function() for k in kernels), calls.run()])
    presets = {places[b.name]: b.data.astype(np.float32 if b.name in reals else np.int32)
               for b in program.buffers.values() if b.name in places and b.data is not None}
    return Printed(text, tuple(constants.values()), vectors, presets)


def _places(program: Program) -> tuple[dict[str, int], int]:
    """Where each buffer begins among the vectors of memory, and how many there are."""
    wide = {name: replace(b, low=-(1 << 31), high=(1 << 31) - 1)
            for name, b in program.buffers.items()}
    shared = arena(replace(program, buffers=wide))
    places, vectors = {b: at // 4 for b, at in shared.at.items()}, shared.size // 4
    for b in program.buffers.values():
        if b.role != "const" and b.name not in places:
            places[b.name] = vectors
            vectors += b.size
    return places, vectors


class _LanePrinter(KernelPrinter):
    """One kernel as a function of vectors."""

    def __init__(self, program: Program, i: int, is_sum: Callable[[str], bool],
                 reals: frozenset[str]) -> None:
        self.is_sum, self.reals = is_sum, reals
        self.constants_read: dict[tuple[str, str], None] = {}
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
              for name, kind in self.constants_read),
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
                yield f"{d} = largest({d}, {self._ints(source)});"
            case Requantize():
                yield from self._requantize(s)
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

    def _constant(self, name: str, kind: str = "int") -> str:
        self.constants_read[name, kind] = None
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


SOME = """\
static void some(const void *const *c, char *m, const void *const *x, const int *types,
                 int64_t *const *y, int64_t first, int64_t last, int64_t samples)
{
    for (; first < last; first += BLOCK) {
        const int64_t count = samples - first < BLOCK ? samples - first : BLOCK;
"""
RUN = """\
/* So many samples at a time, by whichever of the threads is free; each has a memory of its own. */
void run(const void *const *c, char *const *m, const void *const *x, const int *types,
         int64_t *const *y, int64_t turn, int64_t samples, int workers)
{
#pragma omp parallel for schedule(dynamic) num_threads(workers)
    for (int64_t first = 0; first < samples; first += turn) {
        some(c, m[THREAD], x, types, y, first, first + turn < samples ? first + turn : samples,
             samples);
    }
}
"""


class _Calls:
    """The function that calls the kernels."""

    def __init__(self, program: Program, kernels: list[_LanePrinter], places: dict[str, int],
                 reals: frozenset[str], constants: dict[str, int], group: int,
                 dots: Mapping[str, str]) -> None:
        self.program, self.kernels, self.places = program, kernels, places
        self.reals, self.constants = reals, constants
        self.group, self.dots = group, dots

    def run(self) -> str:
        lines = []
        for i, (v, b) in enumerate(self.program.inputs):
            given = f"x[{i}], types[{i}], {v.size}, first, samples, {v.format.min}, {v.format.max}"
            if b in self.dots:
                weights = f"c[{self.constants[f'{self.dots[b]}_float']}]"
                sums = self.program.buffers[b].size // self.group
                call = f"dots({self._at(b)}, {given}, {weights}, {sums});"
            else:
                call = f"load({self._at(b)}, {given}, {int(b in self.reals)});"
            lines += folded(f"        {call}")
        lines += self._block(0, len(self.kernels) - 1)
        for i, (v, b) in enumerate(self.program.outputs):
            lines += folded(f"        save(y[{i}], (const ints *){self._at(b)}, {v.size}, first, "
                            f"count, {int(b in self.reals)});")
        return SOME + "\n".join([*lines, "    }", "}", "", RUN])

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
                     *(f"c[{self.constants[f'{name}_{kind}']}]" for name, kind in k.constants_read),
                     *k.times]
        call = f"{k.kernel.name}({', '.join(arguments)});"
        if during := k.kernel.during:
            t = self.program.around(i)[-1].var
            call = f"if ({t} >= {during[0]} && {t} <= {during[1]}) {call}"
        yield from folded(indent + call)
