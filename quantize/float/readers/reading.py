"""What a reader sees of one ONNX node, and how it answers with float nodes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dsplet.quantize.float.graph import FloatNode, ModelError, passed_on, shape

TIMED = ("Step", "State", "Carry", "Stack")

READERS: dict[str, Callable[[Reading], None]] = {}
"""ONNX op type -> the function that reads it."""


def reads(*ops: str) -> Callable:
    """Register a reader for ONNX ops of the standard domain, of any opset from 8."""
    def register(f: Callable[[Reading], None]) -> Callable[[Reading], None]:
        READERS.update(dict.fromkeys(ops, f))
        return f
    return register


class Reading:
    """One ONNX node with its surroundings.

    constants: every value known beforehand. shapes: of one sample, for the values that are not.
    batches: the position of the batch axis where it is not the first; None where there is none.
    read_body(graph, loop): reads the body of a loop whose inputs are known by now as "loop/name".
    Readers ask for attributes and inputs, and `emit` float nodes; what they cannot
    read they `refuse`.
    """

    def __init__(self, node, opset: int, constants: dict[str, np.ndarray],
                 shapes: dict[str, tuple[int, ...]], nodes: list[FloatNode],
                 batches: dict[str, int | None], read_body: Callable) -> None:
        from onnx import helper
        self.op, self.name, self.opset = node.op_type, node.name, opset
        self.inputs, self.outputs = list(node.input), list(node.output)
        self._attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        self._constants, self._shapes, self._nodes = constants, shapes, nodes
        self._batches, self.read_body = batches, read_body

    def refuse(self, why: str) -> None:
        raise ModelError(f"{self.op} '{self.name}': {why}")

    # --- asking ---------------------------------------------------------------------------------
    def attr(self, name: str, default=None):
        value = self._attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def has(self, i: int) -> bool:
        return i < len(self.inputs) and self.inputs[i] != ""

    def is_const(self, i: int) -> bool:
        return self.has(i) and self.inputs[i] in self._constants

    def const(self, i: int, default=None, what: str = "") -> np.ndarray | None:
        """Input i, which must be known beforehand; `default` where it is absent."""
        if not self.has(i):
            return default
        if not self.is_const(i):
            self.refuse(f"its input '{self.inputs[i]}'{what and f' ({what})'} must be a constant "
                        "of the model, not something computed from the input")
        return self._constants[self.inputs[i]]

    def real(self, i: int, what: str = "") -> np.ndarray | None:
        """Constant input i in float64."""
        value = self.const(i, what=what)
        return None if value is None else value.astype(np.float64)

    def scalar(self, i: int, default: float | None = None, what: str = "") -> float | None:
        value = self.const(i, what=what)
        if value is None:
            return default
        if value.size != 1:
            self.refuse(f"{what} must be one number, not an array of shape {value.shape}")
        return float(value.reshape(()))

    def ints(self, name: str, i: int, default=None) -> list[int] | None:
        """A list of integers that older opsets have as an attribute, newer ones as input i."""
        if self.has(i):
            return [int(v) for v in self.const(i, what=name).reshape(-1)]
        value = self.attr(name)
        return default if value is None else list(value)

    def shape(self, i: int = 0) -> tuple[int, ...]:
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
        makers, value = {n.output: n for n in self._nodes}, self.inputs[i]
        while value in makers and (passed := _as_they_were(makers[value])):
            value = passed[0]
        maker = makers.get(value)
        if maker is None or maker.op == "ArgMax":
            return True
        return maker.op == "Constant" and bool((maker["value"] % 1 == 0).all())

    def known(self, value: str) -> tuple[int, ...] | None:
        """The shape of a value that has been read; None where there is none of that name."""
        return self._shapes.get(value)

    def put_batch(self, position: int, output: str | None = None) -> None:
        """The batch axis of the (first) output is at this position."""
        self._batches[output or self.outputs[0]] = position

    def sample_const(self, i: int, rank: int | None) -> np.ndarray:
        """Constant input i in float64 without a batch axis. rank: of what it meets, without
        batch."""
        value = self.real(i)
        rank = value.ndim - 1 if rank is None else rank
        batch = max((self.batch(j) for j in range(len(self.inputs)) if not self.is_const(j)),
                    default=0) - (rank + 1 - value.ndim)
        if 0 <= batch < value.ndim <= rank + 1 and value.shape[batch] == 1:
            value = value.take(0, batch)
        if value.ndim > max(rank, 0):
            self.refuse(f"the constant '{self.inputs[i]}' of shape {value.shape} has a batch "
                        f"axis or more axes than the value it meets")
        return value

    # --- answering --------------------------------------------------------------------------------
    def emit(self, op: str, *inputs: str, to: str | None = None, **attrs) -> str:
        """A float node; its output's name. to: the ONNX output that it gives."""
        output, name = to, self.name
        if output is None:
            given = next(o for o in self.outputs if o)
            stem, n = f"{given}/{op.lower()}", 1
            output = stem
            while output in self._shapes:
                n += 1
                output = f"{stem}_{n}"
            name = f"{self.name}/{output[len(given) + 1:]}"
        node = FloatNode(op, name, inputs, output, attrs)
        self._shapes[output] = tuple(int(n) for n in shape(node, [self._shapes[i] for i in inputs]))
        if 0 in self._shapes[output] or any(n < 0 for n in self._shapes[output]):
            self.refuse(f"gives an empty tensor of shape {self._shapes[output]}")
        self._nodes.append(node)
        if op in TIMED or op == "Constant":
            self._batches[output] = None if op == "Constant" else 0
        elif output not in self._batches:
            places = {p for i in inputs if (p := self._batches.get(i, 0)) is not None}
            if len(places) > 1:
                self.refuse("its operands have their batch axes at different places")
            self._batches[output] = places.pop() if places else 0
        return output

    def give(self, op: str, *inputs: str, **attrs) -> str:
        """The float node that gives the ONNX node's (first) output."""
        return self.emit(op, *inputs, to=self.outputs[0], **attrs)

    def value(self, i: int = 0, rank: int | None = None) -> str:
        """Input i as a value of the float graph: a Constant node where it is known beforehand."""
        if not self.is_const(i):
            return self.inputs[i]
        value = self.sample_const(i, rank)
        if rank is not None:
            value = value.reshape(*(1,) * (rank - value.ndim), *value.shape)
        return self.emit("Constant", value=value)


def _as_they_were(node: FloatNode) -> tuple[str, ...]:
    """The inputs whose numbers the output consists of, where these are integers."""
    if node.op == "Clamp" and all(np.isinf(b) or b % 1 == 0 for b in (node["low"], node["high"])):
        return node.inputs
    return passed_on(node)
