"""What a network's inputs are: the shape of one sample, and where the file has the batch."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import TYPE_CHECKING

from dsplet.quantize.float.batch import PROBES, Batch, sample_of
from dsplet.quantize.float.element_types import FLOATS, INTEGERS
from dsplet.quantize.float.node import ModelError, Shape

if TYPE_CHECKING:
    from onnx import GraphProto, ValueInfoProto

BATCH_NAME = re.compile(r"n|b|.*batch.*|bs|bsz", re.IGNORECASE)
MOST_TRIED = 12
"""Ways to understand a file that fixes all sizes."""

Sizes = list[int | str]
"""Of a tensor's axes; the name, perhaps empty, of one that is free."""


@dataclass(frozen=True)
class Arrangement:
    """One way to understand a network's inputs.

    counts: the sizes of the batch for which shapes are computed. shapes: of one sample, by input.
    """

    counts: tuple[int, ...]
    shapes: dict[str, Shape]
    batches: dict[str, Batch | None]

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever brings the samples should know."""
        n = self.counts[0]
        found = [f"the file is made for batches of {n} samples; it is read as a network for one"
                 ] if n > 1 else []
        for name, batch in self.batches.items():
            if batch is None:
                found.append(f"the input '{name}' {self.shapes[name]} has no batch axis")
            elif batch.axis:
                found.append(f"the input '{name}' has its batch at axis {batch.axis}")
        return tuple(found)


def arrangements(graph: GraphProto, constants: Collection[str], path: str | Path
                 ) -> Iterator[Arrangement]:
    """The ways to understand the inputs, the likeliest first: one where an axis is free, which is
    the batch; several where the file fixes all sizes. Raises ModelError."""
    inputs = {v.name: _sizes(v, path) for v in graph.input if v.name not in constants}
    if not inputs:
        raise ModelError(f"{path}: the network has no input")
    outputs = [[d.dim_value or d.dim_param for d in v.type.tensor_type.shape.dim]
               for v in graph.output]
    free = any(isinstance(n, str) for sizes in inputs.values() for n in sizes)
    sizes = list(inputs.values())
    for counts, places in _free(inputs, outputs, path) if free else islice(
            _fixed(sizes), MOST_TRIED):
        yield Arrangement(
            counts, {name: sample_of([n if isinstance(n, int) else 1 for n in s], b)
                     for (name, s), b in zip(inputs.items(), places, strict=True)},
            dict(zip(inputs, places, strict=True)))


def _sizes(v: ValueInfoProto, path: str | Path) -> Sizes:
    kind, name = v.type.tensor_type, v.name
    if kind.elem_type not in FLOATS + INTEGERS:
        raise ModelError(f"{path}: the input '{name}' is no tensor of floats or integers")
    if not kind.HasField("shape"):
        raise ModelError(f"{path}: the input '{name}' needs a shape; export with a fixed size")
    return [d.dim_value if d.dim_value > 0 else d.dim_param for d in kind.shape.dim]


def _free(inputs: dict[str, Sizes], outputs: list[Sizes], path: str | Path
          ) -> Iterator[tuple[tuple[int, ...], list[Batch | None]]]:
    names = {s[0] for s in [*inputs.values(), *outputs] if s and isinstance(s[0], str)}
    first_free = any(s and isinstance(s[0], str) for s in inputs.values())
    places: list[Batch | None] = []
    for name, sizes in inputs.items():
        axes = [a for a, n in enumerate(sizes) if isinstance(n, str)]
        batch = next((a for a in axes if a == 0 or first_free and sizes[a] in names
                      or BATCH_NAME.fullmatch(str(sizes[a]))), None)
        for a in axes:
            if a != batch:
                raise ModelError(f"{path}: axis {a} of the input '{name}' is not fixed"
                                 f"{sizes[a] and f' ({sizes[a]})'}; only the batch axis may be: "
                                 "export with a fixed size")
        alone = Batch() if sizes[:1] == [1] and len(sizes) > 1 else None
        places.append(alone if batch is None else Batch(batch))
    yield PROBES, places


def _fixed(inputs: list[Sizes]) -> Iterator[tuple[tuple[int, ...], list[Batch | None]]]:
    """The batch is the first axis; or the second, also of some inputs only; or there is none."""
    main = next((s for s in inputs if len(s) > 1), [])
    second = [n for n in main[1:2] if n == 1 or len(main) == 3]
    for count in dict.fromkeys(n for n in (*main[:1], *second) if isinstance(n, int)):
        candidates = [[*(Batch(a) for a, n in enumerate(sizes[:2]) if n == count), None]
                      for sizes in inputs]
        for places in product(*candidates):
            if any(places):
                yield (count,), list(places)
    yield (1,), [None] * len(inputs)
