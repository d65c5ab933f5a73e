"""What of an ONNX file cannot be read, and why: everything, not only the first of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dsplet.quantize.float.node import ModelError, Shape
from dsplet.quantize.float.reading import op_of

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

UNKNOWN = "no op of this name is read"


@dataclass(frozen=True)
class Refusal:
    """Why a node cannot be read. op, name: the node's. unknown: no reader knows its op. What is no
    node (an input, an output, the opset) has neither name nor op."""

    why: str
    op: str = ""
    name: str = ""
    unknown: bool = False

    def __str__(self) -> str:
        node = f"{self.op} '{self.name}'"
        return node if self.unknown else f"{node}: {self.why}" if self.op else self.why


@dataclass
class Findings:
    """What was met in the file at `path`. needs: how many nodes there are of each op, but for what
    is computed beforehand. unseen: the nodes of known ops behind refused ones, of whose inputs too
    little is known."""

    path: str | Path
    refusals: list[Refusal] = field(default_factory=list)
    needs: Counter[str] = field(default_factory=Counter)
    unseen: list[str] = field(default_factory=list)

    def refuse(self, proto: NodeProto, why: str, unknown: bool = False) -> None:
        """Note why a node is not read."""
        self.refusals.append(Refusal(why, op_of(proto), name_of(proto), unknown))

    def attribute(self, origins: Mapping[str, NodeProto]) -> None:
        """Let refusals name the file's own node where theirs is part of what that was written out
        to. origins: by a value that only the written-out model has, see `onnx_file.origins`."""
        self.refusals = [
            r if (of := origins.get(r.name)) is None else
            replace(r, op=op_of(of), name=name_of(of), why=r.why if r.unknown else
                    f"is computed by {r.op}, which {r.why}") for r in self.refusals]

    @contextmanager
    def noted(self) -> Iterator[None]:
        """A ModelError in here, of what is no node, is a refusal."""
        try:
            yield
        except ModelError as error:
            self.refusals.append(Refusal(str(error).removeprefix(f"{self.path}: ")))

    def error(self) -> ModelError:
        """All of it in one message, unknown ops first."""
        unknown = [str(r) for r in self.refusals if r.unknown]
        lines = [*unknown, *(str(r) for r in self.refusals if not r.unknown)]
        if unknown:
            lines.insert(0, f"{len(unknown)} node(s) are not supported:")
        return ModelError("\n  ".join(lines), where=str(self.path), remedy=(
            f"`dsplet ops` lists what is, `dsplet ops --check {self.path}` says it node by node")
            if unknown else "")


class Inferred:
    """What onnx's shape inference says of values, for what stands behind a refused node."""

    def __init__(self, model: ModelProto) -> None:
        self._model = model

    def sample(self, value: str) -> tuple[Shape, int] | None:
        """The shape of one sample and the position of the batch axis, where both are certain."""
        dims = self._dims.get(value, [])
        places = [i for i, d in enumerate(dims) if d in self._batches]
        places = places or [0] * (dims[:1] == [1] and 1 in self._batches)
        rest = tuple(d for i, d in enumerate(dims) if places and i != places[0])
        if len(places) != 1 or not all(isinstance(d, int) and d > 0 for d in rest):
            return None
        return tuple(int(d) for d in rest), places[0]

    @cached_property
    def _batches(self) -> set[str | int]:
        """How the first axis of an input is spelled."""
        return {self._dims[v.name][0] for v in self._model.graph.input
                if self._dims.get(v.name)} - {0}

    @cached_property
    def _dims(self) -> dict[str, list[str | int]]:
        import onnx
        try:
            graph = onnx.shape_inference.infer_shapes(self._model).graph
        except Exception:  # a model that lies; then nothing is certain
            graph = self._model.graph
        return {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
                for v in [*graph.input, *graph.value_info, *graph.output]}


def name_of(proto: NodeProto) -> str:
    """The node's name, else that of what it gives."""
    return proto.name or next((o for o in proto.output if o), proto.op_type)
