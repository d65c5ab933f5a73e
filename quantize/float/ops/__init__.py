"""Every float op, one file each: importing this package registers them all in
`FloatNode.registry`, and the readers of ONNX in `READERS`."""

from dsplet.quantize.float.ops import (  # noqa: F401
    argmax,
    binary,
    clamp,
    concat,
    constant,
    conv,
    expand,
    function,
    gather,
    gemm,
    gemm_sum,
    linear,
    logsumexp,
    loop,
    matmul,
    pad,
    pool,
    product,
    recurrent,
    reshape,
    scan,
    slice,
    softmax,
    transpose,
)
