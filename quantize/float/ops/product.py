"""Products as ONNX spells them: MatMul, Gemm and Einsum, of activations and constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from dsplet.quantize.float.batch import Batch
from dsplet.quantize.float.broadcast import fits
from dsplet.quantize.float.node import Shape
from dsplet.quantize.float.ops.binary import Add
from dsplet.quantize.float.ops.constant import Constant
from dsplet.quantize.float.ops.gemm import Gemm
from dsplet.quantize.float.ops.linear import linear
from dsplet.quantize.float.ops.matmul import MatMul
from dsplet.quantize.float.ops.transpose import Transpose
from dsplet.quantize.float.reading import Reading, reads

Operand = str | np.ndarray
"""A value, or a constant as the file has it."""


@reads("MatMul", anywhere=True)
def matmul(r: Reading) -> None:
    a, b = (r.real(i, "the weights") if r.is_const(i) else r.inputs[i] for i in (0, 1))
    _give(r, product(r, a, b))


@reads("Gemm", anywhere=True)
def gemm(r: Reading) -> None:
    sides: list[Operand] = []
    for i, transposed in ((0, r.attr("transA", 0)), (1, r.attr("transB", 0))):
        if r.rank_of(i) != 2:
            r.refuse(f"operand {i} has {r.rank_of(i)} axes; expected 2")
        if r.is_const(i):
            w = r.real(i, "the weights")
            sides.append(w.T if transposed else w)
        else:
            sides.append(_turned(r, r.inputs[i]) if transposed else r.inputs[i])
    alpha, beta, weight = r.attr("alpha", 1.0), r.attr("beta", 1.0), sides[1]
    known = not r.has(2) or r.is_const(2)
    bias = np.atleast_1d(r.real(2, "the bias")) * beta if r.has(2) and known else np.zeros(1)
    if known and isinstance(sides[0], str) and isinstance(weight, np.ndarray) and (
            bias.size == bias.shape[-1] in (1, weight.shape[1])):
        _give(r, _columns(r, sides[0], weight * alpha, bias.reshape(-1)))
        return
    y = product(r, *sides)
    y = linear(r, y, alpha)
    if not known:
        full, batch = r.full_of(r.inputs[2]), r.layout_of(y)
        x = _lined_up(r, r.inputs[2], [*(1,) * (2 - len(full)), *full], batch, None)
        _give(r, r.emit(Add, y, linear(r, x, beta)))
        return
    _give(r, _plus(r, y, bias.reshape((1,) * (2 - bias.ndim) + bias.shape)))


def _plus(r: Reading, y: str, offset: np.ndarray) -> str:
    """y, of two axes in the file, and a constant of two."""
    batch = r.layout_of(y)
    if batch and offset.shape[batch.axis] > 1:
        r.refuse(f"the bias has shape {offset.shape}, other numbers for each sample of a batch")
    if batch and not batch.merged:
        offset = offset.take(0, batch.axis)
    shape = r.shape_of(y)
    if not fits(offset.shape, shape):
        r.refuse(f"the bias has shape {offset.shape}; expected one for {shape[-1]} units")
    return linear(r, y, offset=offset)


def _turned(r: Reading, x: str) -> str:
    """A value of two axes, transposed."""
    batch = r.layout_of(x)
    if batch and not batch.merged:
        return r.reshaped(x, r.shape_of(x), Batch(1 - batch.axis))
    y = r.emit(Transpose, x, perm=(1, 0))
    r.put_batch(batch and replace(batch, axis=1 - batch.axis), y)
    return y


def _give(r: Reading, y: str) -> None:
    """The node's output."""
    r.rename(y, r.outputs[0])


def product(r: Reading, a: Operand, b: Operand) -> str:
    """a @ b, as NumPy has it. One of them is a value."""
    if isinstance(a, str) and isinstance(b, np.ndarray):
        weight = _matrix(b, r.rank_of_value(a))
        if weight.ndim <= 2:
            return _columns(r, a, weight, np.zeros(1))
    if isinstance(a, np.ndarray) and isinstance(b, str):
        weight = _matrix(a, r.rank_of_value(b))
        if weight.ndim <= 2:
            return _rows(r, weight, b)
    return _of_values(r, a, b)


def _matrix(weight: np.ndarray, rank: int) -> np.ndarray:
    """The constant without leading axes of size 1, where what it meets has as many axes."""
    ones = weight.ndim - 2
    return weight.reshape(weight.shape[ones:]) if 0 < ones <= rank - 2 and set(
        weight.shape[:ones]) == {1} else weight


def _full(r: Reading, x: Operand) -> list[int]:
    """The shape in a file of one sample."""
    return list(x.shape) if isinstance(x, np.ndarray) else r.full_of(x)


def _batch(r: Reading, x: Operand) -> Batch | None:
    return None if isinstance(x, np.ndarray) else r.layout_of(x)


def _apart(r: Reading, x: str, axis: int) -> None:
    """Refuse a sum over samples."""
    batch = r.layout_of(x)
    if batch and batch.axis == axis % r.rank_of_value(x):
        r.refuse(f"sums '{x}' over axis {batch.axis}, which is the batch; samples must stay "
                 "independent")


def _columns(r: Reading, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
    """x @ weight + bias, a Gemm along the last axis. bias: one, or one for each unit."""
    _apart(r, x, -1)
    if weight.shape[0] != r.shape_of(x)[-1]:
        r.refuse(f"cannot multiply {tuple(r.full_of(x))} by {weight.shape}")
    columns = weight.reshape(len(weight), -1).T
    y = r.emit(Gemm, x, weight=columns, bias=np.broadcast_to(bias, len(columns)))
    return y if weight.ndim == 2 else r.reshaped(y, r.shape_of(y)[:-1], r.layout_of(y))


def _rows(r: Reading, weight: np.ndarray, x: str) -> str:
    """weight @ x, a Gemm along the last axis but one."""
    rank, batch = r.rank_of_value(x), r.layout_of(x)
    units = np.atleast_2d(weight)
    last = rank == 1 or batch is not None and batch.axis == rank - 1 and not batch.merged
    if rank > 1:
        _apart(r, x, -2)
    perm = (*range(len(r.shape_of(x)) - 2), *([] if last else [len(r.shape_of(x)) - 1]),
            len(r.shape_of(x)) - 2)
    turned = x if last else r.emit(Transpose, x, perm=perm)
    if units.shape[1] != r.shape_of(turned)[-1]:
        r.refuse(f"cannot multiply {weight.shape} by {tuple(r.full_of(x))}")
    y = r.emit(Gemm, turned, weight=units, bias=np.zeros(len(units)))
    if weight.ndim == 1:
        moved = batch and replace(batch, axis=batch.axis - (batch.axis == rank - 1))
        return r.reshaped(y, r.shape_of(y)[:-1], moved)
    return y if last else r.emit(Transpose, y, perm=perm)


def _of_values(r: Reading, a: Operand, b: Operand) -> str:
    """The product of two activations, one of which may be a constant."""
    fulls = [_full(r, a), _full(r, b)]
    vectors = [len(f) == 1 for f in fulls]
    fulls = [[1, *fulls[0]] if vectors[0] else fulls[0], [*fulls[1], 1] if vectors[1] else fulls[1]]
    rank = max(map(len, fulls))
    places = [(p := _batch(r, x)) and replace(p, axis=p.axis + rank - len(f))
              for x, f in zip((a, b), fulls, strict=True)]
    single = rank == 2 and places[0] == Batch(0) and places[1] is None
    batch = _common(r, places, rank, single)
    x, y = (_lined_up(r, v, [*(1,) * (rank - len(f)), *f], None if single else batch,
                      batch if single and v is a else None) for v, f in
            zip((a, b), fulls, strict=True))
    if single:  # its rows are the samples
        x = r.reshaped(x, (1, *r.shape_of(x)), batch)
    left, right = r.shape_of(x), r.shape_of(y)
    if len(left) != len(right) or left[-1] != right[-2] or not all(
            m == n or 1 in (m, n) for m, n in zip(left[:-2], right[:-2], strict=True)):
        r.refuse(f"cannot multiply {left} by {right}, without the batch")
    z = r.emit(MatMul, x, y)
    shape = r.shape_of(z)
    if single:
        return r.reshaped(z, shape[1:], batch)
    kept = [n for n, gone in zip(shape[-2:], vectors, strict=True) if not gone]
    return r.reshaped(z, (*shape[:-2], *kept), batch) if any(vectors) else z


def _common(r: Reading, places: Sequence[Batch | None], rank: int, single: bool) -> Batch | None:
    """Where both have their batch, the product's rank given."""
    found = {p for p in places if p}
    if len(found) > 1:
        r.refuse("its operands have their batch axes at different places")
    batch = found.pop() if found else None
    if batch and batch.axis >= rank - 2 and not single:
        r.refuse(f"multiplies along axis {batch.axis}, which is the batch; samples must stay "
                 "independent")
    return batch


def _lined_up(r: Reading, x: Operand, full: list[int], batch: Batch | None, rows: Batch | None
              ) -> str:
    """The operand as a value with all the product's axes; rows: it has the batch there."""
    if rows and isinstance(x, str):
        return x
    if batch and full[batch.axis] > 1 and _batch(r, x) is None:
        r.refuse(f"an operand of shape {tuple(full)} has more than one element along the batch, "
                 f"axis {batch.axis}")
    if batch and not batch.merged:
        full = [*full[:batch.axis], *full[batch.axis + 1:]]
    if isinstance(x, np.ndarray):
        return r.emit(Constant, value=x.reshape(full))
    return r.reshaped(x, tuple(full), batch)


@reads("Einsum", anywhere=True)
def einsum(r: Reading) -> None:
    """Operand by operand, from the left; the batch is a letter that all values have."""
    left, arrow, out = str(r.attr("equation")).replace(" ", "").partition("->")
    terms, values = left.split(","), list[str]()
    if "." in left + out or not arrow or len(terms) != len(r.inputs):
        r.refuse(f"its equation '{r.attr('equation')}' needs a letter for each axis and an output")
    batch = {t[p.axis] for i, t in enumerate(terms) if not r.is_const(i) and (p := r.layout(i))}
    if len(batch) > 1 or any((p := r.layout(i)) and p.merged for i in range(len(terms))):
        r.refuse("its operands have their batch axes at different places")
    if not batch <= set(out):
        r.refuse("sums over the batch; samples must stay independent")
    for i, term in enumerate(terms):
        if len(set(term)) != len(term) or len(term) != r.rank_of(i):
            r.refuse(f"'{term}' is not one letter for each of {r.rank_of(i)} axes")
        values.append(r.emit(Constant, value=_without(r, i, term, batch)) if r.is_const(i) else
                      r.reshaped(r.inputs[i], r.shape(i), Batch() if batch else None))
        terms[i] = "".join(c for c in term if c not in batch)
    y, term, rest = values[0], terms[0], [*terms[1:], "".join(c for c in out if c not in batch)]
    sizes = {c: n for t, v in zip(terms, values, strict=True)
             for c, n in zip(t, r.shape_of(v), strict=True)}
    for k, value in enumerate(values[1:]):
        y, term = _contracted(r, (y, term), (value, terms[k + 1]), set("".join(rest[k + 1:])),
                              sizes)
    if set(term) != set(rest[-1]):
        r.refuse(f"'{r.attr('equation')}' sums along an axis of one operand alone; use ReduceSum")
    y = r.emit(Transpose, y, perm=tuple(map(term.index, rest[-1])))
    r.put_batch(Batch(out.index(batch.pop())) if batch else None, r.outputs[0])
    r.rename(y, r.outputs[0])


def _without(r: Reading, i: int, term: str, batch: set[str]) -> np.ndarray:
    """Constant input i without the batch's letter."""
    value = r.real(i)
    for axis in (a for a, c in enumerate(term) if c in batch):
        if value.shape[axis] > 1:
            r.refuse(f"the constant '{r.inputs[i]}' of shape {value.shape} has a batch axis")
        value = np.asarray(value.take(0, axis))
    return value


def _contracted(r: Reading, a: tuple[str, str], b: tuple[str, str], wanted: set[str],
                sizes: dict[str, int]) -> tuple[str, str]:
    """Two operands, values and their letters, as one with the wanted letters."""
    (x, s), (y, t) = a, b
    both = "".join(c for c in s if c in t)
    shared = "".join(c for c in both if c in wanted)
    summed = "".join(c for c in both if c not in wanted)
    rows, columns = ("".join(c for c in u if c not in both) for u in (s, t))
    if not set(rows + columns) <= wanted:
        r.refuse(f"'{r.attr('equation')}' sums along an axis of one operand alone; use ReduceSum")

    def sized(letters: str) -> Shape:
        return tuple(sizes[c] for c in letters)

    def matrix(value: str, term: str, order: tuple[str, str, str]) -> str:
        shape = tuple(prod(sized(part)) for part in order)
        y = r.emit(Transpose, value, perm=tuple(map(term.index, "".join(order))))
        return r.reshaped(y, shape if order[0] else shape[1:], r.layout_of(y))

    left = matrix(x, s, (shared, rows, summed))
    weight = r.held(y)
    if weight is not None and not shared:
        found = r.emit(Gemm, left, weight=weight.transpose(tuple(map(t.index, columns + summed)))
                       .reshape(prod(sized(columns)), -1), bias=np.zeros(prod(sized(columns))))
    else:
        found = r.emit(MatMul, left, matrix(y, t, (shared, summed, columns)))
    term = shared + rows + columns
    return r.reshaped(found, sized(term), r.layout_of(found)), term
