"""Networks that others have quantized, as the float networks that they stand for.

Weights become the real numbers that they are on their scale. Where an activation is quantized, its
range stays, as a Clip between the ends of the scale: what saturates does, what is rounded is not.
Readers, passes and the choice of formats see a float ONNX model.
"""

from dsplet.quantize.float.foreign import integers, linear, operators, qonnx  # noqa: F401
from dsplet.quantize.float.foreign.rewriting import dequantized, is_foreign

__all__ = ["dequantized", "is_foreign"]
