"""ReLU and Clip become clamp bounds of the op before them."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.float.graph import CLAMPABLE, NO_CLAMP, FloatGraph, FloatNode
from dsplet.quantize.float.passes.rewrite import rewrite, sole_maker

ORDER_KEEPING = {"MaxPool", "Reshape", "Transpose"}
"""Ops that commute with a clamp."""


def raise_clamps(graph: FloatGraph) -> FloatGraph:
    """Clamp of MaxPool (Reshape, Transpose) becomes MaxPool of Clamp: towards what takes it."""
    def rule(graph: FloatGraph, n: FloatNode) -> list[FloatNode] | None:
        move = n.op == "Clamp" and sole_maker(graph, n.inputs[0], ORDER_KEEPING)
        if not move or not sole_maker(graph, move.inputs[0], CLAMPABLE | ORDER_KEEPING):
            return None
        clamped = f"{move.inputs[0]}/{n.name}"
        return [n.but(inputs=move.inputs, output=clamped),
                move.but(inputs=(clamped,), output=n.output)]
    return rewrite(graph, rule)


def fuse_clamps(graph: FloatGraph) -> FloatGraph:
    """Clamp goes into the op (or the Clamp) whose only reader it is."""
    def rule(graph: FloatGraph, n: FloatNode) -> list[FloatNode] | None:
        maker = n.op == "Clamp" and sole_maker(graph, n.inputs[0], CLAMPABLE | {"Clamp"})
        if not maker:
            return None
        if maker.op == "Clamp":
            before = maker["low"], maker["high"]
        else:
            before = maker.attrs.get("clamp", NO_CLAMP)
        low, high = (float(np.clip(b, n["low"], n["high"])) for b in before)
        bounds = {"low": low, "high": high} if maker.op == "Clamp" else {"clamp": (low, high)}
        return [maker.but(output=n.output, **bounds)]
    return rewrite(graph, rule)
