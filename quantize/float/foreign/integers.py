"""Products of integers that floats scale afterwards, and scales that are computed from the sample.

A dynamic scale s belongs to a value x: q = x / s goes into products, and these are multiplied by s
again. In reals s cancels, so it is 1 here; a value that is still to be multiplied by s *owes* it,
and a factor that contains s *pays*. Whatever else reads one of them is refused.
"""

from __future__ import annotations

import numpy as np

from dsplet.quantize.float.element_types import FLOAT
from dsplet.quantize.float.foreign.linear import of_scale
from dsplet.quantize.float.foreign.rewriting import MOVES, Foreign, Rewriting, rewrites
from dsplet.quantize.float.foreign.scale import Scale, real


@rewrites("DynamicQuantizeLinear")
def dynamic(w: Rewriting, node: Foreign) -> None:
    q, step, zero = node.outputs
    w.stands_for(q, node.reals[0], Scale(1.0, 0, 0, 0))
    w.owed[q] = step
    w.give_constant(step, np.ones((), np.float32))
    w.give_constant(zero, np.zeros((), np.uint8))
    w.paying |= {step: step, zero: step}


@rewrites("ConvInteger", "MatMulInteger")
def product(w: Rewriting, node: Foreign) -> None:
    """(q - zero) times constant integers, in the sums' own integers."""
    weights = w.constant(node, 1, "weights")
    conv = node.proto.op_type == "ConvInteger"
    zero = w.constant(node, 3, "zero point") if node.has(3) else None
    integers = w.hold_reals(real(weights, np.ones(()), zero, 0 if conv else -1), node, "weights")
    own = w.scales.get(node.inputs[0])
    shift = w.constant(node, 2, "zero point") if node.has(2) else np.zeros(())
    if shift.size > 1 or zero is not None and zero.ndim > 1:
        w.refuse(node, "has a zero point for each row; one for all is supported")
    if own is not None and own.zero != int(shift.reshape(())):
        w.refuse(node, "has another zero point than its input")
    unit = Scale(1.0, int(shift.reshape(())), 0, 0) if own is None else Scale(
        own.step, own.zero, 0, 0)
    x = of_scale(w, node, 0, unit)
    if unit.step != 1:
        x = w.emit(node, "Mul", x, w.hold_reals(1 / unit.step, node, "unit"))
    names = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
    found = {n: node.attr(n) for n in names if node.attr(n) is not None}
    w.emit(node, "Conv" if conv else "MatMul", x, integers, to=node.outputs[0], **found)
    if node.inputs[0] in w.owed:
        w.owed[node.outputs[0]] = w.owed[node.inputs[0]]


@rewrites("Cast", to=MOVES)
def cast(w: Rewriting, node: Foreign) -> None:
    """Sums of integers as floats."""
    if node.inputs[0] in w.scales or node.attr("to") != FLOAT:
        w.refuse(node, "casts integers on a scale")
    w.emit(node, "Identity", node.reals[0], to=node.outputs[0])
    if node.inputs[0] in w.owed:
        w.owed[node.outputs[0]] = w.owed[node.inputs[0]]


@rewrites("Mul", to=MOVES)
def scaled(w: Rewriting, node: Foreign) -> None:
    """A scale times a constant, or what owes the scale times what pays it."""
    owing = [i for i in node.inputs if i in w.owed]
    paying = [i for i in node.inputs if i in w.paying]
    if any(i in w.scales for i in node.inputs) or len(owing) > 1 or len(paying) != 1 or (
            owing and w.owed[owing[0]] != w.paying[paying[0]]):
        w.refuse(node, "multiplies integers by something other than their scale")
    other = next(i for i in node.inputs if i not in paying)
    if not owing and w.known(other) is None:
        w.refuse(node, "multiplies a scale by something that is not known beforehand")
    w.copy(node, node.outputs)
    if not owing:
        w.paying[node.outputs[0]] = w.paying[paying[0]]
