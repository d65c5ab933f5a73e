"""The kernel language: affine algebra, storage, coalescing, and what the interpreter refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsplet.quantize.fixed import kernel as K
from dsplet.quantize.fixed.interpret import interpret
from dsplet.quantize.fixed.kernel import Buffer, Kernel, Loop, Set, Storage, Store
from dsplet.quantize.fixed.statement import Affine, Ref
from tests.each import each
from tests.quantize.fixed.cases import GRAPHS, lowered

VARS = ("i", "j", "k")
coefficients = st.dictionaries(st.sampled_from(VARS), st.integers(-9, 9))
affines = st.builds(lambda c, t: Affine(c) + sum((Affine(0, ((v, 1),)) * k for v, k in t.items()),
                                                 Affine()), st.integers(-99, 99), coefficients)
places = st.fixed_dictionaries({v: st.integers(0, 20) for v in VARS})


@given(affines, affines, st.integers(-5, 5), places)
def test_affine_algebra_is_that_of_integers(a, b, k, env):
    assert (a + b).at(env) == a.at(env) + b.at(env)
    assert (a * k).at(env) == (k * a).at(env) == k * a.at(env)
    assert (a + k).at(env) == (k + a).at(env) == k + a.at(env)
    assert a.substitute("i", k).at(env) == a.at(env | {"i": k})
    assert a.substitute("i", b).at(env) == a.at(env | {"i": b.at(env)})


@given(affines, affines)
def test_affine_has_one_form_for_one_function(a, b):
    assert a + b == b + a and (a + b) + b * -1 == a
    assert all(c for _, c in a.terms) and list(a.terms) == sorted(a.terms)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_contiguous_is_numpy_row_major(shape):
    index = tuple(n - 1 for n in shape)
    assert (Storage("b", 3, K.contiguous(tuple(shape)))[index].index.const
            == 3 + np.ravel_multi_index(index, shape))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.permutations(range(4)),
       st.integers(0, 3))
def test_coalescing_keeps_the_meaning(extents, order, offset):
    """A copy through any permutation of axes, before and after, fills the same memory."""
    axes = [a for a in order if a < len(extents)]
    source = K.contiguous(tuple(extents))
    shuffled = K.contiguous(tuple(extents[a] for a in axes))
    target = {a: s for a, s in zip(axes, shuffled, strict=True)}
    read, write = Affine(), Affine(offset)
    for a, stride in enumerate(source):
        read = read + Affine(0, ((f"v{a}", stride),))
        write = write + Affine(0, ((f"v{a}", target[a]),))
    statement = (Set("d", Ref("x", read)), Store(Ref("y", write), "d"))
    for a in reversed(range(len(extents))):
        statement = (Loop(f"v{a}", extents[a], statement),)
    memories = []
    for body in (statement, tuple(K.coalesce(s) for s in statement)):
        size = int(np.prod(extents))
        memory = {"x": np.arange(1, size + 1), "y": np.zeros(size + 3, np.int64)}
        interpret(Kernel("k", "n", "Copy", body), memory)
        memories.append(memory["y"])
    assert (memories[0] == memories[1]).all()
    assert sorted(memories[0][memories[0] > 0]) == list(range(1, size + 1))


def depth(statement) -> int:
    return 1 + max(map(depth, statement.body)) if isinstance(statement, Loop) else 0


def test_a_copy_of_contiguous_memory_is_one_loop():
    i, j = Affine(0, (("i", 1),)), Affine(0, (("j", 1),))
    copy = (Set("d", Ref("x", 4 * i + j)), Store(Ref("y", 4 * i + j + 2), "d"))
    assert K.coalesce(Loop("i", 3, (Loop("j", 4, copy),))) == Loop("j", 12, (
        Set("d", Ref("x", j)), Store(Ref("y", j + 2), "d")))
    padded = (Set("d", Ref("x", 4 * i + j)), Store(Ref("y", 6 * i + j), "d"))
    assert depth(K.coalesce(Loop("i", 3, (Loop("j", 4, padded),)))) == 2


@each("graph", GRAPHS)
def test_a_kernel_keeps_few_registers_and_writes_only_its_outputs(graph):
    program = lowered(graph)
    for kernel in program.kernels:
        statements = [s for whole in kernel.body for s in K.flat(whole)]
        assert len({s.d for s in statements}) <= 3
        written = {s.ref.buffer for s in statements if isinstance(s, Store)}
        assert all(program.buffers[b].role in ("activation", "output") for b in written)
        assert kernel.name.isidentifier()
    assert len({k.name for k in program.kernels}) == len(program.kernels)


@pytest.mark.parametrize("low, high, dtype", [
    (0, 1, "int8"), (-128, 127, "int8"), (0, 255, "uint8"), (-129, 0, "int16"),
    (0, 65535, "uint16"), (-1, 65535, "int32"), (0, 1 << 20, "int32")])
def test_a_buffer_is_as_narrow_as_its_range(low, high, dtype):
    assert Buffer("b", 1, low, high, "activation").dtype == dtype


def test_what_the_interpreter_refuses():
    def run(*body):
        interpret(Kernel("k", "n", "Test", body), {"x": np.zeros(3, np.int64)})

    with pytest.raises(IndexError, match=r"x\[3\] is outside the buffer"):
        run(Set("d", Ref("x", Affine(3))))
    with pytest.raises(IndexError, match=r"x\[-1\] is outside the buffer"):
        run(Set("d", 0), K.Lookup("d", "x", 1))
    with pytest.raises(IndexError, match=r"x\[-1\] is outside the buffer"):
        run(Set("d", 0), Store(Ref("x", Affine(-1)), "d"))
    with pytest.raises(OverflowError, match=r"5 is outside its proved range \(0, 4\)"):
        run(Set("d", 5), K.Requantize("d", (0,), Affine(), 0, 1, (0, 4)))
    with pytest.raises(ValueError, match="buffer 'b' needs more than 32 bits"):
        Buffer("b", 1, 0, 1 << 31, "activation").dtype  # noqa: B018


def test_statements_by_hand():
    """Each statement once, with the result worked out in the comment."""
    x, out = Ref("x", Affine(0)), [Ref("y", Affine(n)) for n in range(6)]
    body = (
        Set("d", 3), K.Mac("d", x, Ref("x", Affine(1))), Store(out[0], "d"),         # 3 + 5 * -7
        K.Add("d", x, 2), Store(out[1], "d"),                                        # -32 + 20
        K.Add("d", 1, 3, True), K.Mul("d", x), Store(out[2], "d"),                   # -20 * 5
        K.Max("d", -3), K.Lookup("d", "t", -4), Store(out[3], "d"),                  # t[1]
        Set("d", 7), K.Divide("d", 2, (4, 2)), Store(out[4], "d"),                   # 3.5 -> 4
        Set("d", -5), K.Requantize("d", (1,), Affine(), -9, 9, (-9, 9)), Store(out[5], "d"))
    memory = {"x": np.array([5, -7]), "y": np.zeros(6, np.int64), "t": np.array([10, 20])}
    interpret(Kernel("k", "n", "Test", body), memory)
    assert memory["y"].tolist() == [-32, -12, -100, 20, 4, -2]
