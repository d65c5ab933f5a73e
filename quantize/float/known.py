"""What has been read of a network so far."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dsplet.quantize.float.batch import Batch
from dsplet.quantize.float.element_types import FLOAT, type_of
from dsplet.quantize.float.node import FloatNode, Shape


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

    def layout(self, value: str) -> Batch | None:
        return self.batches.get(value, Batch())

    def full(self, value: str, count: int) -> list[int]:
        """The shape of a value's tensor for a batch of so many samples."""
        batch, shape = self.layout(value), self.shapes[value]
        return batch.full(shape, count) if batch else list(shape)
