"""Sums over the numbers of an input as they lie in memory, a number a lane.

Everything else has a sample a lane, for which an input must be turned around. A layer of few sums
costs less than that: each of its sums is added up across the lanes instead, and only they are
turned around. Exact, as all sums in float32, while none reaches 2**24.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from dsplet.firmware_sim.compile.nest import Body, fresh, nest, places, read, turns
from dsplet.firmware_sim.lanes.sums import EXACT, reach
from dsplet.quantize.fixed.kernel import Add, Buffer, Kernel, Loop, Mac
from dsplet.quantize.fixed.program import Program
from dsplet.quantize.fixed.statement import Affine, Ref, Statement

A_SUM = 5
"""Numbers of an input which take as long to turn around as the lanes of one sum to add up,
measured with 16 lanes."""

Loops = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class _Layer:
    """Sums of products with an input. around: the loops in which weights, and so sums, change."""

    kernel: int
    sum: Statement
    mac: Mac
    inner: Loops
    around: Loops


def dotted(program: Program, lanes: int) -> tuple[Program, dict[str, str]]:
    """The program with sums in the place of inputs; the name of such sums -> their weights, as
    (numbers / lanes, sums, lanes), zero beyond the last number. lanes: numbers of a vector."""
    weights: dict[str, str] = {}
    for value, name in program.inputs:
        layer = _layer(program, name)
        if layer and A_SUM * turns(layer.around) <= value.size:
            sums = fresh(f"{name}_sums", program.buffers)
            weights[sums] = fresh(f"{sums}_weights", program.buffers)
            matrix = _matrix(value.size, layer, program.buffers[layer.mac.w.buffer], lanes,
                             weights[sums])
            program = _replaced(program, name, layer, sums, matrix)
    return program, weights


def _layer(program: Program, name: str) -> _Layer | None:
    """What alone reads that input, where it does nothing but add up products with it."""
    readers = [i for i, k in enumerate(program.kernels) if name in read(k.body)]
    if len(readers) != 1 or program.around(i := readers[0]):
        return None
    found = [*_sums(program.kernels[i].body, name, ())]
    if len(found) != 1 or not isinstance(found[0][0], Loop):
        return None
    whole, around = found[0]
    loops, leaf = nest((whole,))
    mac, inner = leaf[0], tuple(loops)
    if not isinstance(mac, Mac) or len(leaf) > 1 or mac.x.buffer != name:
        return None
    if (program.buffers[mac.w.buffer].role != "const"
            or reach(whole, program.buffers, dict(around)) >= EXACT
            or any(mac.x.index.coefficient(v) for v, _ in around)):
        return None
    rows = tuple((v, n) for v, n in around if mac.w.index.coefficient(v))
    return _Layer(i, whole, mac, inner, rows)


def _sums(body: Body, name: str, around: Loops) -> Iterator[tuple[Statement, Loops]]:
    """What reads a buffer, a nest of loops as a whole, and the loops around it."""
    for s in body:
        if name in read((s,)):
            if isinstance(s, Loop) and len(nest((s,))[1]) > 1:
                loops, inside = nest((s,))
                yield from _sums(inside, name, (*around, *loops))
            else:
                yield s, around


def _matrix(numbers: int, layer: _Layer, weights: Buffer, lanes: int, name: str) -> Buffer:
    """The weights of all sums."""
    of_row, of_turn = (_places(layer.mac.w.index, loops) for loops in (layer.around, layer.inner))
    found = weights.integers[np.add.outer(of_turn - layer.mac.w.index.const, of_row)]
    matrix = np.zeros((-(-numbers // lanes) * lanes, len(of_row)), np.int64)
    np.add.at(matrix, _places(layer.mac.x.index, layer.inner), found)
    data = matrix.reshape(-1, lanes, len(of_row)).transpose(0, 2, 1).reshape(-1)
    return Buffer(name, data.size, int(data.min()), int(data.max()), "const", data)


def _places(index: Affine, loops: Loops) -> np.ndarray:
    """The value of the index at every turn of the loops, in their order; others stand still."""
    return places(Affine(index.const, tuple((v, index.coefficient(v)) for v, _ in loops)),
                  dict(loops))


def _replaced(program: Program, name: str, layer: _Layer, sums: str, weights: Buffer) -> Program:
    """The program that is given those sums."""
    index, size = Affine(), 1
    for v, n in reversed(layer.around):
        index, size = index + Affine(0, ((v, size),)), size * n
    add = Add(layer.mac.d, Ref(sums, index))

    def without(body: Body) -> Body:
        return tuple(add if s is layer.sum else
                     replace(s, body=without(s.body)) if isinstance(s, Loop) else s for s in body)

    def one(i: int, k: Kernel) -> Kernel:
        return replace(k, body=without(k.body)) if i == layer.kernel else k

    buffers = {b: kept for b, kept in program.buffers.items() if b != name}
    buffers |= {sums: Buffer(sums, size, -EXACT, EXACT, "input"), weights.name: weights}
    return replace(program, buffers=buffers,
                   kernels=tuple(one(i, k) for i, k in enumerate(program.kernels)),
                   inputs=tuple((v, sums if b == name else b) for v, b in program.inputs))
