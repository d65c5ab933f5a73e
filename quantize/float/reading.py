"""What a reader sees of one ONNX node, and how it answers with float nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, overload

import numpy as np

from dsplet.quantize.float.node import FloatNode, ModelError, Shape

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

LARGEST = float(np.finfo(np.float32).max)
Reader = Callable[["Reading"], None]

READERS: dict[str, Reader] = {}
"""ONNX op type, "domain::type" outside the standard domain -> the function that reads it."""
STANDARD = ("", "ai.onnx")


def reads(*ops: str) -> Callable[[Reader], Reader]:
    """Register a reader for ONNX ops, by their names in `READERS`, of any opset from 8."""
    def register(f: Reader) -> Reader:
        READERS.update(dict.fromkeys(ops, f))
        return f
    return register


def op_of(node: NodeProto) -> str:
    """The op of an ONNX node, as `READERS` calls it."""
    return node.op_type if node.domain in STANDARD else f"{node.domain}::{node.op_type}"


class Reading:
    """One ONNX node with its surroundings.

    constants: every value known beforehand. shapes: of one sample, for the values that are not.
    batches: the position of the batch axis where it is not the first; None where there is none.
    reserved: the names of the file's values, which the node may not read yet, and must not give to
    values of its own.
    read_body(graph, loop): reads the body of a loop whose inputs are known by now as "loop/name".
    Readers ask for attributes and inputs, and `emit` float nodes; what they cannot
    read they `refuse`.
    """

    def __init__(self, node: NodeProto, opset: int, constants: dict[str, np.ndarray],
                 shapes: dict[str, Shape], nodes: list[FloatNode],
                 batches: dict[str, int | None], read_body: Callable[[GraphProto, str], None],
                 reserved: set[str]) -> None:
        from onnx import helper
        self.op, self.name, self.opset = op_of(node), node.name, opset
        self.inputs: list[str] = list(node.input)
        self.outputs: list[str] = list(node.output)
        self._attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        self._constants, self._shapes, self._nodes = constants, shapes, nodes
        self._batches, self.read_body, self._reserved = batches, read_body, reserved

    def refuse(self, why: str) -> NoReturn:
        raise ModelError(why, where=f"{self.op} '{self.name}'")

    # --- asking ---------------------------------------------------------------------------------
    def attr(self, name: str, default: Any = None) -> Any:
        value = self._attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def has(self, i: int) -> bool:
        return i < len(self.inputs) and self.inputs[i] != ""

    def is_const(self, i: int) -> bool:
        return self.has(i) and self.inputs[i] in self._constants

    def const(self, i: int, what: str = "") -> np.ndarray:
        """Input i, which must be known beforehand."""
        if not self.has(i):
            self.refuse(f"has no input {i}{what and f' ({what})'}")
        if not self.is_const(i):
            self.refuse(f"its input '{self.inputs[i]}'{what and f' ({what})'} must be a constant "
                        "of the model, not something computed from the input")
        return self._constants[self.inputs[i]]

    def real(self, i: int, what: str = "") -> np.ndarray:
        """Constant input i in float64, all finite."""
        value = self.const(i, what).astype(np.float64)
        if not (finite := np.isfinite(value)).all():
            self.refuse(f"its input '{self.inputs[i]}' {value.shape} contains "
                        f"{int((~finite).sum())} NaN or infinite value(s); the training has "
                        "diverged or the file is damaged")
        return value

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
            return [int(v) for v in self.const(i, what=name).reshape(-1)]
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
        return self._shapes[self.inputs[i]]

    @property
    def rank(self) -> int:
        """Rank of the first input, batch axis included."""
        return len(self.shape()) + 1

    def axis(self, axis: int, rank: int | None = None) -> int:
        """An ONNX axis as an axis of one sample."""
        rank = rank or self.rank
        if not -rank <= axis < rank:
            self.refuse(f"axis {axis} is outside a tensor of {rank} axes")
        batch = self.batch()
        if axis % rank == batch:
            self.refuse(f"works along axis {batch}, which is the batch; samples must stay "
                        "independent")
        return axis % rank - (axis % rank > batch)

    def batch(self, i: int = 0) -> int:
        """The position of input i's batch axis."""
        return self.batch_of(self.inputs[i])

    def full(self) -> list[int]:
        """The first input's shape with a batch of 1."""
        shape = list(self.shape())
        shape.insert(self.batch(), 1)
        return shape

    def batch_of(self, value: str) -> int:
        """The position of a value's batch axis."""
        return self._batches.get(value, 0) or 0

    def integer(self, i: int = 0) -> bool:
        """Whether input i holds integers: an ArgMax's, the network's own input, or such constants,
        moved about and clipped to integers."""
        makers = {n.output: n for n in self._nodes}

        def holds(value: str) -> bool:
            return value not in makers or makers[value].integer(holds)

        return holds(self.inputs[i])

    def truth(self, i: int = 0) -> bool:
        """Whether input i holds nothing but 0 and 1, as comparisons give it."""
        makers = {n.output: n for n in self._nodes}

        def holds(value: str) -> bool:
            n = makers.get(value)
            return n is not None and (all(map(holds, n.passed)) if n.passed else
                                      n.choices(value, self._shapes) == 2)

        return holds(self.inputs[i])

    def known(self, value: str) -> Shape | None:
        """The shape of a value that has been read; None where there is none of that name."""
        return self._shapes.get(value)

    def shape_of(self, value: str) -> Shape:
        """The shape of a value that has been read."""
        return self._shapes[value]

    def put_batch(self, position: int | None, output: str | None = None) -> None:
        """The batch axis of the (first) output is at this position; None: it has none."""
        self._batches[output or self.outputs[0]] = position

    def sample_const(self, i: int, rank: int | None) -> np.ndarray:
        """Constant input i in float64 without a batch axis, infinity as the largest float32. rank:
        of what it meets, without batch."""
        value = self.const(i).astype(np.float64)
        if np.isnan(value).any():
            self.real(i)  # refuses
        value = np.clip(value, -LARGEST, LARGEST)
        rank = value.ndim - 1 if rank is None else rank
        batch = max((self.batch(j) for j in range(len(self.inputs)) if not self.is_const(j)),
                    default=0) - (rank + 1 - value.ndim)
        if 0 <= batch < value.ndim <= rank + 1 and value.shape[batch] == 1:
            value = np.asarray(value.take(0, batch))
        if value.ndim > max(rank, 0):
            self.refuse(f"the constant '{self.inputs[i]}' of shape {value.shape} has a batch "
                        f"axis or more axes than the value it meets")
        return value

    def scope(self, name: str) -> str:
        """The name to put before "/" in the names of several values, with a number where the name
        of another value begins like that."""
        stem, n = name, 1
        while any(v.startswith(f"{name}/") for v in (*self._reserved, *self._shapes)):
            n += 1
            name = f"{stem}_{n}"
        return name

    # --- answering --------------------------------------------------------------------------------
    def emit(self, kind: type[FloatNode], *inputs: str, to: str | None = None, **attributes: Any
             ) -> str:
        """A float node; its output's name. to: the ONNX output that it gives."""
        output, name = to, self.name
        if output is None:
            given = next(o for o in self.outputs if o)
            stem, n = f"{given}/{kind.__name__.lower()}", 1
            output = stem
            while output in self._shapes or output in self._reserved:
                n += 1
                output = f"{stem}_{n}"
            name = f"{self.name}/{output[len(given) + 1:]}"
        node = kind(name, inputs, output, **attributes)
        shape = tuple(int(n) for n in node.output_shape([self._shapes[i] for i in inputs]))
        self._shapes[output] = shape
        if any(n <= 0 for n in shape):
            self.refuse(f"gives an empty tensor of shape {shape}")
        self._nodes.append(node)
        if kind.batch_first or not inputs:
            self._batches[output] = 0 if inputs else None
        elif output not in self._batches:
            places = {p for i in inputs if (p := self._batches.get(i, 0)) is not None}
            if len(places) > 1:
                self.refuse("its operands have their batch axes at different places")
            self._batches[output] = places.pop() if places else 0
        return output

    def give(self, kind: type[FloatNode], *inputs: str, **attributes: Any) -> str:
        """The float node that gives the ONNX node's (first) output."""
        return self.emit(kind, *inputs, to=self.outputs[0], **attributes)

    def value(self, i: int = 0, rank: int | None = None) -> str:
        """Input i as a value of the float graph: a Constant node where it is known beforehand."""
        if not self.is_const(i):
            return self.inputs[i]
        value = self.sample_const(i, rank)
        if rank is not None:
            value = value.reshape(*(1,) * (rank - value.ndim), *value.shape)
        return self.emit(FloatNode.registry["Constant"], value=value)
