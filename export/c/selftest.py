"""The self-test: a run on inputs that the program makes itself, with a checksum for each layer of
its constants and of all that it writes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from dsplet.export.c.statements import affine
from dsplet.quantize.fixed.arithmetic import IntArray
from dsplet.quantize.fixed.graph import Value
from dsplet.quantize.fixed.interpret import interpret
from dsplet.quantize.fixed.kernel import Buffer, Loop, Repeat, Store
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref, Statement

SEED, FACTOR, STEP = 1, 1664525, 1013904223
"""x' = x * FACTOR + STEP modulo 2^32 (Knuth, The Art of Computer Programming 2, 3.3.4, table 1,
line 16); of each, the upper half is taken."""

HELPERS = f"""\
/* CRC-32 (IEEE 802.3) of the four bytes of q, the lowest first. */
static uint32_t crc32(uint32_t crc, int32_t q)
{{
    uint32_t rest = crc ^ (uint32_t)q;
    for (int bit = 0; bit < 32; bit++) {{
        rest = (rest >> 1) ^ ((rest & 1u) != 0u ? 0xEDB88320u : 0u);
    }}
    return rest;
}}

/* A number from least to most, no two alike for long. */
static int32_t drawn(uint32_t *state, int32_t least, int32_t most)
{{
    const uint32_t last = (uint32_t)most - (uint32_t)least;
    *state = (*state * {FACTOR}u) + {STEP}u;
    const uint32_t above = (*state >> 16) % (last + 1u);
    return least + (int32_t)above;
}}
"""


def drawn(values: list[Value]) -> list[IntArray]:
    """The inputs of the self-test."""
    state, found = SEED, []
    for v in values:
        q = np.empty(v.size, np.int64)
        for i in range(v.size):
            state = (state * FACTOR + STEP) % (1 << 32)
            q[i] = v.format.min + (state >> 16) % (v.format.max - v.format.min + 1)
        found.append(q.reshape(v.shape))
    return found


class Checks:
    """What each kernel is checked by: its constants, and the places that it writes."""

    def __init__(self, program: Program, constants: list[list[Buffer]]) -> None:
        """constants: that each kernel reads."""
        self.program, self.constants = program, constants
        self.places = [list(_stores(k.body)) for k in program.kernels]

    def expected(self) -> list[int]:
        """The checksum of every kernel, by the interpreter."""
        p = self.program
        found = [0] * len(p.kernels)
        memory = {b.name: np.zeros(b.size, np.int64) if b.data is None else b.data.copy()
                  for b in p.buffers.values()}
        for (_, name), x in zip(p.inputs, drawn([v for v, _ in p.inputs]), strict=True):
            memory[name][:] = x.reshape(-1)
        for i, arrays in enumerate(self.constants):
            for b in arrays:
                found[i] = _crc(b.integers, found[i])

        def block(items: Iterator[int | Repeat], time: dict[str, int]) -> None:
            for item in items:
                if isinstance(item, Repeat):
                    for t in range(item.extent):
                        block(p.walk(item.first, item.last, len(time) + 1), time | {item.var: t})
                    continue
                if not p.runs(item, time):
                    continue
                interpret(p.kernels[item], memory, time)
                for ref, loops in self.places[item]:
                    at = _places(ref.index, loops, time)
                    found[item] = _crc(memory[ref.buffer][at], found[item])

        block(p.walk(), {})
        return found

    def before(self, indent: str) -> Iterator[str]:
        """C that takes the constants into the checksums."""
        for i, arrays in enumerate(self.constants):
            for b in arrays:
                yield f"{indent}for (int32_t i = 0; i < {b.size}; i++) {{"
                yield f"{indent}    crc[{i}] = crc32(crc[{i}], {b.name}[i]);"
                yield f"{indent}}}"

    def after(self, i: int, spelling: Mapping[str, str], indent: str) -> Iterator[str]:
        """C that takes what kernel i has written into its checksum."""
        for ref, loops in self.places[i]:
            name, inside = spelling.get(ref.buffer, ref.buffer), indent
            for var, extent in loops:
                yield f"{inside}for (int32_t {var} = 0; {var} < {extent}; {var}++) {{"
                inside += "    "
            yield f"{inside}crc[{i}] = crc32(crc[{i}], {name}[{affine(ref.index)}]);"
            for _ in loops:
                inside = inside[4:]
                yield f"{inside}}}"


def _stores(body: Iterable[Statement], around: tuple[tuple[str, int], ...] = ()
            ) -> Iterator[tuple[Ref, list[tuple[str, int]]]]:
    """Every place that is written, and the loops that move it."""
    for s in body:
        if isinstance(s, Loop):
            yield from _stores(s.body, (*around, (s.var, s.extent)))
        elif isinstance(s, Store):
            yield s.ref, [(v, n) for v, n in around if s.ref.index.coefficient(v)]


def _places(index: Affine, loops: list[tuple[str, int]], time: Mapping[str, int]) -> IntArray:
    at = np.array(index.const + sum(index.coefficient(t) * n for t, n in time.items()))
    for var, extent in loops:
        at = (at[..., None] + index.coefficient(var) * np.arange(extent))
    return at.reshape(-1)


def _crc(q: IntArray, crc: int) -> int:
    return zlib.crc32(q.astype("<i4").tobytes(), crc)
