"""What builders and emitters ask of nodes and values, so that they need not know the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dsplet.quantize.fixed.arithmetic import IntArray


class Named(Protocol):
    """A graph value."""

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...


class Bounded(Protocol):
    """A proved range."""

    @property
    def magnitude(self) -> int: ...


class Accumulating(Protocol):
    """A node."""

    def accumulators(self) -> Sequence[Bounded]: ...


class Rounded(Accumulating, Protocol):
    """A node that ends in one requantize."""

    @property
    def shift(self) -> IntArray: ...

    @property
    def limits(self) -> tuple[int, int]: ...
