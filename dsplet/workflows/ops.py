"""What is read from ONNX, and the fixed-point ops it becomes; what of a file can be read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from dsplet.base.progress import SILENT, Watch
from dsplet.quantize.fixed import ops as _fixed_ops  # noqa: F401
from dsplet.quantize.fixed.graph import Node
from dsplet.quantize.float import from_onnx
from dsplet.quantize.float import ops as _float_ops  # noqa: F401
from dsplet.quantize.float.reading import READERS


@dataclass(frozen=True, kw_only=True)
class Request:
    """check: an .onnx file to look at; None: all that there is."""

    check: str | None = None


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


@dataclass(frozen=True, kw_only=True)
class Needed:
    """An op of a file: how many nodes of it there are, and how many are refused."""

    op: str
    nodes: int
    refused: int


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A node that cannot be read, and why; what is no node has an empty name and op."""

    node: str
    op: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What a file needs, and what is missing. Nodes whose values are known beforehand, and those
    that no output needs, do not count. not_looked_at: nodes behind refused ones, of whose inputs
    too little is known. passed: all can be read."""

    FIRST = ("passed", "refused")

    file: str
    opset: int
    needs: list[Needed]
    refused: list[Refused]
    not_looked_at: list[str]
    passed: bool


def run(request: Request, watch: Watch = SILENT) -> Report | Checked:
    """Everything there is, or what a file needs of it. Raises ModelError, FileError for a file that
    is no float network."""
    if request.check is not None:
        return _checked(request.check)
    return Report(
        fixed_point=[Op(op=name, meaning=(op.__doc__ or "").strip().splitlines()[0])
                     for name, op in sorted(Node.registry.items())],
        read_from_onnx=", ".join(sorted(READERS)))


def _checked(path: str) -> Checked:
    opset, findings = from_onnx.survey(path)
    refused = Counter(r.op for r in findings.refusals)
    return Checked(
        file=path, opset=opset,
        needs=[Needed(op=op, nodes=n, refused=refused[op])
               for op, n in sorted(findings.needs.items())],
        refused=[Refused(node=r.name, op=r.op, why=r.why) for r in findings.refusals],
        not_looked_at=findings.unseen, passed=not findings.refusals)
