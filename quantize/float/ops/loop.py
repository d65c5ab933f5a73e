"""Step, State, Carry, Stack: the border of a loop over time.

A loop is not a node: its nodes stand among the others, and these four mark its border. Each names
its `loop`; what depends on a Step or a State and is not yet behind a Carry or a Stack is computed
once a step (`quantize.float.loops`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dsplet.quantize.float.node import Moving, NoFixed, NoReal, Shape, op
from dsplet.quantize.float.writing import Writing


@dataclass(frozen=True, eq=False)
class Border(NoReal, NoFixed, Moving):
    """Its forms are those of the whole loop, see `quantize.float.loops.Region`."""

    loop: str

    batch_first = True

    def output_shape(self, xs: list[Shape]) -> Shape:
        return xs[0]

    @property
    def refusal(self) -> str:
        return ""  # the loop has a form

    def onnx(self, w: Writing) -> str:
        self.refuse("is written with its loop")


class Entry(Border):
    """What it gives is computed once a step."""


class Exit(Border):
    """What it gives is known after the last step."""


@op
class Step(Entry):
    """The element of this step of a sequence, whose first axis is time."""

    def output_shape(self, xs: list[Shape]) -> Shape:
        return xs[0][1:]


@op
class State(Entry):
    """The state before this step; the input is its initial value. carry: what its Carry gives."""

    steps: int
    carry: str

    @property
    def later(self) -> tuple[str, ...]:
        return (self.carry,)

    def integer(self, of: Callable[[str], bool]) -> bool:
        return False  # what it becomes is not known yet

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return False


@op
class Carry(Exit):
    """The state after the last step; the input is that after this one."""


@op
class Stack(Exit):
    """The sequence of all the steps' values."""

    steps: int

    def output_shape(self, xs: list[Shape]) -> Shape:
        return (self.steps, *xs[0])
