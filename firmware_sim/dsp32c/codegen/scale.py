"""Powers of two ride on the constants.

The DSP32C multiplies integers inside float words, so 2**-shift of a requantize costs nothing when
it is multiplied into the weights, and neither does the half step when it is added to the bias: the
accumulator then holds acc * 2**-shift + 1/2, and of the requantize a floor and a clamp are left.
Where an accumulator has no constants to carry the scale, one multiply is emitted. Code that rounds
by conversions, to nearest by themselves, is without the half step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from dsplet.firmware_sim.dsp32c.codegen.halves import bounds, reach, saturates
from dsplet.firmware_sim.dsp32c.codegen.segment_words import Line, segment_words
from dsplet.firmware_sim.dsp32c.parts.target import Rounding
from dsplet.quantize.fixed.kernel import (
    Add,
    Buffer,
    Interpolate,
    Kernel,
    Loop,
    Mac,
    Mul,
    Requantize,
    Set,
    Store,
    flat,
    refs,
)
from dsplet.quantize.fixed.statement import Affine, Changed, Ref, Statement, Table, Written

MULTIPLIER_EXACT = 1 << 24
"""A multiplier operand has 24 mantissa bits (dsp32c.md 3.2): larger integers go in two parts."""

MANTISSA_INTEGERS = 1 << 23
"""Integers below are stored exactly (dsp32c.md 3.2)."""


@dataclass(frozen=True)
class Word(Statement):
    """d = the float word `value`."""

    d: Written
    value: float


@dataclass(frozen=True)
class AddScaled(Statement):
    """d = d + source * factor."""

    d: Changed
    source: Ref
    factor: float


@dataclass(frozen=True)
class SetScaled(Statement):
    """d = source * factor."""

    d: Written
    source: Ref
    factor: float


@dataclass(frozen=True)
class Between(Statement):
    """d = value + slope * (d - node), of the segment that d lies in: segment i begins at its node,
    the integer first + (i << step_log2). table: `segments` nodes, then slopes, then values."""

    d: Changed
    table: Table
    segments: int
    first: int
    step_log2: int


@dataclass(frozen=True)
class Scale(Statement):
    """d = half + d * factor; wide: d may have more than 24 bits. factor: a number or a constant."""

    d: Changed
    half: float
    factor: float | Ref
    wide: bool


@dataclass(frozen=True)
class Round(Statement):
    """d = clamp(floor(d / unit)) * unit; a bound that cannot be passed is None.

    floor: whether a fraction is left to drop. magnitude: |d| / unit never exceeds it. nearest: bits
    of a fraction that is rounded instead, half up; 0: there is none.
    """

    d: Changed
    unit: int
    floor: bool
    low: float | None
    high: float | None
    magnitude: int
    nearest: int = 0


@dataclass(frozen=True)
class Base(Statement):
    """d = d + the address of the table's entry for 0."""

    d: Changed
    table: Table


@dataclass(frozen=True)
class Entry:
    """What a buffer that is only looked up holds instead of its integer v: 2 * v + 0..1, a place in
    a table of 16-bit numbers whose lowest bit does not count; or v, one in a table of bytes. table:
    also its address is added."""

    table: str | None
    unit: int = 2
    half: float = 0.5
    """To round a unit by a floor, less the half that the conversion to an integer adds."""
    place: bool = True


WHOLE = Entry(None, 1, 0.0, place=False)
"""What a buffer of 16-bit integers holds: v itself, rounded and saturated as it is converted."""


@dataclass(frozen=True)
class Scaled:
    """A kernel whose requantizes are `Round`s. words: what its constants hold, as real numbers.
    buffers: those that it adds."""

    kernel: Kernel
    words: dict[str, np.ndarray]
    buffers: tuple[Buffer, ...] = ()


def scale(kernel: Kernel, buffers: dict[str, Buffer], entries: dict[str, Entry], packed,
          rounding: Rounding = Rounding.ADDER) -> Scaled:
    """entries: the buffers that hold places in tables.
    packed: buffers whose integers stay integers, and so cannot carry a scale."""
    return _Scaler(kernel, buffers, entries, packed, rounding).result()


def may_wait(statements: list[Statement]) -> Round | None:
    """The rounding of what a kernel stores, if it can be left to who takes a maximum of it.

    Storing drops the accumulator's guard bits, which is a floor to 24 mantissa bits (dsp32c.md 3.2,
    S): it too is monotone and leaves the later floor what it was, while the integer part has fewer
    than 24 bits. So does one to nearest: halves below are stored exactly, too.
    """
    rounds = [s for s in statements if isinstance(s, Round)]
    if len(rounds) != 1 or any(isinstance(s, Scale) for s in statements):
        return None
    s = rounds[0]
    return s if (s.floor or s.nearest) and s.unit == 1 and s.magnitude < MANTISSA_INTEGERS else None


def uniform_shift(q: Requantize) -> bool:
    """Whether all channels shift by the same."""
    return len(set(q.shifts)) == 1


class _Scaler:
    def __init__(self, kernel: Kernel, buffers: dict[str, Buffer], entries: dict[str, Entry],
                 packed, rounding: Rounding) -> None:
        self.kernel, self.buffers = kernel, buffers
        self.entries, self.packed = entries, packed
        self.half = 0.5 if rounding is Rounding.ADDER else 0.0
        self.words: dict[str, np.ndarray] = {}
        self.extra: list[Buffer] = []
        self.extents: dict[str, int] = {}
        self._measure(kernel.body)
        self.statements = [s for top in kernel.body for s in flat(top)]
        self.names = (f"{kernel.name}_scale{i}" for i in count())

    def result(self) -> Scaled:
        folded: dict[str, tuple[float, float, Entry | None]] = {}
        for s in self.statements:
            if isinstance(s, Requantize):
                plan = self._fold(s)
                if plan is not None:
                    folded[s.d] = *plan, self._entry(s)
        body = tuple(t for s in self.kernel.body for t in self._rewrite(s, folded))
        return Scaled(replace(self.kernel, body=body), self.words, tuple(self.extra))

    def _measure(self, body) -> None:
        for s in body:
            if isinstance(s, Loop):
                self.extents[s.var] = s.extent
                self._measure(s.body)

    # --- folding --------------------------------------------------------------------------------
    def _entry(self, q: Requantize) -> Entry | None:
        """What the requantized number is stored as, if that is a place in a table."""
        after = iter(self.statements)
        next(s for s in after if s is q)
        user = next((s for s in after if q.d in s.registers()), None)
        return self.entries.get(user.ref.buffer) if isinstance(user, Store) else None

    def _unit(self, q: Requantize) -> tuple[int, float]:
        """(unit of the result, what must be added to round)."""
        entry = self._entry(q)
        unit, half = (entry.unit, entry.half) if entry else (1, self.half)
        return unit, half if max(q.shifts) > 0 else 0.0

    def _fold(self, q: Requantize) -> tuple[float, float] | None:
        """(factor, half) for what is not constant, once the constants carry the scale; or None."""
        writers = self._writers(q.d)
        if writers[-1] is not q or any(isinstance(s, Requantize) for s in writers[:-1]):
            return None
        unit, half = self._unit(q)
        match writers:
            case [*_, Interpolate() as curve, _] if self._entry(q) in (None, WHOLE):
                self._segments(curve, unit * 2.0 ** -q.shifts[0], half)
                return 1.0, 0.0
            case [Set(_, Ref()), Mul(_, Ref()), _] if uniform_shift(q) and self._entry(q) in (
                    None, WHOLE):
                return unit * 2.0 ** -q.shifts[0], half
        multiply = 1
        uniform = uniform_shift(q)
        for s in writers[:-1]:
            match s:
                case Mac(_, _, w) if self._is_private_constant(w):
                    pass
                case Set(_, Ref() as r) if self._is_private_constant(r):
                    pass
                case (Set(_, int() | Ref()) | Add(_, int() | Ref())) if uniform:
                    pass
                case Mul(_, int() as m) if s is writers[-2] and not any(
                        isinstance(t, Mac) for t in writers):
                    multiply = m
                case _:
                    return None
        words: dict[str, np.ndarray] = {}
        known: dict[str, np.ndarray] = {}
        for s in writers[:-1]:
            match s:
                case Mac(_, _, ref) | Set(_, Ref() as ref) | Add(_, Ref() as ref):
                    pass
                case _:
                    continue
            if self._is_private_constant(ref):
                factors = self._factors(ref, q, unit * multiply)
                if factors is None:
                    return None
                others = known.get(ref.buffer, factors)  # 0: an element that they do not read
                if (others * factors * (others - factors)).any():
                    return None
                factors = known[ref.buffer] = np.maximum(factors, others)
                add = half if isinstance(s, Set) else 0.0
                extra = 1 << s.shift if isinstance(s, Add) else 1
                sign = -1 if isinstance(s, Add) and s.negate else 1
                words[ref.buffer] = self.buffers[ref.buffer].integers * factors * extra * sign + add
        self.words.update(words)
        return unit * multiply * 2.0 ** -q.shifts[0], half

    def _writers(self, register: str) -> list[Statement]:
        return [s for s in self.statements if register in s.writes()]

    def _is_private_constant(self, ref: Ref) -> bool:
        """Whether one statement reads it, or products of one sum do."""
        users = [s for s in self.statements for r in refs(s) if r.buffer == ref.buffer]
        sums = {s.d for s in users if isinstance(s, Mac) and s.x.buffer != ref.buffer}
        alone = len(users) == 1 or len(sums) == 1 and all(isinstance(s, Mac) for s in users)
        return self.buffers[ref.buffer].role == "const" and alone and (
            ref.buffer.startswith(self.kernel.name)) and ref.buffer not in self.packed

    def _factors(self, ref: Ref, q: Requantize, unit: int) -> np.ndarray | None:
        """unit * 2**-shift for each element of a constant; None where an element has two shifts."""
        variables = sorted({v for v, _ in (*ref.index.terms, *q.index.terms)})
        grid = np.meshgrid(*(np.arange(self.extents[v]) for v in variables), indexing="ij",
                           sparse=True)

        def evaluate(a: Affine) -> np.ndarray:
            return np.asarray(a.const + sum(c * grid[variables.index(v)] for v, c in a.terms))

        at, channel = np.broadcast_arrays(evaluate(ref.index), evaluate(q.index))
        factor = unit * 2.0 ** -np.array(q.shifts, np.float64)[channel]
        result = np.zeros(self.buffers[ref.buffer].size)
        result[at] = factor
        return result if (result[at] == factor).all() else None

    # --- rewriting ------------------------------------------------------------------------------
    def _rewrite(self, s: Statement, folded: dict[str, tuple[float, float, Entry | None]]
                 ) -> list:
        if isinstance(s, Loop):
            return [replace(s, body=tuple(t for i in s.body for t in self._rewrite(i, folded)))]
        if isinstance(s, Requantize):
            return self._requantize(s, folded.get(s.d))
        if isinstance(s, Interpolate):
            if s.table not in self.words:
                self._segments(s, 1.0, 0.0)
            segments = self.buffers[s.table].size
            kind = Line if len(self.words[s.table]) == 2 * segments else Between
            return [kind(s.d, s.table, segments, s.first, s.step_log2)]
        if isinstance(s, Set) and isinstance(s.source, Ref) and self._is_private_constant(s.source):
            rest = self._rest(s.d, s.source)
        else:
            rest = []
        if not isinstance(s, Set | Add | Mul) or s.d not in folded:
            return [s, *rest]
        factor, half, entry = folded[s.d]
        based = [Base(s.d, entry.table)] if entry and entry.table else []
        match s:
            case Set(d, Ref(buffer, _)) if buffer in self.words:
                return [s, *rest, *based]
            case Set(d, int() as value):
                return [Word(d, value * factor + half), *based]
            case Set(d, Ref() as r) if (factor, half) == (1.0, 0.0):
                return [s, *based]
            case Set(d, Ref() as r) if any(isinstance(t, Mul) and t.d == d and isinstance(
                    t.source, Ref) for t in self.statements):
                return [SetScaled(d, r, factor)]
            case Set(d, Ref() as r) if not (half or based):
                return [SetScaled(d, r, factor)]
            case Set(d, Ref() as r):
                return [Word(d, half), *based, AddScaled(d, r, factor)]
            case Add(d, Ref(buffer, _)) if buffer in self.words:
                return [Add(d, s.source)]
            case Add(d, int() as value, shift, negate):
                return [AddScaled(d, self._number(value), factor * (1 << shift)
                                  * (-1 if negate else 1))]
            case Add(d, Ref() as r, shift, negate):
                return [AddScaled(d, r, factor * (1 << shift) * (-1 if negate else 1))]
            case Mul(d, Ref() as r):
                return [Scale(d, half, r, False)]
            case Mul():
                return []
        return [s]

    def _rest(self, d: str, ref: Ref) -> list:
        """What a constant of more than 24 bits has beyond them is added from a second one."""
        name = ref.buffer
        words = self.words.get(name, self.buffers[name].integers.astype(np.float64))
        high = words.astype(np.float32).astype(np.float64)  # 24 bits, as the chip's float words
        if (high == words).all():
            return []
        self.words |= {name: high, f"{name}_rest": words - high}
        self.extra.append(Buffer(f"{name}_rest", len(words), 0, 0, "const",
                                 np.zeros(len(words), np.int64)))
        return [Add(d, Ref(f"{name}_rest", ref.index))]

    def _segments(self, s: Interpolate, factor: float, half: float) -> None:
        """The numbers of every segment, where the table was."""
        table, slopes = self.buffers[s.table], self.buffers[s.slopes]
        words = self.words[s.table] = segment_words(s, table, slopes, factor, half)
        self.extra.append(replace(table, size=len(words), data=np.zeros(len(words), np.int64)))

    def _number(self, value: int) -> Ref:
        name = next(self.names)
        self.extra.append(Buffer(name, 1, value, value, "const", np.array([value])))
        return Ref(name, Affine())

    def _requantize(self, q: Requantize, fold: tuple | None) -> list:
        unit, half = self._unit(q)
        entry = self._entry(q)
        low, high = reach(q)
        passed = (None, None) if entry == WHOLE and saturates(q) else bounds(q)
        fraction = 0 if entry else max(*q.shifts, 0)
        rounded = Round(q.d, unit, fraction > 0 and self.half > 0, *passed, max(-low, high),
                        0 if self.half else fraction)
        if fold is not None:
            return [rounded]
        based = [Base(q.d, entry.table)] if entry and entry.table else []
        if len(set(q.shifts)) == 1:
            factor: float | Ref = unit * 2.0 ** -q.shifts[0]
            if (factor, half) == (1.0, 0.0):
                return [rounded, *based]
        else:
            name = next(self.names)
            self.words[name] = unit * 2.0 ** -np.array(q.shifts, np.float64)
            self.extra.append(Buffer(name, len(q.shifts), 0, 0, "const",
                                     np.zeros(len(q.shifts), np.int64)))
            factor = Ref(name, q.index)
        if half and self._start_with(half, q, unit):
            half = 0.0
        wide = max(-q.bound[0], q.bound[1]) >= MULTIPLIER_EXACT
        return [Scale(q.d, half, factor, wide), rounded, *based]

    def _start_with(self, half: float, q: Requantize, unit: int) -> bool:
        """Add the half step, before scaling, to the constant that the accumulator starts with."""
        first, *others = self._writers(q.d)
        match first:
            case Set(_, Ref(buffer) as ref) if self._is_private_constant(ref) and all(
                    isinstance(s, Mac | Add) or s is q for s in others):
                factors = self._factors(ref, q, unit)
                if factors is None or not factors.all():
                    return False
                start = self.buffers[buffer].integers + half / factors
                if np.abs(start).max() < MULTIPLIER_EXACT and (start == np.floor(start)).all():
                    self.words[buffer] = start
                    return True
        return False
