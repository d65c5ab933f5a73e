"""Readers of ONNX ops, by kind: importing this package registers them all in `READERS`."""

from quantize.readers import activation, elementwise, linear, movement, pooling  # noqa: F401
from quantize.readers.reading import READERS, Reading  # noqa: F401
