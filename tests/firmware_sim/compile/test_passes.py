"""Each pass on kernels drawn at random: the memory afterwards is the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsplet.firmware_sim.compile import nest
from dsplet.firmware_sim.compile.jam import jammed
from dsplet.firmware_sim.compile.unroll import unrolled, unrolled_by
from dsplet.quantize.fixed.interpret import interpret
from dsplet.quantize.fixed.kernel import (
    Add,
    Affine,
    Kernel,
    Loop,
    Mac,
    Max,
    Mul,
    Ref,
    Requantize,
    Set,
    Store,
    contiguous,
)

SIZE = 400


def var(name: str) -> Affine:
    return Affine(0, ((name, 1),))


@st.composite
def kernels(draw):
    """A nest of outputs around a sum of products, or around the largest or the sum of windows of
    them; with strides that overlap in x."""
    rows, columns, taps, window = (draw(st.integers(1, n)) for n in (5, 6, 4, 3))
    steps = [draw(st.integers(0, 4)) for _ in range(4)]
    x = sum((var(v) * s for v, s in zip(("r", "c", "t", "w"), steps, strict=True)), Affine())
    w = var("r") * draw(st.integers(0, 3)) + var("t") * draw(st.integers(0, 2))
    products = Loop("t", taps, (Mac("acc", Ref("x", x), Ref("w", w)),))
    body = (Set("acc", Ref("b", var("r"))), products,
            Requantize("acc", (2, 3, 0, 1, 4), var("r"), -99, 99, (-10**6, 10**6)))
    if draw(st.booleans()):
        take = draw(st.sampled_from([Max("most", "acc"), Add("most", "acc", 1)]))
        body = (Set("most", draw(st.integers(-100, 5))), Loop("w", window, (*body, take)),
                Set("acc", "most"), Mul("acc", 2))
    else:
        body = tuple(nest.substitute(body, {"w": 0}))
    at = var("r") * columns + var("c")
    if draw(st.booleans()):
        at = var("c") * rows + var("r")
    return (Loop("r", rows, (Loop("c", columns, (*body, Store(Ref("y", at), "acc"))),)),)


def outcome(body) -> list[int]:
    rng = np.random.default_rng(3)
    memory = {n: rng.integers(-9, 10, SIZE) for n in "xwb"} | {"y": np.zeros(SIZE, np.int64)}
    interpret(Kernel("k", "n", "Test", tuple(body)), memory)
    return memory["y"].tolist()


@given(kernels(), st.sampled_from("rc"), st.integers(2, 6), st.sampled_from("rcw"),
       st.integers(2, 3))
def test_jamming_twice_keeps_the_meaning(body, first, n, second, m):
    once = jammed(body, first, n)
    assert once is not None
    twice = jammed(once, second, m)
    assert outcome(once) == outcome(body)
    assert twice is not None and outcome(twice) == outcome(body)


@given(kernels(), st.sampled_from("rctw"), st.integers(2, 5))
def test_unrolling_and_splitting_keep_the_meaning(body, name, n):
    assert outcome(unrolled(body, name)) == outcome(body)
    assert outcome(unrolled_by(body, name, n)) == outcome(body)
    extent = nest.extents(body).get(name, 1)
    if extent % n == 0:
        assert outcome(nest.split(body, name, n, ("p", "q"))) == outcome(body)
    assert outcome(nest.tidy(body)) == outcome(body)


@pytest.mark.parametrize("body", [
    (Set("d", Ref("y", var("i"))), Store(Ref("y", var("i") + 1), "d")),  # reads what it wrote
    (Set("d", Ref("x", var("i"))), Store(Ref("y", Affine(2)), "d")),  # all to one place
    (Add("d", Ref("x", var("i"))), Store(Ref("y", var("i")), "d")),  # a running sum, seen
    (Set("d", Ref("x", var("i"))), Store(Ref("y", var("i")), "d"),
     Store(Ref("y", var("i") + 2), "d")),  # two stores that meet
], ids=["carried", "one_place", "running", "meeting"])
def test_what_may_not_be_jammed(body):
    assert jammed((Loop("i", 4, body),), "i", 2) is None


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.data())
def test_digits_rebuild_the_index(shape, data):
    """Any walk of a box of an array has one digit for each axis."""
    strides = contiguous(tuple(shape))
    extent, index, expected = {}, Affine(), []
    for axis, n in enumerate(shape):
        start = data.draw(st.integers(0, n - 1))
        turns = data.draw(st.integers(1, n - start))
        extent[f"v{axis}"] = turns
        digit = var(f"v{axis}") + start if turns > 1 else Affine(start)
        expected.append(digit)
        index = index + digit * strides[axis]
    radices = list(zip(strides, shape, strict=True))
    found = nest.digits(index, extent, radices)
    assert isinstance(found, list)
    rebuilt = sum((e * r for e, (r, _) in zip(found, radices, strict=True)), Affine())
    assert rebuilt == index
    for e, n in zip(found, shape, strict=True):
        low, high = nest.span(e, extent)
        assert 0 <= low and high < n


def test_digits_ask_for_a_split():
    assert nest.digits(var("i"), {"i": 12}, [(4, 3), (1, 4)]) == nest.Split("i", 4)
    assert nest.digits(var("i") * -1 + 3, {"i": 4}, [(1, 4)]) is None
    assert nest.digits(var("i"), {"i": 5}, [(1, 3)]) == nest.Split("i", 0, 3)
