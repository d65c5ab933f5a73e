"""QONNX, which Brevitas and others write: Quant rounds to a scale and back in one op."""

from __future__ import annotations

import numpy as np

from dsplet.quantize.float.foreign.linear import clip_between
from dsplet.quantize.float.foreign.rewriting import Foreign, Rewriting, rewrites

ROUNDINGS = {"ROUND": np.rint, "HALF_EVEN": np.rint, "CEIL": np.ceil, "FLOOR": np.floor,
             "ROUND_TO_ZERO": np.trunc, "DOWN": np.trunc}
"""Names of rounding modes, of weights; activations keep their ranges alone."""


@rewrites("Quant", "IntQuant")
def quant(w: Rewriting, node: Foreign) -> None:
    step, zero, bits = (np.float64(w.constant(node, i, what)) for i, what in
                        enumerate(("scale", "zero point", "bit width"), 1))
    low, high = _ends(float(bits.reshape(-1)[0]), node.attr("signed", 1), node.attr("narrow", 0))
    x = w.known(node.inputs[0])
    if x is not None:
        mode = node.attr("rounding_mode", "ROUND").upper()
        if mode not in ROUNDINGS:
            w.refuse(node, f"rounds by {mode}; {', '.join(ROUNDINGS)} are supported")
        q = np.clip(ROUNDINGS[mode](x / step + zero), low, high)
        w.give(node, ((q - zero) * step).astype(np.float32))
        return
    if step.size != 1 or zero.size != 1 or bits.size != 1:
        w.refuse(node, f"has {step.size} scales; an activation has one")
    scale, offset = float(step.reshape(())), float(zero.reshape(()))
    clip_between(w, node, node.reals[0], (low - offset) * scale, (high - offset) * scale,
                 node.outputs[0])


def _ends(bits: float, signed: int, narrow: int) -> tuple[float, float]:
    if signed:
        return -(2.0 ** (bits - 1)) + narrow, 2.0 ** (bits - 1) - 1
    return 0.0, 2.0**bits - 1 - narrow


@rewrites("BipolarQuant")
def bipolar(w: Rewriting, node: Foreign) -> None:
    """Weights of two values."""
    x, step = w.constant(node, 0, "input"), w.constant(node, 1, "scale")
    w.give(node, (np.where(x >= 0, 1.0, -1.0) * step).astype(np.float32))
