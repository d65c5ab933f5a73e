"""QOperators: ops on integers with their scales among their inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from dsplet.quantize.float.foreign.linear import of_scale, onto_scale, operand_scale
from dsplet.quantize.float.foreign.rewriting import Foreign, Rewriting, rewrites
from dsplet.quantize.float.foreign.scale import real


def operand(w: Rewriting, node: Foreign, i: int, step: int, zero: int, axis: int = 0) -> str:
    """Input i as reals: a constant, or a value on the scale of inputs `step` and `zero`. axis: of
    the several scales of a constant."""
    q = w.known(node.inputs[i])
    if q is None:
        return of_scale(w, node, i, operand_scale(w, node, step))
    steps = w.constant(node, step, "scale")
    zeros = w.constant(node, zero, "zero point") if node.has(zero) else None
    return w.hold_reals(real(q, steps, zeros, axis), node, f"operand_{i}")


def result(w: Rewriting, node: Foreign, y: str, step: int) -> None:
    """Give reals y on the scale of inputs `step` and `step` + 1."""
    onto_scale(w, node, y, operand_scale(w, node, step, "uint8"))


def attributes(node: Foreign, *names: str) -> dict[str, Any]:
    """Those of the names that the node has."""
    return {n: node.attr(n) for n in names if node.attr(n) is not None}


def bias(w: Rewriting, node: Foreign, i: int, x_step: int, w_step: int, alpha: float = 1.0) -> str:
    """Input i, integers on the scale of the product."""
    step = (np.float64(w.constant(node, x_step, "scale"))
            * np.float64(w.constant(node, w_step, "scale"))).reshape(-1) * alpha
    return w.hold_reals(w.constant(node, i, "bias") * step, node, "bias")


@rewrites("QLinearConv")
def conv(w: Rewriting, node: Foreign) -> None:
    inputs = [operand(w, node, 0, 1, 2), operand(w, node, 3, 4, 5)]
    if node.has(8):
        inputs.append(bias(w, node, 8, 1, 4))
    y = w.emit(node, "Conv", *inputs, **attributes(
        node, "auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"))
    result(w, node, y, 6)


@rewrites("QLinearMatMul")
def matmul(w: Rewriting, node: Foreign) -> None:
    y = w.emit(node, "MatMul", operand(w, node, 0, 1, 2), operand(w, node, 3, 4, 5, -1))
    result(w, node, y, 6)


@rewrites("QGemm")
def gemm(w: Rewriting, node: Foreign) -> None:
    alpha, transposed = node.attr("alpha", 1.0), node.attr("transB", 0)
    inputs = [operand(w, node, 0, 1, 2), operand(w, node, 3, 4, 5, 0 if transposed else 1)]
    if node.has(6):
        inputs.append(bias(w, node, 6, 1, 4, alpha))
    quantized = node.has(7)
    y = w.emit(node, "Gemm", *inputs, to=None if quantized else node.outputs[0], alpha=alpha,
               **attributes(node, "transA", "transB"))
    if quantized:
        result(w, node, y, 7)


@rewrites("QLinearAdd", "QLinearMul")
def binary(w: Rewriting, node: Foreign) -> None:
    y = w.emit(node, node.proto.op_type.removeprefix("QLinear"), operand(w, node, 0, 1, 2),
               operand(w, node, 3, 4, 5))
    result(w, node, y, 6)


@rewrites("QLinearConcat")
def concat(w: Rewriting, node: Foreign) -> None:
    parts = [operand(w, node, i, i + 1, i + 2) for i in range(2, len(node.inputs), 3)]
    result(w, node, w.emit(node, "Concat", *parts, **attributes(node, "axis")), 0)


@rewrites("QLinearSoftmax")
def softmax(w: Rewriting, node: Foreign) -> None:
    """Of the opset that it names: before 13 over all axes from `axis` on, since then along it."""
    axis, opset = node.attr("axis", -1), node.attr("opset", w.opset)
    if axis != -1 and (opset < 13) != (w.opset < 13):
        w.refuse(node, f"is a Softmax of opset {opset} along axis {axis} in a model of opset "
                       f"{w.opset}, where that means something else")
    result(w, node, w.emit(node, "Softmax", operand(w, node, 0, 1, 2), axis=axis), 3)


@rewrites("QLinearSigmoid", "QLinearLeakyRelu", "QLinearAveragePool", "QLinearGlobalAveragePool")
def unary(w: Rewriting, node: Foreign) -> None:
    """x, its scale, the result's scale; attributes as the float op has them."""
    if node.attr("channels_last", 0):
        w.refuse(node, "has its channels last; the first axis but one is supported")
    op = node.proto.op_type.removeprefix("QLinear")
    y = w.emit(node, op, operand(w, node, 0, 1, 2), **attributes(
        node, "alpha", "auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads",
        "strides"))
    result(w, node, y, 3)


@rewrites("DynamicQuantizeLSTM")
def lstm(w: Rewriting, node: Foreign) -> None:
    """Weights (directions, inputs, 4 units) on a scale for each direction or for each column."""
    def weights(i: int, step: int) -> str:
        q = w.constant(node, i, "weights")
        steps, zeros = (w.constant(node, step + k, "scale").reshape(len(q), 1, -1)
                        for k in (0, 1))
        found = (q.astype(np.float64) - zeros.astype(np.float64)) * steps.astype(np.float64)
        return w.hold_reals(found.transpose(0, 2, 1), node, f"weights_{i}")

    inputs = [node.reals[0], weights(1, 8), weights(2, 10), *node.reals[3:8]]
    w.copy(node, node.outputs, inputs, op="LSTM")
