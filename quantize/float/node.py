"""What a float op is: a frozen dataclass whose fields are its attributes, and which says in one
place all that anyone asks of it.

An op is one file of `quantize.float.ops`, and made one by the decorator `op`: how ONNX spells it
(its readers), the shape it gives, how it is written as ONNX again, its fixed-point form, its form
in float arithmetic, and the facts from which passes and formats follow. What the base class or a
family leaves abstract must be said, or the op is refused as it is registered.

Shapes are those of one sample: the batch axis is implied. Arrays (weights, constants) are float64.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum, auto
from functools import cache
from inspect import getdoc
from typing import (
    Any,
    ClassVar,
    NoReturn,
    Protocol,
    Self,
    TypeVar,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np

from dsplet.base.errors import UserError
from dsplet.quantize.fixed.graph import Node, Value, Weight
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.float.functions import Expr
from dsplet.quantize.float.kernel import RealStatement, clamped
from dsplet.quantize.float.writing import Writing

Shape = tuple[int, ...]
Bounds = tuple[float, float]
NO_CLAMP: Bounds = (-np.inf, np.inf)


class ModelError(UserError):
    """A model that cannot be read or quantized: what is wrong, where, and what would mend it."""


class Reads(Enum):
    """What an op does with the numbers it reads, as far as their width depends on it."""

    USUAL = auto()
    PRODUCT = auto()  # multiplies them into an exact accumulator
    CURVE = auto()    # looks them up in a function's table
    SCORES = auto()   # takes exponentials of their differences
    ORDER = auto()    # asks which is the larger
    DIVISOR = auto()  # divides by them: what is near 0 needs as many digits as the rest


class Maker(Protocol):
    """What an op's fixed-point form asks of whoever makes it."""

    def clamp(self, n: FloatNode, y: Value) -> tuple[int, int] | None:
        """The node's bounds in integers of y's format; None where they are the format's own."""

    def weights(self, n: Layer, x: Value, y: Value, clamp: tuple[int, int] | None
                ) -> tuple[Weight, np.ndarray]:
        """The integers of the layer's weights, and of its bias at the accumulator's step."""

    def sums(self, n: Weighted, x: tuple[Value, ...], y: Value
             ) -> tuple[tuple[Weight, ...], np.ndarray]:
        """The same of weights (M, sum of K) that meet several inputs: a part for each."""

    def fill(self, value: float, y: Value) -> int:
        """The integer that a border of y holds for `value`."""

    def integers(self, value: np.ndarray, y: Value) -> np.ndarray:
        """The integers that y holds for constant numbers."""

    def note(self, n: FloatNode, words: str) -> None:
        """Something about a node that the user should know."""


@dataclass(frozen=True, eq=False)
class FloatNode(ABC):
    """One application of an op. name: unique. inputs, output: names of values."""

    name: str
    inputs: tuple[str, ...]
    output: str

    registry: ClassVar[dict[str, type[FloatNode]]] = {}
    arity: ClassVar[int | None] = 1
    """How many inputs it has; None: any number but 0."""
    reads: ClassVar[Reads] = Reads.USUAL
    keeps_order: ClassVar[bool] = False
    """Whether a clamp before it does what one behind it would."""
    batch_first: ClassVar[bool] = False
    """Whether its output has the batch as its first axis, wherever its inputs have theirs."""

    def __post_init__(self) -> None:
        for name, kind in attributes(type(self)).items():
            if not _is(getattr(self, name), kind):
                raise TypeError(f"{self.op} '{self.name}': {name} is declared {_spelt(kind)}, not "
                                f"{getattr(self, name)!r}")
        if self.arity is None and not self.inputs or self.arity not in (None, len(self.inputs)):
            raise TypeError(f"{self.op} '{self.name}' has {len(self.inputs)} inputs; expected "
                            f"{'at least 1' if self.arity is None else self.arity}")
        self.check()

    @property
    def op(self) -> str:
        return type(self).__name__

    def check(self) -> None:  # noqa: B027  (most have none)
        """Refuse attributes that do not fit together."""

    def refuse(self, why: str) -> NoReturn:
        raise ModelError(f"{self.op} '{self.name}': {why}")

    # --- what each op or its family must say ----------------------------------------------------
    @abstractmethod
    def output_shape(self, xs: list[Shape]) -> Shape:
        """The shape of its output, for input shapes xs."""

    @property
    @abstractmethod
    def passed(self) -> tuple[str, ...]:
        """The inputs of whose numbers, unchanged, its output consists."""

    @abstractmethod
    def onnx(self, w: Writing) -> str:
        """Its meaning, written as ONNX nodes (clamp bounds apart); the name of what they give."""

    @abstractmethod
    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        """Its fixed-point form."""

    @abstractmethod
    def real(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        """Its form in float arithmetic: the node whose kernel is borrowed, see `meaning`."""

    # --- what some say ----------------------------------------------------------------------------
    @property
    def bounds(self) -> Bounds:
        """What its output is limited to."""
        return NO_CLAMP

    @property
    def expression(self) -> Expr | None:
        """The node as a function of one variable; None where it is not one."""
        return None

    @property
    def combination(self) -> str:
        """The op that it is in an expression, where all its inputs are functions of one variable;
        "" where it is none."""
        return ""

    @property
    def later(self) -> tuple[str, ...]:
        """The values that it takes a step later, for which the graph must compute them, too; their
        format is its output's."""
        return ()

    @property
    def holds(self) -> np.ndarray | None:
        """The numbers of its own that its output holds beside those it passes on."""
        return None

    def reads_as(self, value: str) -> Reads:
        """What it does with the numbers of one of its inputs."""
        return self.reads

    def fracs(self, xs: tuple[QFormat, ...]) -> tuple[int, int] | None:
        """The least and the largest frac that its output may have beside inputs of the formats xs,
        where that is limited."""
        return None

    def idle(self, x: Shape, y: Shape) -> bool:
        """Whether its output equals its first input, x and y being their shapes."""
        return False

    def integer(self, of: Callable[[str], bool]) -> bool:
        """Whether its output holds integers; of(value) tells it of an input."""
        return bool(self.passed) and of(self.passed[0])

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        """Whether its output cannot be negative before the clamp, where the inputs `xs` cannot.
        low, high: what was seen of its output, infinite where nothing was."""
        return False

    def choices(self, value: str, shapes: Mapping[str, Shape]) -> int:
        """How many there are to choose from by `value`, its output or an input; 0 where the value
        is a number on a scale."""
        return 0

    def channels(self, owner: np.ndarray, shape: Shape) -> np.ndarray | None:
        """For each element of its output, of this shape, the channel that it comes from, `owner`
        saying it of the input; None where channels mix, or a factor > 0 would not pass."""
        return None

    @property
    def refusal(self) -> str:
        """Why it has no form in float arithmetic; "" where it has."""
        return ""

    def meaning(self, d: str, table: Callable[[np.ndarray], str]) -> list[RealStatement]:
        """What the borrowed kernel's requantize of the register d stands for between reals.
        table(array) adds a constant to the kernel and gives its name."""
        return clamped(d, *self.bounds)

    def constants(self, xs: list[Shape], y: Shape) -> dict[str, np.ndarray]:
        """The reals that the borrowed kernel's constants hold, by their role, for inputs of shapes
        xs and an output of shape y."""
        return {}


N = TypeVar("N", bound=FloatNode)


@dataclass_transform(frozen_default=True, eq_default=False)
def op(cls: type[N]) -> type[N]:
    """Make a class an op: a frozen dataclass, found by its name in `FloatNode.registry`.

    TypeError where it leaves something unsaid.
    """
    if unsaid := _unsaid(cls):
        raise TypeError(f"the float op {cls.__name__} does not say {', '.join(unsaid)}")
    if cls.__name__ in FloatNode.registry:
        raise TypeError(f"two float ops are called {cls.__name__}")
    cls = dataclass(frozen=True, eq=False)(cls)
    for name, kind in attributes(cls).items():
        if not _known(kind):
            raise TypeError(f"the float op {cls.__name__} declares {name} as {_spelt(kind)}, which "
                            "no value can be checked against")
    FloatNode.registry[cls.__name__] = cls
    return cls


def _unsaid(cls: type[FloatNode]) -> list[str]:
    """What the class leaves abstract, with what it is, and the facts that it leaves open."""
    methods = sorted(getattr(cls, "__abstractmethods__", ()))
    said = [f"{name} ({(getdoc(getattr(cls, name)) or '').partition(chr(10))[0]})"
            for name in methods]
    return said + [name for name, kind in get_type_hints(cls).items()
                   if get_origin(kind) is ClassVar and not hasattr(cls, name)]


@cache
def attributes(cls: type[FloatNode]) -> dict[str, Any]:
    """The declared fields of a node and their types."""
    hints = get_type_hints(cls)
    return {f.name: hints[f.name] for f in fields(cls)}


def _known(kind: Any) -> bool:
    if get_origin(kind) is tuple:
        return all(k is Ellipsis or _known(k) for k in get_args(kind))
    return kind in (int, float, str, np.ndarray, Expr)


def _is(value: object, kind: Any) -> bool:
    """Whether the value is of a declared type. Arrays are float64."""
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        if not isinstance(value, tuple):
            return False
        if kinds[-1] is Ellipsis:
            return all(_is(v, kinds[0]) for v in value)
        return len(value) == len(kinds) and all(map(_is, value, kinds))
    if kind is np.ndarray:
        return isinstance(value, np.ndarray) and value.dtype == np.float64
    if kind is float:
        return isinstance(value, float) or type(value) is int
    return type(value) is int if kind is int else isinstance(value, kind)


def _spelt(kind: Any) -> str:
    return str(kind) if get_origin(kind) else kind.__name__


# --- families -------------------------------------------------------------------------------------

@dataclass(frozen=True, eq=False)
class Moving(FloatNode):
    """Moves numbers and computes none: its output has its input's format."""

    @property
    def passed(self) -> tuple[str, ...]:
        return self.inputs

    def nonnegative(self, xs: tuple[bool, ...], low: float, high: float) -> bool:
        return all(xs)

    def real(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return self.fixed(make, x, y)


@dataclass(frozen=True, eq=False)
class Computing(FloatNode):
    """Gives numbers of its own, in a format of their own."""

    @property
    def passed(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True, eq=False)
class Clampable(Computing):
    """Ends in a requantize that takes bounds for nothing."""

    clamp: Bounds = field(default=NO_CLAMP, kw_only=True)

    @property
    def bounds(self) -> Bounds:
        return self.clamp

    def real(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        return self.fixed(make, x, y)


@dataclass(frozen=True, eq=False)
class Weighted(Clampable):
    """Multiplies its inputs by constant weights, (C, ...), and adds a bias."""

    weight: np.ndarray
    bias: np.ndarray

    reads = Reads.PRODUCT

    @abstractmethod
    def absorbing(self, scale: np.ndarray, offset: np.ndarray, y: Shape) -> Self | None:
        """The node that gives its output, of shape y, times scale plus offset; None where no
        weights can."""


@dataclass(frozen=True, eq=False)
class Layer(Weighted):
    """Weights (C, K, ...) of one input. Each of its groups of channels sees a part of the input's.
    """

    channel_axis: ClassVar[int]
    """The axis of its input and of its output, batch apart, along which channels lie."""

    @property
    def group_count(self) -> int:
        return 1

    @abstractmethod
    def windows(self, x: np.ndarray, group: int) -> np.ndarray:
        """(N, *positions, K, ...): what meets a group's weights at each position of the output, of
        inputs x (N, *shape)."""

    @abstractmethod
    def spread_bias(self, y: Shape) -> np.ndarray:
        """The bias, one number for each channel or each element of an output of shape y."""

    def constants(self, xs: list[Shape], y: Shape) -> dict[str, np.ndarray]:
        return {"weight": self.weight, "bias": self.spread_bias(y)}


@dataclass(frozen=True, eq=False)
class NoReal(FloatNode):
    """Has no form in float arithmetic."""

    @property
    def refusal(self) -> str:
        return f"{self.op} is not supported"

    def real(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        raise ModelError(f"{self.op} '{self.name}' has no form in float arithmetic")


@dataclass(frozen=True, eq=False)
class NoFixed(FloatNode):
    """Has no fixed-point form by itself: passes, or what stands around it, give it one."""

    def fixed(self, make: Maker, x: tuple[Value, ...], y: Value) -> Node:
        raise ModelError(f"{self.op} '{self.name}' has no fixed-point form")
