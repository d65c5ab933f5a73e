"""A quantized ONNX model on its way to one of floats, node by node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from dsplet.base.errors import door
from dsplet.base.names import unique
from dsplet.quantize.float.element_types import FLOAT
from dsplet.quantize.float.folding import computable, computed
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.float.onnx_file import needed, opset_of
from dsplet.quantize.float.refusals import name_of
from dsplet.quantize.float.signature import STANDARD, array_of
from dsplet.quantize.float.writing import casts

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from dsplet.quantize.float.foreign.scale import Scale

Rewrite = Callable[["Rewriting", "Foreign"], None]

REWRITES: dict[str, Rewrite] = {}
"""Op of the domains below -> what writes it in floats."""
MOVES: dict[str, Rewrite] = {}
"""Op that integers on a scale may pass through -> what writes it where they do."""
DOMAINS = (*STANDARD, "com.microsoft")
QONNX = ("qonnx", "finn", "onnx.brevitas")
"""How the domains begin in which QONNX's ops were defined."""


def rewrites(*ops: str, to: dict[str, Rewrite] = REWRITES) -> Callable[[Rewrite], Rewrite]:
    """Register a rewrite for ops."""
    def register(f: Rewrite) -> Rewrite:
        to.update(dict.fromkeys(ops, f))
        return f
    return register


def is_foreign(model: ModelProto) -> bool:
    """Whether somebody else has quantized the model."""
    return any(_rewrite(n) for n in model.graph.node)


def dequantized(model: ModelProto) -> ModelProto:
    """The float model that a quantized one stands for; a float one as it is.

    Its values have the names of the quantized model's, where they are the same reals. Raises
    ModelError for what reads integers of a scale and is none of MOVES.
    """
    return Rewriting(model).run() if is_foreign(model) else model


def _rewrite(node: NodeProto) -> Rewrite | None:
    if node.domain in DOMAINS or node.domain.startswith(QONNX):
        return REWRITES.get(node.op_type)
    return None


def place_of(node: NodeProto) -> str:
    """A node, as messages name it."""
    return f"{node.op_type} '{name_of(node)}'"


@dataclass(frozen=True)
class Foreign:
    """A node to rewrite. inputs, outputs: by their names in the quantized model. reals: what it
    reads by its name in the float model."""

    proto: NodeProto
    reals: list[str]

    @property
    def inputs(self) -> list[str]:
        return list(self.proto.input)

    @property
    def outputs(self) -> list[str]:
        return list(self.proto.output)

    @property
    def name(self) -> str:
        return name_of(self.proto)

    def has(self, i: int) -> bool:
        return i < len(self.inputs) and self.inputs[i] != ""

    def attr(self, name: str, default: Any = None) -> Any:
        from onnx import helper
        found = next((a for a in self.proto.attribute if a.name == name), None)
        value = default if found is None else helper.get_attribute_value(found)
        return value.decode() if isinstance(value, bytes) else value


class Rewriting:
    """constants: what is known beforehand. scales: of the values of the quantized model that are
    integers on one; what stands for them are reals. owed, paying: see `foreign.integers`."""

    def __init__(self, model: ModelProto) -> None:
        self.model, self.graph = model, model.graph
        self.opset = opset_of(model)
        self.constants = {t.name: array_of(t) for t in self.graph.initializer}
        self.scales: dict[str, Scale] = {}
        self.owed: dict[str, str] = {}
        self.paying: dict[str, str] = {}
        self._makers = {o: n for n in self.graph.node for o in n.output if o}
        self._names = set(self._makers) | set(self.constants) | {v.name for v in self.graph.input}
        self._aliases: dict[str, str] = {}
        self._nodes: list[NodeProto] = []
        self._added: dict[str, np.ndarray] = {}

    def run(self) -> ModelProto:
        """The float model."""
        from onnx import ModelProto, numpy_helper
        for proto in needed(self.graph):
            node = Foreign(proto, [self._aliases.get(i, i) for i in proto.input])
            if rewrite := _rewrite(proto) or self._across(node):
                with door(place_of(proto), Exception, what="cannot be read", kind=ModelError):
                    rewrite(self, node)
            else:
                self.copy(node, node.outputs)
        for o in self.graph.output:
            if self.on_scale(o.name):
                raise ModelError(f"the output '{o.name}' is integers on a scale",
                                 remedy="let the file end with a DequantizeLinear")
        made = ModelProto()
        made.CopyFrom(self.model)
        del made.graph.node[:], made.graph.value_info[:]
        made.graph.node.extend(self._nodes)
        made.graph.initializer.extend(numpy_helper.from_array(a, k)
                                      for k, a in self._added.items())
        return made

    def _across(self, node: Foreign) -> Rewrite | None:
        """What writes a float op that reads integers on a scale; None where it reads none."""
        if not self.on_scale(*node.inputs):
            return None
        if node.proto.op_type not in MOVES or node.proto.domain not in DOMAINS:
            self.refuse_integers(node)
        return MOVES[node.proto.op_type]

    def on_scale(self, *values: str) -> bool:
        """Whether some of the values are integers on a scale, owe one, or contain one."""
        return any(v in known for v in values for known in (self.scales, self.owed, self.paying))

    def refuse_integers(self, node: Foreign) -> NoReturn:
        """Raises ModelError for what only reals may go into."""
        read = next(i for i in node.inputs if self.on_scale(i))
        self.refuse(node, f"reads the integers of '{read}', which are on a scale")

    def refuse(self, node: Foreign, why: str) -> NoReturn:
        """Raises ModelError."""
        raise ModelError(why, where=place_of(node.proto))

    def known(self, name: str) -> np.ndarray | None:
        """A value that is known beforehand, or can be computed; None for any other."""
        if name in self.constants or name not in self._makers:
            return self.constants.get(name)
        proto = self._makers[name]
        if not computable(proto) or _rewrite(proto) or not all(
                self.known(i) is not None for i in proto.input if i):
            return None
        with door(place_of(proto), Exception, what="cannot be computed from its constants",
                  kind=ModelError):
            self.constants |= computed(proto, self.opset, {i: self.constants[i]
                                                           for i in proto.input if i})
        return self.constants[name]

    def constant(self, node: Foreign, i: int, what: str) -> np.ndarray:
        """Input i of the node, which must be known beforehand."""
        found = self.known(node.inputs[i]) if node.has(i) else None
        if found is None:
            self.refuse(node, f"its {what} must be a constant of the model")
        if node.inputs[i] in self.paying and (
                self.paying[node.inputs[i]] != self.owed.get(node.inputs[0])):
            self.refuse(node, f"has the {what} of another value's sample")
        return found

    # --- writing ------------------------------------------------------------------------------
    def fresh(self, stem: str) -> str:
        """A name that is not taken, the stem where that can be."""
        return unique(stem, self._names)

    def hold(self, value: np.ndarray, name: str) -> str:
        """A constant of the float model under a free name."""
        name = self.fresh(name)
        self.constants[name] = self._added[name] = value
        return name

    def hold_reals(self, value: np.ndarray | float, node: Foreign, what: str) -> str:
        """A constant in float32."""
        return self.hold(np.asarray(value, np.float32), f"{node.outputs[0]}/{what}")

    def give(self, node: Foreign, value: np.ndarray) -> None:
        """The node's output, known beforehand."""
        self.give_constant(node.outputs[0], value)

    def give_constant(self, name: str, value: np.ndarray) -> None:
        """An output of a node, known beforehand."""
        self.constants[name] = self._added[name] = value

    def as_float(self, node: Foreign, x: str) -> str:
        """Integers as the same numbers in float."""
        y = self.emit(node, "Cast", x)
        casts(self._nodes[-1], FLOAT)
        return y

    def emit(self, node: Foreign, op: str, *inputs: str, to: str | None = None,
             **attributes: Any) -> str:
        """A node of the float model in the place of `node`; its output's name."""
        from onnx import helper
        to = to or self.fresh(f"{node.outputs[0]}/{op.lower()}")
        self._nodes.append(helper.make_node(op, list(inputs), [to],
                                            name=self.fresh(f"{node.name}/{op.lower()}"),
                                            **attributes))
        return to

    def copy(self, node: Foreign, outputs: list[str], inputs: list[str] | None = None,
             op: str | None = None) -> None:
        """The node as it is, on reals; or as the standard op that it is on them."""
        copy = type(node.proto)()
        copy.CopyFrom(node.proto)
        copy.input[:], copy.output[:] = inputs or node.reals, outputs
        if op is not None:
            copy.op_type, copy.domain = op, ""
        self._nodes.append(copy)

    def stands_for(self, value: str, name: str, scale: Scale) -> None:
        """From here on, who reads `value`, integers on a scale, reads the reals `name`."""
        self._aliases[value], self.scales[value] = name, scale

    def readers(self, value: str) -> list[NodeProto]:
        """The nodes of the quantized model that read a value."""
        return [n for n in self.graph.node if value in n.input]
