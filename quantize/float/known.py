"""What has been read of a network so far."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dsplet.quantize.float.batch import Batch
from dsplet.quantize.float.element_types import FLOAT, INTEGERS, TRUTH, type_of
from dsplet.quantize.float.node import FloatNode, Shape

MOST_PLACES = 2.0**24
"""What an index may be: no more rows are picked from."""


@dataclass
class Known:
    """What has been read of a network so far.

    constants: every value known beforehand. sized: those of them that depend on the size of the
    batch, for each of `counts` samples; `constants` holds the first. shapes: of one sample, for the
    values that are not known beforehand. batches: where these have their batch; None where they
    have none. inputs: of the network. reserved: the names of the file's values and of those that
    were read, not to be given to others. types: ONNX's codes of the values' element types; one that
    is not named is a float.
    """

    constants: dict[str, np.ndarray]
    counts: tuple[int, ...]
    shapes: dict[str, Shape]
    batches: dict[str, Batch | None]
    inputs: frozenset[str]
    reserved: set[str]
    types: dict[str, int]
    sized: dict[str, dict[int, np.ndarray]] = field(default_factory=dict)
    nodes: list[FloatNode] = field(default_factory=list)

    def at(self, name: str, count: int) -> np.ndarray:
        """The constant for a batch of so many samples."""
        return self.sized.get(name, {}).get(count, self.constants[name])

    def element_type(self, value: str) -> int:
        """ONNX's code of a value's element type."""
        found = self.constants.get(value)
        return self.types.get(value, FLOAT) if found is None else type_of(found)

    def scope(self, name: str) -> str:
        """The name to put before "/" in the names of several values, with a number where the name
        of another value begins like that."""
        stem, n = name, 1
        while any(v.startswith(f"{name}/") for v in self.reserved):
            n += 1
            name = f"{stem}_{n}"
        return name

    # --- what numbers a value may hold ------------------------------------------------------------
    @property
    def _makers(self) -> dict[str, FloatNode]:
        """The nodes by what they give; the network's inputs have none."""
        return {n.output: n for n in self.nodes}

    def integer(self, value: str, given: bool = False) -> bool:
        """Whether it holds integers: of such a type, or an ArgMax's, or such constants, moved about
        and clipped to integers. given: if all that the network is given were integers."""
        makers = self._makers

        def holds(value: str) -> bool:
            return self.element_type(value) in (*INTEGERS, TRUTH) or (
                makers[value].integer(holds) if value in makers else given)

        return holds(value)

    def places(self, value: str) -> int:
        """How many numbers from 0 on are all that it may hold; 0 where it may hold others."""
        makers = self._makers

        def count(value: str) -> int:
            n = makers.get(value)
            if n is None:
                return 0
            if not n.inputs and n.holds is not None and not (n.holds % 1).any() and (
                    n.holds.min() >= 0):
                return int(n.holds.max()) + 1
            found = [*map(count, n.passed)] or [n.choices(value, self.shapes)]
            return max(found) if all(found) and n.holds is None else 0

        return count(value)

    def from_zero(self, value: str) -> bool:
        """Whether it is never negative, if what the network is given is not, and if no state of a
        loop becomes so."""
        makers, found = self._makers, dict[str, bool]()

        def holds(value: str) -> bool:
            if value not in found:
                n = makers.get(value)
                xs = tuple(map(holds, n.inputs)) if n else ()
                found[value] = n is None or n.bounds[0] >= 0 or n.choices(value, self.shapes) > 0 \
                    or (all(xs) if n.later else n.nonnegative(xs, 0.0, MOST_PLACES))
            return found[value]

        return holds(value)

    def layout(self, value: str) -> Batch | None:
        return self.batches.get(value, Batch())

    def full(self, value: str, count: int) -> list[int]:
        """The shape of a value's tensor for a batch of so many samples."""
        batch, shape = self.layout(value), self.shapes[value]
        return batch.full(shape, count) if batch else list(shape)
