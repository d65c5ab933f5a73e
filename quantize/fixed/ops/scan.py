"""Scan: a loop over time, with a body graph and carried states. It is never unrolled."""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar

import numpy as np

from dsplet.quantize.fixed.arithmetic import IntArray
from dsplet.quantize.fixed.emitter import Emitter
from dsplet.quantize.fixed.graph import Graph, Node, Value
from dsplet.quantize.fixed.ops.op import op

MOST_STEPS = 1 << 20

@op
class Scan(Node):
    """Runs `body` `steps` times; the states it gives are those it starts the next step with.

    inputs: `states` initial values, then `sequences` of shape (steps, *element), then values that
    every step sees whole. body.inputs: states, elements and those values, in that order.
    body.outputs: the new states, then elements. outputs (`output` and `others`): the last states,
    then sequences of those elements. Nothing changes its format on the way in or out.
    """

    states: int
    sequences: int
    steps: int
    body: Graph
    others: tuple[Value, ...] = field(default=())

    value_fields: ClassVar[tuple[str, ...]] = ("inputs", "output", "others")

    @property
    def outputs(self) -> tuple[Value, ...]:
        return (self.output, *self.others)

    @property
    def bodies(self) -> tuple[Graph, ...]:
        return (self.body,)

    def check(self) -> None:
        if not 1 <= self.steps <= MOST_STEPS:
            raise ValueError(f"Scan '{self.name}' has {self.steps} steps")
        if self.states < 0 or self.sequences < 0 or self.states > len(self.outputs) or not (
                1 <= self.states + self.sequences <= len(self.inputs)):
            raise ValueError(f"Scan '{self.name}' has {self.states} states and {self.sequences} "
                             f"sequences, but {len(self.inputs)} inputs and {len(self.outputs)} "
                             "outputs")
        n, elements = self.states, range(self.states, self.states + self.sequences)
        self._pair(self.inputs, self.body.inputs, elements, "reads")
        self._pair(self.outputs, self.body.outputs, range(n, len(self.outputs)), "gives")
        for before, after in zip(self.body.inputs[:n], self.body.outputs[:n], strict=True):
            if (before.shape, before.format) != (after.shape, after.format):
                raise ValueError(f"Scan '{self.name}': the state '{before.name}' {before.shape} "
                                 f"{before.format} becomes {after.shape} {after.format}")

    def _pair(self, outside: tuple[Value, ...], inside: tuple[Value, ...], elements: range,
              verb: str) -> None:
        """The values outside against those of the body."""
        if len(outside) != len(inside):
            raise ValueError(f"Scan '{self.name}' {verb} {len(outside)} values, its body "
                             f"{len(inside)}")
        for i, (a, b) in enumerate(zip(outside, inside, strict=True)):
            shape = (self.steps, *b.shape) if i in elements else b.shape
            if (a.shape, a.format) != (shape, b.format):
                raise ValueError(f"Scan '{self.name}' {verb} '{a.name}' {a.shape} {a.format}; its "
                                 f"body asks for {shape} {b.format}")

    @property
    def macs(self) -> int:
        return self.steps * self.body.macs

    def reference(self, *xs: IntArray) -> tuple[IntArray, ...]:
        n, m = self.states, self.states + self.sequences
        states = list(xs[:n])
        stacks: list[list[IntArray]] = [[] for _ in self.outputs[n:]]
        for t in range(self.steps):
            env = self.body.run(*states, *(x[:, t] for x in xs[n:m]), *xs[m:])
            found = [env[v.name] for v in self.body.outputs]
            states = found[:n]
            for stack, y in zip(stacks, found[n:], strict=True):
                stack.append(y)
        return (*states, *(np.stack(np.broadcast_arrays(*s), 1) for s in stacks))

    def integer_onnx(self, b: Emitter, *xs: str) -> list[str]:
        from dsplet.quantize.fixed.execute import carry
        n, m = self.states, self.states + self.sequences

        def body(carried: list[str]) -> list[str]:
            names = dict(zip((v.name for v in self.body.inputs), [*carried, *xs[m:]], strict=True))
            carry(self.body, b, names)
            return [names[v.name] for v in self.body.outputs]

        return b.scan(xs[:n], xs[n:m], self.steps, body, [np.float32] * len(self.outputs))
