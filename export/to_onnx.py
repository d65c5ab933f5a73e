"""PyTorch to float ONNX: checked against PyTorch, and the same bytes every time.

What leaves here has one input `x` (N, ...), one output `y` (N, ...), or those that the module's
`outputs` names, nodes named after the modules they came from ("h1/Conv"), and no trace of the
machine that wrote it.
"""

import hashlib
import json
import logging
import warnings
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from dsplet.base.errors import UserError, door
from dsplet.base.files import check_readable, check_target, write_atomically
from dsplet.data import answers
from dsplet.data.resample import Scaling
from dsplet.export.factory import users_code
from dsplet.export.onnx_names import rename
from dsplet.export.weights import dense, fitted

OPSET = 18
TOLERANCE = 1e-4  # largest difference from PyTorch, relative to the largest output
CHECKED_SAMPLES = 256


class ExportError(UserError):
    """The module cannot be exported, or what came out is not what went in."""


@dataclass(frozen=True)
class Exported:
    """What was written, and how closely ONNX Runtime agrees with PyTorch on `samples` inputs.

    relative_difference is max |difference| over max |output|. Without `dynamic_batch` the module
    could only be traced for one input at a time, and N is 1.
    """

    path: Path
    sha256: str
    samples: int
    max_abs_difference: float
    relative_difference: float
    dynamic_batch: bool


def metadata(
    *,
    model: str,
    input_scale: float,
    input_offset: float,
    classes: Sequence[str],
    data: str = "",
    checkpoint_sha256: str = "",
    data_sha256: str = "",
    tolerance: float | None = None,
    step: str | None = None,
) -> dict[str, str]:
    """The model's metadata: x = pixel * input_scale + input_offset for pixels in 0..255.

    tolerance: of a network that answers in numbers, how near is right. step: of one that reads a
    sequence, how long an element takes to come, such as "20ms".
    """
    return {
        "dsplet.model": model,
        "dsplet.data": data,
        **Scaling((float(input_scale),), (float(input_offset),)).facts,
        "dsplet.classes": json.dumps(list(classes)),
        "dsplet.checkpoint_sha256": checkpoint_sha256,
        "dsplet.data_sha256": data_sha256,
        "dsplet.version": version("dsplet"),
    } | ({} if tolerance is None else {answers.TOLERANCE: repr(float(tolerance))}
    ) | ({} if step is None else {answers.STEP: step})


def export(
    module: nn.Module,
    input_shape: tuple[int, ...],
    path: Path,
    metadata: dict[str, str],
    samples: np.ndarray | None = None,
) -> Exported:
    """Write `module`, in evaluation mode, to `path` atomically.

    input_shape: of one input, without the batch axis: (C, H, W)
    samples:     float32 (N, *input_shape) to check with; normally distributed ones when None

    Raises ExportError, naming the tensor, when a weight is not finite; WeightsError when one is
    sparse, complex or quantized already; ExportError when the module refuses
    the input, has no ONNX form, or differs from it by more than TOLERANCE. FileError where nothing
    can be written.
    """
    check_target(path)
    refuse_nonfinite(module)
    if samples is None or len(samples) == 0:
        samples = np.random.default_rng(0).standard_normal((16, *input_shape))
    samples = np.ascontiguousarray(samples[:CHECKED_SAMPLES], dtype=np.float32)
    if samples.shape[1:] != tuple(input_shape):
        raise ExportError(f"samples are {samples.shape[1:]}, the input {tuple(input_shape)}")

    module = module.eval()
    expected = _run(module, samples)
    model, dynamic_batch = _trace(module, samples)
    rename(model, set(module.state_dict()))
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString(deterministic=True)

    found = _run_onnx(content, samples, dynamic_batch)
    differences = [_difference(f, e) for f, e in zip(found, expected, strict=True)]
    difference, relative = max(d for d, _ in differences), max(r for _, r in differences)
    if not relative <= TOLERANCE:
        raise ExportError(
            f"ONNX Runtime and PyTorch differ by {difference:.3g}, {relative:.3g} of the largest "
            f"output, on {len(samples)} samples", expected=f"at most {TOLERANCE:g}")
    write_atomically(path, content)
    return Exported(
        Path(path),
        hashlib.sha256(content).hexdigest(),
        len(samples),
        difference,
        relative,
        dynamic_batch,
    )


def load_weights(module: nn.Module, path: Path) -> None:
    """Fill `module` from a safetensors file that has exactly its tensors, in any width of float.

    Raises ExportError, WeightsError, FileError.
    """
    check_readable(path)
    with door(path, SafetensorError, OSError, what="not a safetensors file", kind=ExportError,
              remedy="pickled weights are never opened; write them with "
              "safetensors.torch.save_file(module.state_dict(), path)"):
        stored = load_file(path)
    with door(path):
        module.load_state_dict(fitted(stored, module.state_dict()))


def refuse_nonfinite(module: nn.Module) -> None:
    """Raise an error naming the first tensor of `module` that holds NaN or infinity (ExportError),
    or is none that can be exported (WeightsError)."""
    dense(module.state_dict())
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point() and not (finite := torch.isfinite(tensor)).all():
            raise ExportError(f"has {int((~finite).sum())} of {tensor.numel()} values that are NaN "
                              "or infinite; the training diverged or the file is damaged",
                              where=f"tensor '{name}'")


def _difference(found: np.ndarray, expected: np.ndarray) -> tuple[float, float]:
    """The largest, and as a part of the largest number expected."""
    if found.shape != expected.shape:
        raise ExportError(f"ONNX Runtime gives {found.shape}, PyTorch {expected.shape}")
    difference, tiny = float(np.abs(found - expected).max()), float(np.finfo(np.float32).tiny)
    return difference, difference / max(float(np.abs(expected).max()), tiny)


def _names(module: nn.Module) -> list[str]:
    return list(getattr(module, "outputs", ("y",)))


def _run(module: nn.Module, x: np.ndarray) -> list[np.ndarray]:
    with (users_code("", f"the module refuses an input of {x.shape}", ExportError),
          torch.inference_mode()):
        y = module(torch.from_numpy(x))
    given = list(y) if isinstance(y, tuple) and len(_names(module)) > 1 else [y]
    if len(given) != len(_names(module)) or not all(isinstance(v, torch.Tensor) for v in given):
        raise ExportError(f"the module returns a {type(y).__name__}", expected="one tensor" if
                          len(_names(module)) == 1 else f"tensors {', '.join(_names(module))}")
    return [v.numpy() for v in given]


def _trace(module: nn.Module, samples: np.ndarray) -> tuple[onnx.ModelProto, bool]:
    """The exporter's model, and whether its batch axis is free; if not, it takes one input."""
    failure = None
    for batch, shapes in ((2, ({0: torch.export.Dim("N", min=1)},)), (1, None)):
        x = torch.from_numpy(np.resize(samples, (batch, *samples.shape[1:])))
        try:
            with _silence(), torch.no_grad():  # a Scan of integers has no gradient
                program = torch.onnx.export(
                    module,
                    (x,),
                    dynamo=True,
                    opset_version=OPSET,
                    input_names=["x"],
                    output_names=_names(module),
                    dynamic_shapes=shapes,
                    custom_translation_table=_recurrent(),
                    external_data=False,
                    verbose=False,
                )
        except Exception as error:  # the exporter wraps whatever went wrong inside it
            failure = error.__cause__ or error
            continue
        assert program is not None, "with dynamo=True it gives a program"
        model = program.model_proto
        free = bool(model.graph.input[0].type.tensor_type.shape.dim[0].dim_param)
        if free or batch == 1:
            return model, free
    raise ExportError(f"the module has no ONNX form: {failure}") from failure


def _recurrent() -> dict:
    """torch.nn.RNN as ONNX's RNN, which torch.onnx would unroll; LSTM and GRU it translates itself.
    """
    from onnxscript import opset18
    op: Any = opset18  # its types are those of one opset each, and narrower than what it takes

    def translation(activation: str):
        def rnn(x, hx, params, has_biases: bool, num_layers: int, dropout: float, train: bool,
                bidirectional: bool, batch_first: bool):
            directions, per = (2 if bidirectional else 1), (4 if has_biases else 2)
            x = op.Transpose(x, perm=[1, 0, 2]) if batch_first else x
            last = []
            for layer in range(num_layers):
                own = [params[(layer * directions + d) * per:][:per] for d in range(directions)]
                first = op.Constant(value_ints=[0])
                w, r = (op.Concat(*(op.Unsqueeze(p[i], first) for p in own), axis=0)
                        for i in (0, 1))
                b = op.Concat(*(op.Unsqueeze(op.Concat(*p[2:], axis=0), first) for p in own),
                              axis=0) if has_biases else None
                begin, end = (op.Constant(value_ints=[(layer + i) * directions]) for i in (0, 1))
                y, h = op.RNN(x, w, r, b, None, op.Slice(hx, begin, end, first),
                              activations=[activation] * directions, hidden_size=hx.shape[2],
                              direction="bidirectional" if bidirectional else "forward")
                y = op.Transpose(y, perm=[0, 2, 1, 3])
                x = op.Reshape(y, op.Constant(value_ints=[0, 0, directions * hx.shape[2]]))
                last.append(h)
            y = op.Transpose(x, perm=[1, 0, 2]) if batch_first else x
            return y, op.Concat(*last, axis=0)
        return rnn

    return {torch.ops.aten.rnn_tanh.input: translation("Tanh"),
            torch.ops.aten.rnn_relu.input: translation("Relu")}


@contextmanager
def _silence():
    """Keep the exporter's log and warnings from the user: the result is checked anyway."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _run_onnx(content: bytes, x: np.ndarray, dynamic_batch: bool) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    batches = [x] if dynamic_batch else [x[i : i + 1] for i in range(len(x))]
    found = [session.run(None, {"x": batch}) for batch in batches]
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]
