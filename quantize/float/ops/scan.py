"""Scan becomes a loop over time."""

from __future__ import annotations

import numpy as np

from dsplet.base.names import unique
from dsplet.quantize.float.batch import batch_words
from dsplet.quantize.float.names import value_names
from dsplet.quantize.float.ops.constant import Constant
from dsplet.quantize.float.ops.loop import Carry, Stack, State, Step
from dsplet.quantize.float.ops.reshape import Reshape
from dsplet.quantize.float.ops.slice import Slice
from dsplet.quantize.float.ops.transpose import Transpose
from dsplet.quantize.float.reading import Reading, reads


@reads("Scan", anywhere=True)
def scan(r: Reading) -> None:
    body, count = r.attr("body"), r.attr("num_scan_inputs")
    if r.opset < 9:
        r.refuse("Scan before opset 9 is not supported")
    states, loop = len(r.inputs) - count, r.scope(r.name)
    for i in range(len(r.inputs)):
        if not r.is_const(i) and not ((place := r.layout(i)) and not place.merged):
            r.refuse(f"its input '{r.inputs[i]}' has {batch_words(place)}; expected an axis that "
                     "is the batch")
    inside = [f"{loop}/{v.name}" for v in body.input]
    results = [f"{loop}/{v.name}" for v in body.output]
    taken = {f"{loop}/{v}" for v in value_names(body)}
    ends = [unique(f"{loop}/last_{i}", taken) for i in range(states)]
    in_axes = r.attr("scan_input_axes", [0] * count)
    backwards = r.attr("scan_input_directions", [0] * count)
    steps = 0
    for i, axis, back, name in zip(range(states, len(r.inputs)), in_axes, backwards,
                                   inside[states:], strict=True):
        batch = r.batch(i)
        x = _time_first(r, i, axis, bool(back))
        steps = r.shape_of(x)[0]
        r.emit(Step, x, to=name, loop=loop)
        if r.is_const(i):
            r.put_batch(None, name)
        else:
            r.put_batch(batch - (axis % (len(r.shape(i)) + 1) < batch), name)
    for i, name in enumerate(inside[:states]):
        r.emit(State, _begin(r, i), to=name, loop=loop, steps=steps, carry=ends[i])
        r.put_batch(r.batch(i), name)
    for name, given in zip(inside, r.inputs, strict=True):
        r.put_type(name, given)
    r.read_body(body, loop)
    if any(r.known(v) is None for v in results):
        r.refuse("a value that its body gives could not be read, or is a constant")
    stacked = len(results) - states
    out_axes = r.attr("scan_output_axes", [0] * stacked)
    if any(r.attr("scan_output_directions", [0] * stacked)):
        r.refuse("sequences written backwards are not supported")
    outputs = [*r.outputs, *[""] * len(results)]
    for value, output in zip(results, outputs, strict=False):
        r.put_type(output, value)
    for value, output, end in zip(results[:states], outputs, ends, strict=False):
        last = r.emit(Carry, value, to=end, loop=loop)
        if output:
            r.put_batch(r.batch_of(value), output)
            r.emit(Reshape, last, to=output, shape=r.shape_of(last))
    for value, output, axis in zip(results[states:], outputs[states:], out_axes, strict=False):
        if output:
            _stacked(r, value, output, axis, loop, steps)


def _begin(r: Reading, i: int) -> str:
    """State i before the first step. The batch of a constant one is its first axis, wherever the
    sequences have theirs."""
    if not r.is_const(i):
        return r.value(i)
    return r.emit(Constant, value=r.alike(i, 0))


def _time_first(r: Reading, i: int, axis: int, backwards: bool) -> str:
    """Sequence i with time as the first axis of a sample, and in the order of the loop. A constant
    one has no batch axis."""
    if r.is_const(i):
        value = np.moveaxis(r.real(i), axis, 0)
        return r.emit(Constant, value=value[::-1] if backwards else value)
    shape = r.shape(i)
    axis %= len(shape) + 1
    if axis == r.batch(i):
        r.refuse(f"runs along axis {axis}, which is the batch")
    axis -= axis > r.batch(i)
    x = r.inputs[i]
    if axis:
        perm = (axis, *(a for a in range(len(shape)) if a != axis))
        x = r.emit(Transpose, x, perm=perm)
        shape = tuple(shape[p] for p in perm)
    if backwards:
        rest = len(shape) - 1
        x = r.emit(Slice, x, starts=(shape[0] - 1, *(0,) * rest), sizes=shape,
                   steps=(-1, *(1,) * rest))
    return x


def _stacked(r: Reading, value: str, output: str, axis: int, loop: str, steps: int) -> None:
    """The sequence of a body's output, time at `axis` (the batch counted)."""
    y = r.emit(Stack, value, loop=loop, steps=steps)
    shape, batch = r.shape_of(y), r.batch_of(value)
    axis %= len(shape) + 1
    batch += axis <= batch
    place = axis - (axis > batch)
    r.put_batch(batch, output)
    perm = [*range(1, len(shape))]
    perm.insert(place, 0)
    r.emit(Transpose, y, to=output, perm=tuple(perm))
