"""Programs drawn by hypothesis, and what it means for two programs to be equal."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from hypothesis import strategies as st

from dsplet.quantize.fixed import kernel as K
from dsplet.quantize.fixed.graph import Value
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.fixed.statement import Affine, Changed, Ref, Source, Span, Statement, Table


@dataclass(frozen=True)
class Odd(Statement):
    """A statement of nobody's, with fields of every type there is and no spelling of its own."""

    d: Changed
    source: Source
    table: Table
    kernel: str
    factor: float | Ref
    limit: int | None
    low: float | None
    flag: bool
    index: Affine
    shifts: tuple[int, ...]
    span: Span


NAMES = ("a", "b", "d", "for", "max", "none", "true", "i0", "t_1", "x'", "requantize", "kernel")
names = st.sampled_from(NAMES)
integers = st.integers(-(1 << 40), 1 << 40)
reals = st.floats(allow_nan=False)
texts = st.text(max_size=9)
pairs = st.tuples(integers, integers)
shifts = st.lists(st.integers(-31, 47), min_size=1, max_size=4).map(tuple)


@st.composite
def affines(draw, variables=names):
    terms = draw(st.dictionaries(variables, integers.filter(bool), max_size=3))
    return Affine(draw(integers), tuple(sorted(terms.items())))


refs = st.builds(Ref, names, affines())
sources = refs | names | integers
simple = st.one_of(
    st.builds(K.Set, names, sources),
    st.builds(K.Add, names, sources, st.integers(-3, 31), st.booleans()),
    st.builds(K.Mac, names, refs, refs),
    st.builds(K.Mul, names, sources),
    st.builds(K.Max, names, sources),
    st.builds(K.Requantize, names, shifts, affines(), integers, integers, pairs),
    st.builds(K.Lookup, names, names, integers),
    st.builds(K.Interpolate, names, names, names, integers, st.integers(0, 20)),
    st.builds(K.Fetch, names, refs, names),
    st.builds(K.Divide, names, sources, pairs),
    st.builds(K.Store, refs, names),
    st.builds(Odd, names, sources, names, names, reals | refs, st.none() | integers,
              st.none() | reals, st.booleans(), affines(), shifts, pairs))
statements = st.recursive(simple, lambda inner: st.builds(
    K.Loop, names, st.integers(1, 99), st.lists(inner, max_size=3).map(tuple)), max_leaves=6)


@st.composite
def kernels(draw, name="k"):
    body = draw(st.lists(statements, max_size=4).map(tuple))
    return K.Kernel(name, draw(texts), draw(names | texts), body, draw(st.integers(0, 1 << 40)),
                    draw(st.none() | pairs))


@st.composite
def values(draw):
    bits, signed = draw(st.integers(2, 16)), draw(st.booleans())
    shape = draw(st.lists(st.integers(1, 99), max_size=4).map(tuple))
    return Value(draw(texts), shape, QFormat(bits, draw(st.integers(-40, 40)), signed))


@st.composite
def buffers(draw, name):
    data = draw(st.none() | st.lists(integers, max_size=40))
    size = draw(st.integers(1, 99)) if data is None else len(data)
    return K.Buffer(name, size, draw(integers), draw(integers),
                    draw(st.sampled_from(("input", "output", "activation", "const", "stage"))),
                    None if data is None else np.array(data, np.int64))


@st.composite
def repeats(draw, first, last):
    """Nested and side by side, outer ones before inner ones."""
    found = []
    while first <= last:
        end = draw(st.integers(first, last))
        if draw(st.booleans()):
            found.append(K.Repeat(draw(names), draw(st.integers(1, 300)), first, end, draw(texts)))
            if draw(st.booleans()):
                found += draw(repeats(first, end))
        first = end + 1
    return tuple(found)


@st.composite
def programs(draw):
    n = draw(st.integers(0, 4))
    made = {name: draw(buffers(name)) for name in NAMES}  # all that a kernel may name
    constants = {b: np.array(draw(st.lists(reals, min_size=made[b].size, max_size=made[b].size)))
                 for b in draw(st.lists(st.sampled_from([b for b in made if made[b].size < 9] or
                                                        [NAMES[0]]), unique=True, max_size=2))}
    borders = st.lists(st.tuples(values(), names), max_size=2).map(tuple)
    offsets = st.integers(-9, 9) | affines().filter(lambda a: a.terms)
    storage = st.dictionaries(texts, st.builds(K.Storage, names, offsets, shifts), max_size=3)
    return Program(
        draw(names), made, tuple(draw(kernels(f"k{i}")) for i in range(n)), draw(borders),
        draw(borders), draw(storage), draw(repeats(0, n - 1)), draw(st.none() | st.just(constants)),
        draw(st.none() | st.integers(0, n - 1)) if n else None)


def assert_equal(a: Program, b: Program) -> None:
    """Equal in every field, arrays element by element."""
    def arrays(p: Program) -> dict[str, np.ndarray]:
        return {name: x.data for name, x in p.buffers.items() if x.data is not None}

    for f in fields(Program):
        if f.compare and f.name not in ("buffers", "reals"):
            assert getattr(a, f.name) == getattr(b, f.name), f.name
    assert [*a.buffers] == [*b.buffers]
    for x, y in zip(a.buffers.values(), b.buffers.values(), strict=True):
        assert (x.name, x.size, x.low, x.high, x.role) == (y.name, y.size, y.low, y.high, y.role)
    assert (a.reals is None) == (b.reals is None)
    for left, right in ((arrays(a), arrays(b)), (a.reals or {}, b.reals or {})):
        assert [*left] == [*right]
        for name, data in left.items():
            assert data.dtype == right[name].dtype and np.array_equal(data, right[name]), name
