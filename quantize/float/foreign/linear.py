"""QuantizeLinear and DequantizeLinear, and what integers on a scale may pass between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dsplet.quantize.float.foreign.rewriting import MOVES, Foreign, Rewriting, rewrites
from dsplet.quantize.float.foreign.scale import BITS, CODES, Scale, integers, real

if TYPE_CHECKING:
    from onnx import NodeProto


@rewrites("QuantizeLinear")
def quantize_linear(w: Rewriting, node: Foreign) -> None:
    step = w.constant(node, 1, "scale")
    zero = w.constant(node, 2, "zero point") if node.has(2) else None
    code = node.attr("output_dtype", 0)
    kind = zero.dtype.name if zero is not None else CODES.get(code, "") if code else "uint8"
    if kind not in BITS:
        w.refuse(node, f"gives {kind or f'the type {code}'}; integers are supported")
    x = w.known(node.inputs[0])
    if x is not None:
        axis, block = node.attr("axis", 1), node.attr("block_size", 0)
        w.give(node, integers(x, step, zero, kind, axis, block))
    else:
        onto_scale(w, node, node.reals[0], scale_of(w, node, step, zero, kind))


@rewrites("DequantizeLinear")
def dequantize_linear(w: Rewriting, node: Foreign) -> None:
    step = w.constant(node, 1, "scale")
    zero = w.constant(node, 2, "zero point") if node.has(2) else None
    q = w.known(node.inputs[0])
    if q is not None:
        axis, block = node.attr("axis", 1), node.attr("block_size", 0)
        w.give(node, real(q, step, zero, axis, block).astype(np.float32))
    else:
        x = of_scale(w, node, 0, scale_of(w, node, step, zero, "int32"))
        if x != node.outputs[0]:
            w.emit(node, "Identity", x, to=node.outputs[0])


def scale_of(w: Rewriting, node: Foreign, step: np.ndarray, zero: np.ndarray | None, kind: str
             ) -> Scale:
    """The scale of an activation."""
    if step.size != 1 or zero is not None and zero.size != 1:
        w.refuse(node, f"has {step.size} scales; an activation has one")
    return Scale.of(step, zero, kind)


def operand_scale(w: Rewriting, node: Foreign, i: int, kind: str = "int32") -> Scale:
    """The scale whose step and zero point are the inputs i and i + 1."""
    zero = w.constant(node, i + 1, "zero point") if node.has(i + 1) else None
    return scale_of(w, node, w.constant(node, i, "scale"), zero,
                    kind if zero is None else zero.dtype.name)


def onto_scale(w: Rewriting, node: Foreign, x: str, scale: Scale) -> None:
    """Give the node's output: reals x between the ends of a scale.

    They are named as what reads them gives them back, so that they are found by that name.
    """
    output = node.outputs[0]
    name = next((n.output[0] for n in w.readers(output) if _reads_back(w, n, scale)), None)
    name = name or w.fresh(f"{output}/real")
    clip_between(w, node, x, *scale.ends, name)
    w.stands_for(output, name, scale)


def _reads_back(w: Rewriting, reader: NodeProto, scale: Scale) -> bool:
    """Whether a node gives the reals of integers that are on this scale."""
    if reader.op_type != "DequantizeLinear":
        return False
    step, zero = (w.known(i) for i in (*reader.input[1:], "")[:2])
    return step is not None and step.size == 1 and (
        float(step.reshape(())), 0 if zero is None else int(zero.reshape(()))) == (
        scale.step, scale.zero)


def clip_between(w: Rewriting, node: Foreign, x: str, low: float, high: float, to: str) -> None:
    """Give reals x between two ends."""
    if w.opset < 11:
        w.emit(node, "Clip", x, to=to, min=low, max=high)
    else:
        ends = [w.hold_reals(low, node, "low"), w.hold_reals(high, node, "high")]
        w.emit(node, "Clip", x, *ends, to=to)


def of_scale(w: Rewriting, node: Foreign, i: int, scale: Scale) -> str:
    """The reals of input i, whose integers are taken to be on this scale."""
    x, own = node.reals[i], w.scales.get(node.inputs[i])
    if own is None:  # an input of the network, which is given as integers
        x = w.as_float(node, x)
        own = Scale(1.0, 0, 0, 0)
    if (own.step, own.zero) == (scale.step, scale.zero):
        return x
    y = w.emit(node, "Mul", x, w.hold_reals(scale.step / own.step, node, "factor"))
    offset = (own.zero - scale.zero) * scale.step
    return w.emit(node, "Add", y, w.hold_reals(offset, node, "offset")) if offset else y


@rewrites("Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Split",
          "Gather", "DepthToSpace", "SpaceToDepth", "MaxPool", "GlobalMaxPool", "ReduceMax",
          "ReduceMin", "Expand", "Tile", to=MOVES)
def move(w: Rewriting, node: Foreign) -> None:
    """What keeps every number of its first input; the others say which, or where."""
    if w.on_scale(*node.inputs[1:]) or node.inputs[0] in w.paying:
        w.refuse_integers(node)
    moved(w, node, node.inputs[:1], node.reals)


@rewrites("Concat", to=MOVES)
def concat(w: Rewriting, node: Foreign) -> None:
    """Integers of one scale, constant ones among them."""
    data = [i for i in node.inputs if w.known(i) is None]
    reals = list(node.reals)
    for k, i in enumerate(node.inputs):
        if i not in data:
            scale = w.scales.get(data[0]) if data else None
            if scale is None or w.on_scale(i) or data[0] in w.owed:
                w.refuse(node, "mixes integers on a scale with others")
            reals[k] = w.hold_reals(scale.reals(w.constant(node, k, "part")), node, f"part_{k}")
    moved(w, node, data, reals)


def moved(w: Rewriting, node: Foreign, data: list[str], reals: list[str]) -> None:
    """The node as it is, on reals. data: those of its inputs whose numbers it gives."""
    scales, owed = {w.scales.get(i) for i in data}, {w.owed.get(i, "") for i in data}
    if len(scales) != 1 or len(owed) != 1:
        w.refuse(node, "mixes integers of several scales")
    scale, debt = scales.pop(), owed.pop()
    outputs = node.outputs if scale is None else [
        w.fresh(f"{o}/real") if o else "" for o in node.outputs]
    w.copy(node, outputs, reals)
    for o, name in zip(node.outputs, outputs, strict=True):
        if scale is not None:
            w.stands_for(o, name, scale)
        if debt:
            w.owed[o] = debt


@rewrites("Shape", "Size", to=MOVES)
def size(w: Rewriting, node: Foreign) -> None:
    """What reads no number."""
    w.copy(node, node.outputs)


@rewrites("ArgMax", to=MOVES)
def order(w: Rewriting, node: Foreign) -> None:
    """What asks only which is largest."""
    w.copy(node, node.outputs)


@rewrites("Clip", "Relu", to=MOVES)
def clip(w: Rewriting, node: Foreign) -> None:
    """Bounds in integers; those of a scale that the sample decides are not known."""
    scale = w.scales.get(node.inputs[0])
    if scale is None or node.inputs[0] in w.owed:
        w.refuse_integers(node)
    low, high = float(scale.low), float(scale.high)
    if node.proto.op_type == "Relu":
        low = max(low, 0.0)
    else:
        low = max(low, float(w.constant(node, 1, "bound"))) if node.has(1) else low
        high = min(high, float(w.constant(node, 2, "bound"))) if node.has(2) else high
    name = w.fresh(f"{node.outputs[0]}/real")
    clip_between(w, node, node.reals[0], scale.real(low), scale.real(high), name)
    w.stands_for(node.outputs[0], name, scale)


@rewrites("Pad", to=MOVES)
def pad(w: Rewriting, node: Foreign) -> None:
    """A border of integers, by default of 0; on a scale that the sample decides, of its zero point.
    """
    x = node.inputs[0]
    scale, debt = w.scales.get(x), w.owed.get(x)
    if scale is None or debt and not (node.has(2) and w.paying.get(node.inputs[2]) == debt):
        w.refuse_integers(node)
    q = w.constant(node, 2, "border") if node.has(2) else np.zeros(())
    border = w.hold_reals(scale.real(float(q.reshape(()))), node, "border")
    name = w.fresh(f"{node.outputs[0]}/real")
    w.copy(node, [name], [*node.reals[:2], border, *node.reals[3:]])
    w.stands_for(node.outputs[0], name, scale)
    if debt:
        w.owed[node.outputs[0]] = debt
