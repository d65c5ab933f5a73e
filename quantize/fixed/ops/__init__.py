"""Every op, one file each: importing this package registers them all in `Node.registry`."""

from dsplet.quantize.fixed.ops import (  # noqa: F401
    argmax,
    binary,
    constant,
    conv,
    gather,
    gemm,
    gemm_sum,
    logsumexp,
    matmul,
    movement,
    pool,
    requantize,
    resize,
    scan,
    softmax,
    table,
)
