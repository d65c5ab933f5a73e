"""What kernels mean, in exact fractions, the statements of every pass included: written down here a
second time, from what the statements' docstrings say, so that a wrong golden file cannot pass."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np

from dsplet.firmware_sim.compile.fuse import Mark
from dsplet.firmware_sim.dsp32c.codegen.excess import Excess
from dsplet.firmware_sim.dsp32c.codegen.saturate import Saturate
from dsplet.firmware_sim.dsp32c.codegen.scale import (
    AddScaled,
    Base,
    Between,
    Round,
    Scale,
    SetScaled,
    Word,
)
from dsplet.firmware_sim.dsp32c.codegen.segment_words import Line
from dsplet.quantize.fixed import kernel as K
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref
from dsplet.quantize.float.kernel import Clamp, InterpolateReal, Linear

VOCABULARY = (Mark, Word, AddScaled, SetScaled, Between, Line, Scale, Round, Saturate, Excess, Base,
              Linear, Clamp, InterpolateReal)
Memory = dict[str, list[Fraction]]


def outputs(program: Program, inputs: dict[str, np.ndarray]) -> Memory:
    """What the output buffers hold in the end, with these numbers in the input buffers."""
    memory: Memory = {}
    for b in program.buffers.values():
        held = inputs.get(b.name, (program.reals or {}).get(b.name, b.data))
        memory[b.name] = [Fraction(q) for q in ([0] * b.size if held is None else held.tolist())]

    def walk(items, time: dict[str, int]) -> None:
        for item in items:
            if isinstance(item, int):
                kernel = program.kernels[item]
                if not kernel.during or [*time.values()][-1] in range(kernel.during[0],
                                                                      kernel.during[1] + 1):
                    _Run(memory, time).block(kernel.body, time)
                continue
            for t in range(item.extent):
                walk(program.walk(item.first, item.last, len(time) + 1), time | {item.var: t})

    walk(program.walk(), {})
    return {b.name: memory[b.name] for b in program.buffers.values() if b.role == "output"}


def round_half_up(x: Fraction) -> int:
    return floor(x + Fraction(1, 2))


class _Run:
    def __init__(self, memory: Memory, loops: dict[str, int]) -> None:
        self.memory, self.loops = memory, loops
        self.r: dict[str, Fraction] = {}

    def block(self, body: tuple, loops: dict[str, int]) -> None:
        for s in body:
            self.loops = loops
            if isinstance(s, K.Loop):
                for i in range(s.extent):
                    self.block(s.body, loops | {s.var: i})
            elif not isinstance(s, Mark):
                self.step(s)

    def get(self, source) -> Fraction:
        match source:
            case Ref(buffer, index):
                return self.memory[buffer][self.place(index)]
            case str():
                return self.r[source]
        return Fraction(source)

    def place(self, index: Affine) -> int:
        at = index.at(self.loops)
        assert at >= 0
        return at

    def step(self, s) -> None:
        r, m, d = self.r, self.memory, s.d
        match s:
            case K.Set(_, source) | Word(_, source):
                r[d] = self.get(source)
            case K.Add(_, source, shift, negate):
                r[d] += self.get(source) * 2**shift * (-1 if negate else 1)
            case K.Mac(_, x, w):
                r[d] += self.get(x) * self.get(w)
            case K.Mul(_, source):
                r[d] *= self.get(source)
            case K.Max(_, source):
                r[d] = max(r[d], self.get(source))
            case K.Requantize(_, shifts, index, low, high, (least, most)):
                assert least <= r[d] <= most
                y = round_half_up(r[d] / Fraction(2) ** shifts[index.at(self.loops)])
                r[d] = Fraction(min(max(y, low), high))
            case K.Lookup(_, table, first):
                r[d] = m[table][int(r[d] - first)]
            case K.Interpolate(_, table, slopes, first, step):
                i, rest = divmod(int(r[d]) - first, 2**step)
                r[d] = m[table][i] * 2**step + m[slopes][i] * rest
            case K.Fetch(_, ref, offset):
                r[d] = m[ref.buffer][self.place(ref.index) + int(r[offset])]
            case K.Divide(_, by):
                r[d] = Fraction(round_half_up(r[d] / self.get(by)))
            case K.Store(ref):
                m[ref.buffer][self.place(ref.index)] = r[d]
            case AddScaled(_, source, factor):
                r[d] += self.get(source) * Fraction(factor)
            case SetScaled(_, source, factor):
                r[d] = self.get(source) * Fraction(factor)
            case Scale(_, half, factor, _):
                r[d] = Fraction(half) + r[d] * self.get(factor)
            case Round(_, unit, floors, low, high, magnitude, nearest):
                y = r[d] / unit
                assert nearest == 0 or (y * 2**nearest).denominator == 1 and not floors
                y = Fraction(floor(y)) if floors else Fraction(round_half_up(y)) if nearest else y
                assert magnitude == 0 or abs(y) <= magnitude
                y = y if low is None else max(y, Fraction(low))
                r[d] = unit * (y if high is None else min(y, Fraction(high)))
            case Saturate(_, bits, excess):
                y = floor(r[d] / Fraction(2)**(128 - bits))
                r[d] = Fraction(excess) + min(max(y, -2**bits), 2**bits - 1)
            case Excess(_, excess):
                r[d] = Fraction(excess) + floor(r[d])
            case Between(_, table, segments, first, step):
                i = int(r[d] - first) >> step
                node, slope, value = (m[table][i + part * segments] for part in range(3))
                assert node == first + (i << step)
                r[d] = value + slope * (r[d] - node)
            case Line(_, table, segments, first, step):
                i = int(r[d] - first) >> step
                r[d] = m[table][i + segments] + m[table][i] * r[d]
            case Linear(_, scale, offset):
                r[d] = r[d] * Fraction(scale) + Fraction(offset)
            case Clamp(_, low, high):
                r[d] = r[d] if low is None else max(r[d], Fraction(low))
                r[d] = r[d] if high is None else min(r[d], Fraction(high))
            case InterpolateReal(_, table, scale, offset, last):
                t = min(max(r[d] * Fraction(scale) + Fraction(offset), Fraction(0)), Fraction(last))
                r[d] = m[table][2 * floor(t)] + (t - floor(t)) * m[table][2 * floor(t) + 1]
            case _:
                raise TypeError(f"{type(s).__name__} has no meaning here")
