"""What is read from ONNX, and the fixed-point ops it becomes."""

from __future__ import annotations

from dataclasses import dataclass

from dsplet.base.progress import SILENT, Watch
from dsplet.quantize.fixed import ops as _fixed_ops  # noqa: F401
from dsplet.quantize.fixed.graph import Node
from dsplet.quantize.float import ops as _float_ops  # noqa: F401
from dsplet.quantize.float.reading import READERS


@dataclass(frozen=True, kw_only=True)
class Request:
    """There is nothing to choose."""


@dataclass(frozen=True, kw_only=True)
class Op:
    """A fixed-point op."""

    op: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """read_from_onnx: operators, joined by commas."""

    fixed_point: list[Op]
    read_from_onnx: str


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Everything there is."""
    return Report(
        fixed_point=[Op(op=name, meaning=(op.__doc__ or "").strip().splitlines()[0])
                     for name, op in sorted(Node.registry.items())],
        read_from_onnx=", ".join(sorted(READERS)))
