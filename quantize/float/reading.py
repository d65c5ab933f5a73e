"""What a reader sees of one ONNX node, and how it answers with float nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn, overload

import numpy as np

from dsplet.base.names import unique
from dsplet.quantize.float.batch import Batch, batch_words
from dsplet.quantize.float.broadcast import copied
from dsplet.quantize.float.element_types import INTEGERS
from dsplet.quantize.float.known import Known
from dsplet.quantize.float.node import FloatNode, ModelError, Shape
from dsplet.quantize.float.signature import STANDARD

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

LARGEST = float(np.finfo(np.float32).max)
Reader = Callable[["Reading"], None]

READERS: dict[str, Reader] = {}
"""ONNX op type, "domain::type" outside the standard domain -> the function that reads it."""
ANYWHERE: set[str] = set()
"""The ops whose readers take values wherever their batch lies, see `reads`."""


def reads(*ops: str, anywhere: bool = False) -> Callable[[Reader], Reader]:
    """Register a reader for ONNX ops, by their names in `READERS`, of any opset from 8.

    anywhere: it takes values whose batch shares its axis with others, and such as have none; the
    others are given values whose batch is an axis of its own.
    """
    def register(f: Reader) -> Reader:
        READERS.update(dict.fromkeys(ops, f))
        if anywhere:
            ANYWHERE.update(ops)
        return f
    return register


def op_of(node: NodeProto) -> str:
    """The op of an ONNX node, as `READERS` calls it."""
    return node.op_type if node.domain in STANDARD else f"{node.domain}::{node.op_type}"


class Reading:
    """One ONNX node with its surroundings.

    read_body(graph, loop): reads the body of a loop whose inputs are known by now as "loop/name".
    Readers ask for attributes and inputs, and `emit` float nodes; what they cannot
    read they `refuse`.
    """

    def __init__(self, node: NodeProto, opset: int, known: Known,
                 read_body: Callable[[GraphProto, str], object]) -> None:
        from onnx import helper
        self.op, self.name, self.opset = op_of(node), node.name, opset
        self.inputs: list[str] = list(node.input)
        self.outputs: list[str] = list(node.output)
        self._attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        self._known, self.read_body = known, read_body

    def refuse(self, why: str) -> NoReturn:
        raise ModelError(why, where=f"{self.op} '{self.name}'")

    # --- asking ---------------------------------------------------------------------------------
    def attr(self, name: str, default: Any = None) -> Any:
        value = self._attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def only(self, *names: str) -> None:
        """Refuse attributes other than these."""
        if others := sorted(self._attributes.keys() - {*names}):
            self.refuse(f"its attributes {', '.join(others)} are not supported")

    def has(self, i: int) -> bool:
        return i < len(self.inputs) and self.inputs[i] != ""

    def is_const(self, i: int) -> bool:
        return self.has(i) and self.inputs[i] in self._known.constants

    def const(self, i: int, what: str = "") -> np.ndarray:
        """Input i, which must be known beforehand."""
        if not self.has(i):
            self.refuse(f"has no input {i}{what and f' ({what})'}")
        if not self.is_const(i):
            self.refuse(f"its input '{self.inputs[i]}'{what and f' ({what})'} must be a constant "
                        "of the model, not something computed from the input")
        value = self._known.constants[self.inputs[i]]
        if not all(copied(value, v) for v in self._known.sized.get(self.inputs[i], {}).values()):
            self.refuse(f"its input '{self.inputs[i]}'{what and f' ({what})'} depends on the size "
                        "of the batch; samples must stay independent")
        return value

    def real(self, i: int, what: str = "") -> np.ndarray:
        """Constant input i in float64, all finite."""
        value = self.const(i, what).astype(np.float64)
        if not (finite := np.isfinite(value)).all():
            self.refuse(f"its input '{self.inputs[i]}' {value.shape} contains "
                        f"{int((~finite).sum())} NaN or infinite value(s); the training has "
                        "diverged or the file is damaged")
        return value

    def at(self, i: int, count: int) -> list[int]:
        """The integers of input i for a batch of so many samples."""
        if not self.is_const(i):
            self.const(i)
        return self._integers(i, self._known.at(self.inputs[i], count))

    def _integers(self, i: int, value: np.ndarray) -> list[int]:
        if value.dtype.kind not in "iu":
            self.refuse(f"its input '{self.inputs[i]}' holds {value.dtype} numbers; expected "
                        "integers")
        return [int(v) for v in value.reshape(-1)]

    def scalar(self, i: int, default: float | None = None, what: str = "") -> float:
        """Constant input i, one number; `default` where it is absent and a default is given."""
        if default is not None and not self.has(i):
            return default
        value = self.const(i, what)
        if value.size != 1:
            self.refuse(f"{what} must be one number, not an array of shape {value.shape}")
        if np.isnan(value).any():
            self.refuse(f"{what} is NaN")
        return float(value.reshape(()))

    @overload
    def ints(self, name: str, i: int) -> list[int] | None: ...
    @overload
    def ints(self, name: str, i: int, default: list[int]) -> list[int]: ...
    def ints(self, name: str, i: int, default: list[int] | None = None) -> list[int] | None:
        """A list of integers that older opsets have as an attribute, newer ones as input i."""
        if self.has(i):
            return self._integers(i, self.const(i, what=name))
        value = self.attr(name)
        return default if value is None else list(value)

    def needed(self, name: str, i: int) -> list[int]:
        """`ints` that the node must have."""
        found = self.ints(name, i)
        if found is None:
            self.refuse(f"has no {name}")
        return found

    def shape(self, i: int = 0) -> Shape:
        """Shape of input i without the batch axis."""
        if self.is_const(i):
            return self.sample_const(i, None).shape
        return self._known.shapes[self.inputs[i]]

    @property
    def rank(self) -> int:
        """Rank of the first input, batch axis included."""
        return self.rank_of(0)

    def rank_of(self, i: int) -> int:
        """Rank of input i, batch axis included."""
        if self.is_const(i):
            return self._known.constants[self.inputs[i]].ndim
        return self.rank_of_value(self.inputs[i])

    def rank_of_value(self, value: str) -> int:
        """Rank of a value that has been read, batch axis included."""
        return len(self.full_of(value))

    def full_of(self, value: str) -> list[int]:
        """The shape of a value that has been read, with a batch of one."""
        return self._known.full(value, 1)

    def axis(self, axis: int, *, i: int = 0) -> int:
        """An axis of input i as an axis of one sample."""
        rank, batch = self.rank_of(i), self.layout(i)
        if not -rank <= axis < rank:
            self.refuse(f"axis {axis} is outside a tensor of {rank} axes")
        if batch and axis % rank == batch.axis:
            self.refuse(f"works along axis {batch.axis}, which is the batch; samples must stay "
                        "independent")
        return axis % rank - bool(batch and not batch.merged and axis % rank > batch.axis)

    def layout(self, i: int = 0) -> Batch | None:
        """Where input i has its batch; None where it has none."""
        return self._known.layout(self.inputs[i])

    def layout_of(self, value: str) -> Batch | None:
        """Where a value has its batch; None where it has none."""
        return self._known.layout(value)

    def batch(self, i: int = 0) -> int:
        """The position of input i's batch axis."""
        return self.batch_of(self.inputs[i])

    def batch_of(self, value: str) -> int:
        """The position of a value's batch axis."""
        batch = self._known.layout(value)
        return batch.axis if batch else 0

    @property
    def counts(self) -> tuple[int, ...]:
        """The sizes of the batch to compute shapes for: several where it is free, else the file's.
        """
        return self._known.counts

    def full(self, count: int | None = None) -> list[int]:
        """The first input's shape with a batch of so many, or of the first of `counts`."""
        return self._known.full(self.inputs[0], count or self.counts[0])

    def element_type(self, i: int = 0) -> int:
        """ONNX's code of the element type of input i."""
        return self._known.element_type(self.inputs[i])

    def put_type(self, value: str, like: str) -> None:
        """A value has the element type of another."""
        self._known.types[value] = self._known.element_type(like)

    def in_integers(self) -> bool:
        """Whether it computes with integers, which have no fractions."""
        return self.element_type() in INTEGERS

    def integer(self, i: int = 0, given: bool = False) -> bool:
        """See `Known.integer`."""
        return self._known.integer(self.inputs[i], given)

    def places(self, i: int = 0) -> int:
        """See `Known.places`."""
        return self._known.places(self.inputs[i])

    def from_zero(self, i: int = 0) -> bool:
        """See `Known.from_zero`."""
        return self._known.from_zero(self.inputs[i])

    def truth(self, i: int = 0) -> bool:
        """Whether input i holds nothing but 0 and 1, as comparisons give it."""
        return self.places(i) == 2

    def known(self, value: str) -> Shape | None:
        """The shape of a value that has been read; None where there is none of that name."""
        return self._known.shapes.get(value)

    def shape_of(self, value: str) -> Shape:
        """The shape of a value that has been read."""
        return self._known.shapes[value]

    def put_batch(self, position: int | Batch | None, output: str | None = None) -> None:
        """The batch of the (first) output lies here; an integer: it is that axis; None: it has
        none."""
        self._known.batches[output or self.outputs[0]] = Batch(position) if isinstance(
            position, int) else position

    def meeting(self) -> tuple[int, Batch | None]:
        """How many axes it has to what its inputs broadcast, and where its batch lies."""
        given = [i for i in range(len(self.inputs)) if self.has(i)]
        rank = max(map(self.rank_of, given))
        places = {replace(b, axis=b.axis + rank - self.rank_of(i)) for i in given
                  if not self.is_const(i) and (b := self.layout(i))}
        if len(places) > 1:
            self.refuse("its operands have their batch axes at different places")
        return rank, places.pop() if places else None

    def common_rank(self) -> int:
        """How many axes a sample has of that to which the inputs broadcast."""
        axes, batch = self.meeting()
        return axes - bool(batch and not batch.merged)

    def sample_const(self, i: int, rank: int | None) -> np.ndarray:
        """Constant input i in float64 without a batch axis, infinity as the largest float32. rank:
        of what it meets, without batch, which the constant's may not exceed; None: any."""
        if np.isnan(value := self.const(i).astype(np.float64)).any():
            self.real(i)  # refuses
        axes, batch = self.meeting()
        if batch and (axis := batch.axis - (axes - value.ndim)) >= 0:
            value = self.alike(i, axis)
            value = np.expand_dims(value, axis) if batch.merged else value
        if rank is not None and value.ndim > max(rank, 0):
            self.refuse(f"the constant '{self.inputs[i]}' of shape {value.shape} has a batch "
                        f"axis or more axes than the value it meets")
        return np.asarray(np.clip(value, -LARGEST, LARGEST))

    def alike(self, i: int, axis: int) -> np.ndarray:
        """Constant input i for one sample, the batch being this axis of it."""
        value = self.const(i).astype(np.float64)
        one = value.take([0], axis)
        if value.shape[axis] not in (1, self.counts[0]) or not np.array_equal(
                np.broadcast_to(one, value.shape), value):
            self.refuse(f"the constant '{self.inputs[i]}' of shape {value.shape} has a batch axis "
                        "or more axes than the value it meets")
        return np.asarray(one.take(0, axis))

    def scope(self, name: str) -> str:
        """See `Known.scope`."""
        return self._known.scope(name)

    # --- answering --------------------------------------------------------------------------------
    def emit(self, kind: type[FloatNode], *inputs: str, to: str | None = None, **attributes: Any
             ) -> str:
        """A float node; its output's name. to: the ONNX output that it gives."""
        output, name = to, self.name
        if output is None:
            given = next(o for o in self.outputs if o)
            output = unique(f"{given}/{kind.__name__.lower()}", self._known.reserved)
            name = f"{self.name}/{output[len(given) + 1:]}"
        node = kind(name, inputs, output, **attributes)
        shape = tuple(int(n) for n in node.output_shape([self.shape_of(i) for i in inputs]))
        self._known.shapes[output] = shape
        self._known.reserved.add(output)
        if any(n <= 0 for n in shape):
            self.refuse(f"gives an empty tensor of shape {shape}")
        self._known.nodes.append(node)
        batches = self._known.batches
        if kind.batch_first or not inputs:
            batches[output] = Batch() if inputs else None
        elif output not in batches:
            places = {b for i in inputs if (b := self.layout_of(i)) is not None}
            if len(places) > 1:
                self.refuse("its operands have their batch axes at different places")
            batches[output] = places.pop() if places else None
        return output

    def give(self, kind: type[FloatNode], *inputs: str, **attributes: Any) -> str:
        """The float node that gives the ONNX node's (first) output."""
        return self.emit(kind, *inputs, to=self.outputs[0], **attributes)

    def value(self, i: int = 0, rank: int | None = None) -> str:
        """Input i as a value of the float graph: a Constant node where it is known beforehand.
        rank: that of the samples it broadcasts to, with as many axes as which it is given."""
        if self.is_const(i):
            value = self.sample_const(i, rank)
            if rank is not None:
                value = value.reshape((*(1,) * (rank - value.ndim), *value.shape))
            return self.emit(FloatNode.registry["Constant"], value=value)
        if rank is None:
            return self.inputs[i]
        axes, batch = self.meeting()
        full = self._known.full(self.inputs[i], 1)
        full = [1] * (axes - len(full)) + full
        if batch and self.layout(i) is None and full[batch.axis] > 1:
            self.refuse(f"its operand '{self.inputs[i]}' of shape {self.shape(i)} has more than "
                        "one element along the batch")
        if batch and not batch.merged:
            del full[batch.axis]
        return self.reshaped(self.inputs[i], tuple(full), batch)

    def reshaped(self, value: str, shape: Shape, batch: Batch | None) -> str:
        """A value under another shape of one sample, its batch elsewhere."""
        if self.shape_of(value) == shape and self.layout_of(value) == batch:
            return value
        y = self.emit(FloatNode.registry["Reshape"], value, shape=shape)
        self._known.batches[y] = batch
        return y

    def need_samples(self) -> None:
        """Refuse inputs whose batch is not their first axis; give such as have none one."""
        for i, value in enumerate(self.inputs):
            if value and not self.is_const(i):
                self.inputs[i] = self.with_batch_at(0, i)

    def held(self, value: str) -> np.ndarray | None:
        """The numbers of a value that a Constant node gives."""
        return next((n.holds for n in self._known.nodes if n.output == value and not n.inputs),
                    None)

    def rename(self, value: str, output: str) -> None:
        """Let the node that gave a value last give it as this output."""
        *before, last = self._known.nodes
        assert last.output == value
        self._known.nodes[:] = [*before, replace(last, name=self.name, output=output)]
        self._known.shapes[output] = self._known.shapes.pop(value)
        self._known.batches.setdefault(output, self._known.batches.pop(value))

    def with_batch_at(self, axis: int, i: int = 0) -> str:
        """Input i as a value whose batch is `axis` of its tensor."""
        value, batch = self.inputs[i], self.layout(i)
        if batch == Batch(axis):
            return value
        movable = batch is None or not batch.merged and self.counts == (1,) and (
            value not in self._known.inputs)
        full = self._known.full(value, 1)
        if movable and axis < len(full) and full[axis] == 1:
            return self.reshaped(value, (*full[:axis], *full[axis + 1:]), Batch(axis))
        self.refuse(f"its input '{value}' has {batch_words(batch)}; expected axis {axis} of "
                    f"{self.rank_of(i)} to be the batch")
