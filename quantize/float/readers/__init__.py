"""Readers of ONNX ops, by kind: importing this package registers them all in `READERS`."""

from dsplet.quantize.float.readers import (  # noqa: F401
    activation,
    choosing,
    elementwise,
    linear,
    movement,
    pooling,
    recurrent,
)
from dsplet.quantize.float.readers.reading import READERS, Reading  # noqa: F401
