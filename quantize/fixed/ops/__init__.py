"""Every op, one file each: importing this package registers them all in `Node.registry`."""

from dsplet.quantize.fixed.ops import (  # noqa: F401
    argmax,
    binary,
    compare,
    constant,
    conv,
    div,
    gather,
    gemm,
    gemm_sum,
    logsumexp,
    matmul,
    movement,
    patched_table,
    pool,
    requantize,
    scan,
    select,
    softmax,
    sum_pool,
    table,
)
