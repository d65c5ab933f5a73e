"""RNN, GRU and LSTM, cell by cell and direction by direction, and Scan: all become loops."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.float.functions import FUNCTIONS, Expr, X
from dsplet.quantize.float.readers.reading import Reading, reads

DEFAULTS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


class _Direction:
    """One direction of one layer: its weights, and words to write its cell with."""

    def __init__(self, r: Reading, d: int, x: str, tag: str) -> None:
        self.r, self.units, self.tag = r, r.attr("hidden_size"), tag
        self.w, self.u = r.real(1, "the weights")[d], r.real(2, "the recurrent weights")[d]
        bias = r.real(3, "the biases")
        rows = GATES[r.op] * self.units
        self.b, self.c = (np.zeros((2, rows)) if bias is None else bias[d].reshape(2, rows))
        names = r.attr("activations") or DEFAULTS[r.op] * len(directions(r))
        given = names[d * len(DEFAULTS[r.op]):][:len(DEFAULTS[r.op])]
        self.functions = [n.decode() if isinstance(n, bytes) else n for n in given]
        self.steps = r.shape()[0]
        self.x = r.emit("Step", x, loop=tag)

    def state(self, i: int, d: int) -> str:
        """The state that begins as input i (zeros where there is none); see `carry`."""
        r = self.r
        if r.is_const(i) or not r.has(i):
            start = r.real(i)
            value = np.zeros(self.units) if start is None else start.reshape(-1, self.units)[d]
            start = r.emit("Constant", value=value)
        else:
            one = r.emit("Slice", r.inputs[i], starts=(d, 0), sizes=(1, self.units), steps=(1, 1))
            start = r.emit("Reshape", one, shape=(self.units,))
        return r.emit("State", start, loop=self.tag, steps=self.steps,
                      carry=f"{self.tag}/last_{i}")

    def carry(self, i: int, value: str) -> str:
        """The last state; `value` is what the state that began as input i becomes."""
        return self.r.emit("Carry", value, to=f"{self.tag}/last_{i}", loop=self.tag)

    def product(self, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
        return self.r.emit("Gemm", x, weight=weight, bias=bias)

    def gates(self, h: str, rows: slice) -> str:
        """W x + U h + b for some rows."""
        return self.r.emit("Add", self.product(self.x, self.w[rows], self.b[rows] + self.c[rows]),
                           self.product(h, self.u[rows], np.zeros(len(self.u[rows]))))

    def function(self, i: int, value: str) -> str:
        name = self.functions[i]
        if name == "Relu":
            return self.r.emit("Clamp", value, low=0.0, high=np.inf)
        if name not in FUNCTIONS or self.r.attr("activation_alpha") or self.r.attr(
                "activation_beta"):
            self.r.refuse(f"its activation {name} is not supported with these parameters")
        params = tuple(default for _, default in FUNCTIONS[name].attributes)
        return self.r.emit("Function", value, expr=Expr(name, (X,), params))

    def part(self, value: str, i: int) -> str:
        """The i-th block of `units` elements."""
        return self.r.emit("Slice", value, starts=(i * self.units,), sizes=(self.units,),
                           steps=(1,))

    def binary(self, op: str, a: str, b: str) -> str:
        return self.r.emit(op, a, b)


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
        seen = c.binary("Mul", reset, c.product(h, c.u[rest], c.c[rest]))
        pre = c.binary("Add", c.product(c.x, c.w[rest], c.b[rest]), seen)
    else:
        kept = c.binary("Mul", reset, h)
        pre = c.binary("Add", c.product(c.x, c.w[rest], c.b[rest] + c.c[rest]),
                       c.product(kept, c.u[rest], np.zeros(n)))
    candidate = c.function(1, pre)
    new = c.binary("Add", candidate, c.binary("Mul", z, c.binary("Sub", h, candidate)))
    return new, [c.carry(5, new)]


def _lstm(c: _Direction, d: int) -> tuple[str, list[str]]:
    """ONNX orders the gates i, o, f, c."""
    h, cell, n = c.state(5, d), c.state(6, d), c.units
    gates = c.function(0, c.gates(h, slice(0, 3 * n)))
    put, out, keep = (c.part(gates, i) for i in range(3))
    candidate = c.function(1, c.gates(h, slice(3 * n, None)))
    after = c.binary("Add", c.binary("Mul", keep, cell), c.binary("Mul", put, candidate))
    new = c.binary("Mul", out, c.function(2, after))
    return new, [c.carry(5, new), c.carry(6, after)]


CELLS = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}


@reads("RNN", "GRU", "LSTM")
def recurrent(r: Reading) -> None:
    layout = r.attr("layout", 0)
    if r.batch() != 1 - layout:
        r.refuse(f"its input has the batch at axis {r.batch()}; layout {layout} asks for axis "
                 f"{1 - layout}")
    if r.attr("clip") or r.attr("input_forget") or r.has(7):
        r.refuse("clip, input_forget and peepholes are not supported")
    lengths = r.const(4, what="sequence_lens")
    if lengths is not None and (lengths != r.shape()[0]).any():
        r.refuse("sequences of different lengths (sequence_lens) are not supported")
    steps, sequences, ends = r.shape()[0], [], []
    for d, backwards in enumerate(directions(r)):
        back = {"starts": (steps - 1, 0), "steps": (-1, 1)}
        x = r.emit("Slice", r.value(), sizes=r.shape(), **back) if backwards else r.value()
        cell = _Direction(r, d, x, f"{r.name}/{'down' if backwards else 'up'}")
        new, carried = CELLS[r.op](cell, d)
        seen = r.emit("Stack", new, loop=cell.tag, steps=steps)
        if backwards:
            seen = r.emit("Slice", seen, sizes=(steps, cell.units), **back)
        sequences.append(seen)
        ends.append(carried)
    units, outputs = r.attr("hidden_size"), [*r.outputs, "", "", ""]
    _together(r, outputs[0], sequences, (steps, 1, units), 0 if layout else 2)
    for output, values in zip(outputs[1:], zip(*ends, strict=True), strict=False):
        _together(r, output, list(values), (1, units), 0 if layout else 1)


def _together(r: Reading, output: str, values: list[str], shape: tuple[int, ...], batch: int
              ) -> None:
    """Give the directions' values side by side along the axis before the units."""
    if output:
        parts = [r.emit("Reshape", v, shape=shape) for v in values]
        r.put_batch(batch, output)
        r.emit("Concat", *parts, to=output, axis=len(shape) - 2)


@reads("Scan")
def scan(r: Reading) -> None:
    body, count = r.attr("body"), r.attr("num_scan_inputs")
    if r.opset < 9:
        r.refuse("Scan before opset 9 is not supported")
    states, loop = len(r.inputs) - count, r.name
    inside = [f"{loop}/{v.name}" for v in body.input]
    results = [f"{loop}/{v.name}" for v in body.output]
    in_axes = r.attr("scan_input_axes", [0] * count)
    backwards = r.attr("scan_input_directions", [0] * count)
    steps = 0
    for i, axis, back, name in zip(range(states, len(r.inputs)), in_axes, backwards,
                                   inside[states:], strict=True):
        batch = r.batch(i)
        x = _time_first(r, i, axis, bool(back))
        steps = r.known(x)[0]
        r.emit("Step", x, to=name, loop=loop)
        if r.is_const(i):
            r.put_batch(None, name)
        else:
            r.put_batch(batch - (axis % (len(r.shape(i)) + 1) < batch), name)
    for i, name in enumerate(inside[:states]):
        r.emit("State", _begin(r, i), to=name, loop=loop, steps=steps, carry=f"{loop}/last_{i}")
        r.put_batch(r.batch(i), name)
    r.read_body(body, loop)
    if any(r.known(v) is None for v in results):
        r.refuse("a value that its body gives could not be read, or is a constant")
    stacked = len(results) - states
    out_axes = r.attr("scan_output_axes", [0] * stacked)
    if any(r.attr("scan_output_directions", [0] * stacked)):
        r.refuse("sequences written backwards are not supported")
    outputs = [*r.outputs, *[""] * len(results)]
    for i, (value, output) in enumerate(zip(results[:states], outputs, strict=False)):
        last = r.emit("Carry", value, to=f"{loop}/last_{i}", loop=loop)
        if output:
            r.put_batch(r.batch_of(value), output)
            r.emit("Reshape", last, to=output, shape=r.known(last))
    for value, output, axis in zip(results[states:], outputs[states:], out_axes, strict=False):
        if output:
            _stacked(r, value, output, axis, loop, steps)


def _begin(r: Reading, i: int) -> str:
    """State i before the first step. The batch of a constant one is its first axis, wherever the
    sequences have theirs."""
    if not r.is_const(i):
        return r.value(i)
    start = r.real(i)
    if start.shape[:1] != (1,):
        r.refuse(f"the state '{r.inputs[i]}' begins as a constant of shape {start.shape}; expected "
                 "a batch of 1 as its first axis")
    return r.emit("Constant", value=start[0])


def _time_first(r: Reading, i: int, axis: int, backwards: bool) -> str:
    """Sequence i with time as the first axis of a sample, and in the order of the loop. A constant
    one has no batch axis."""
    if r.is_const(i):
        value = np.moveaxis(r.real(i), axis, 0)
        return r.emit("Constant", value=value[::-1] if backwards else value)
    shape = r.shape(i)
    axis %= len(shape) + 1
    if axis == r.batch(i):
        r.refuse(f"runs along axis {axis}, which is the batch")
    axis -= axis > r.batch(i)
    x = r.inputs[i]
    if axis:
        perm = (axis, *(a for a in range(len(shape)) if a != axis))
        x = r.emit("Transpose", x, perm=perm)
        shape = tuple(shape[p] for p in perm)
    if backwards:
        rest = len(shape) - 1
        x = r.emit("Slice", x, starts=(shape[0] - 1, *(0,) * rest), sizes=shape,
                   steps=(-1, *(1,) * rest))
    return x


def _stacked(r: Reading, value: str, output: str, axis: int, loop: str, steps: int) -> None:
    """The sequence of a body's output, time at `axis` (the batch counted)."""
    y = r.emit("Stack", value, loop=loop, steps=steps)
    shape, batch = r.known(y), r.batch_of(value)
    axis %= len(shape) + 1
    batch += axis <= batch
    place = axis - (axis > batch)
    r.put_batch(batch, output)
    perm = [*range(1, len(shape))]
    perm.insert(place, 0)
    r.emit("Transpose", y, to=output, perm=tuple(perm))
