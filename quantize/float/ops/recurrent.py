"""RNN, GRU and LSTM: cell by cell and direction by direction they become loops over time."""

from __future__ import annotations

from typing import Any

import numpy as np

from dsplet.quantize.float.functions import FUNCTIONS, Expr, X
from dsplet.quantize.float.node import FloatNode, Shape
from dsplet.quantize.float.ops.binary import Add, Mul, Sub
from dsplet.quantize.float.ops.clamp import Clamp
from dsplet.quantize.float.ops.concat import Concat
from dsplet.quantize.float.ops.constant import Constant
from dsplet.quantize.float.ops.function import Function
from dsplet.quantize.float.ops.gemm import Gemm
from dsplet.quantize.float.ops.loop import Carry, Stack, State, Step
from dsplet.quantize.float.ops.reshape import Reshape
from dsplet.quantize.float.ops.slice import Slice
from dsplet.quantize.float.reading import Reading, reads

DEFAULTS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


class _Direction:
    """One direction of one layer: its weights, and words to write its cell with."""

    def __init__(self, r: Reading, d: int, x: str, tag: str) -> None:
        self.r, self.units, self.tag = r, r.attr("hidden_size"), tag
        self.w, self.u = r.real(1, "the weights")[d], r.real(2, "the recurrent weights")[d]
        rows = GATES[r.op] * self.units
        bias = r.real(3, "the biases")[d] if r.has(3) else np.zeros(2 * rows)
        self.b: np.ndarray = bias.reshape(2, rows)[0]
        self.c: np.ndarray = bias.reshape(2, rows)[1]
        names = r.attr("activations") or DEFAULTS[r.op] * len(directions(r))
        given = names[d * len(DEFAULTS[r.op]):][:len(DEFAULTS[r.op])]
        self.functions = [n.decode() if isinstance(n, bytes) else n for n in given]
        self.steps, self.batch = r.shape_of(x)[0], 1 - r.attr("layout", 0)
        self.x = r.emit(Step, x, loop=tag)

    def state(self, i: int, d: int) -> str:
        """The state that begins as input i (zeros where there is none); see `carry`."""
        r = self.r
        if r.is_const(i) or not r.has(i):
            value = r.alike(i, self.batch)[d] if r.has(i) else np.zeros(self.units)
            start = r.emit(Constant, value=value)
        else:
            both = r.with_batch_at(self.batch, i)
            one = r.emit(Slice, both, starts=(d, 0), sizes=(1, self.units), steps=(1, 1))
            start = r.emit(Reshape, one, shape=(self.units,))
        return r.emit(State, start, loop=self.tag, steps=self.steps,
                      carry=f"{self.tag}/last_{i}")

    def carry(self, i: int, value: str) -> str:
        """The last state; `value` is what the state that began as input i becomes."""
        return self.r.emit(Carry, value, to=f"{self.tag}/last_{i}", loop=self.tag)

    def product(self, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
        return self.r.emit(Gemm, x, weight=weight, bias=bias)

    def gates(self, h: str, rows: slice) -> str:
        """W x + U h + b for some rows."""
        return self.r.emit(Add, self.product(self.x, self.w[rows], self.b[rows] + self.c[rows]),
                           self.product(h, self.u[rows], np.zeros(len(self.u[rows]))))

    def function(self, i: int, value: str) -> str:
        name = self.functions[i]
        if name == "Relu":
            return self.r.emit(Clamp, value, low=0.0, high=np.inf)
        if name not in FUNCTIONS or self.r.attr("activation_alpha") or self.r.attr(
                "activation_beta"):
            self.r.refuse(f"its activation {name} is not supported with these parameters")
        params = tuple(default for _, default in FUNCTIONS[name].attributes)
        return self.r.emit(Function, value, expr=Expr(name, (X,), params))

    def part(self, value: str, i: int) -> str:
        """The i-th block of `units` elements."""
        return self.r.emit(Slice, value, starts=(i * self.units,), sizes=(self.units,),
                           steps=(1,))

    def binary(self, kind: type[FloatNode], a: str, b: str) -> str:
        return self.r.emit(kind, a, b)


def directions(r: Reading) -> list[bool]:
    """For each direction whether it runs backwards."""
    return {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[
        r.attr("direction", "forward")]


def _rnn(c: _Direction, d: int) -> tuple[str, list[str]]:
    h = c.state(5, d)
    new = c.function(0, c.gates(h, slice(None)))
    return new, [c.carry(5, new)]


def _gru(c: _Direction, d: int) -> tuple[str, list[str]]:
    """h = (1 - z) n + z h, as n + z (h - n)."""
    h, n = c.state(5, d), c.units
    both = c.function(0, c.gates(h, slice(0, 2 * n)))
    z, reset, rest = c.part(both, 0), c.part(both, 1), slice(2 * n, None)
    if c.r.attr("linear_before_reset", 0):
        seen = c.binary(Mul, reset, c.product(h, c.u[rest], c.c[rest]))
        pre = c.binary(Add, c.product(c.x, c.w[rest], c.b[rest]), seen)
    else:
        kept = c.binary(Mul, reset, h)
        pre = c.binary(Add, c.product(c.x, c.w[rest], c.b[rest] + c.c[rest]),
                       c.product(kept, c.u[rest], np.zeros(n)))
    candidate = c.function(1, pre)
    new = c.binary(Add, candidate, c.binary(Mul, z, c.binary(Sub, h, candidate)))
    return new, [c.carry(5, new)]


def _lstm(c: _Direction, d: int) -> tuple[str, list[str]]:
    """ONNX orders the gates i, o, f, c."""
    h, cell, n = c.state(5, d), c.state(6, d), c.units
    gates = c.function(0, c.gates(h, slice(0, 3 * n)))
    put, out, keep = (c.part(gates, i) for i in range(3))
    candidate = c.function(1, c.gates(h, slice(3 * n, None)))
    after = c.binary(Add, c.binary(Mul, keep, cell), c.binary(Mul, put, candidate))
    new = c.binary(Mul, out, c.function(2, after))
    return new, [c.carry(5, new), c.carry(6, after)]


CELLS = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}


@reads("RNN", "GRU", "LSTM", anywhere=True)
def recurrent(r: Reading) -> None:
    layout = r.attr("layout", 0)
    given = r.with_batch_at(1 - layout)
    if r.attr("clip") or r.attr("input_forget") or r.has(7):
        r.refuse("clip, input_forget and peepholes are not supported")
    steps, sequences, ends = r.shape_of(given)[0], [], []
    if r.has(4) and (r.const(4, "sequence_lens") != steps).any():
        r.refuse("sequences of different lengths (sequence_lens) are not supported")
    for d, backwards in enumerate(directions(r)):
        back: dict[str, Any] = {"starts": (steps - 1, 0), "steps": (-1, 1)}
        x = r.emit(Slice, given, sizes=r.shape_of(given), **back) if backwards else given
        cell = _Direction(r, d, x, r.scope(f"{r.name}/{'down' if backwards else 'up'}"))
        new, carried = CELLS[r.op](cell, d)
        seen = r.emit(Stack, new, loop=cell.tag, steps=steps)
        if backwards:
            seen = r.emit(Slice, seen, sizes=(steps, cell.units), **back)
        sequences.append(seen)
        ends.append(carried)
    units, outputs = r.attr("hidden_size"), [*r.outputs, "", "", ""]
    _together(r, outputs[0], sequences, (steps, 1, units), 0 if layout else 2)
    for output, values in zip(outputs[1:], zip(*ends, strict=True), strict=False):
        _together(r, output, list(values), (1, units), 0 if layout else 1)


def _together(r: Reading, output: str, values: list[str], shape: Shape, batch: int
              ) -> None:
    """Give the directions' values side by side along the axis before the units."""
    if output:
        parts = [r.emit(Reshape, v, shape=shape) for v in values]
        r.put_batch(batch, output)
        r.emit(Concat, *parts, to=output, axis=len(shape) - 2)
