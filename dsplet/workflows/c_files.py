"""A network as C99: its two files, and what a product puts beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dsplet.base.sizes import bytes_of
from dsplet.data.resample import Scaling
from dsplet.export.c.printer import is_name, print_c
from dsplet.export.c.project import print_build, print_vectors
from dsplet.firmware_sim.compile.optimize import optimize
from dsplet.firmware_sim.compile.streaming import streaming
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import Program
from dsplet.workflows.request import RequestError

FACT_CHARACTERS = 64
"""Longer metadata is not for a header."""


@dataclass(frozen=True, kw_only=True)
class CRequest:
    """ram, flash: what activations and constants may take, such as "20KB"; None: no matter. stream:
    a function for one element of a sequence. self_test: with NAME_selftest. build: a build system,
    of `project.BUILDS`, whose files run the self-test. vectors: golden samples, this many."""

    ram: str | None = None
    flash: str | None = None
    stream: bool = False
    self_test: bool = False
    build: str | None = None
    vectors: int | None = None


def c_files(request: CRequest, fixed: Graph, program: Program, name: str, goal: str
            ) -> dict[str, str]:
    """Texts by file name; the header tells what the network's file knows of it. Raises Unprintable,
    DoesNotFit, CannotStream, DataError, RequestError, SizeError."""
    if request.stream and request.vectors:
        raise RequestError("golden samples are of whole sequences",
                           remedy="leave out --vectors, or --stream")
    ram, flash = (None if text is None else int(bytes_of(text, what)) for text, what in
                  ((request.ram, "--ram"), (request.flash, "--flash")))
    made = optimize(streaming(program) if request.stream else program, goal, ram, flash)
    facts = [(key, text) for key, text in fixed.metadata if len(text) <= FACT_CHARACTERS]
    tested = request.self_test or request.build is not None
    files = dict(zip((f"{name}.h", f"{name}.c"), print_c(
        made, name, facts, _pixels(fixed, made), tested), strict=True))
    if request.vectors:
        files[f"{name}_vectors.h"] = _vectors(fixed, made, name, request.vectors)
    if request.build:
        files |= print_build(made, name, request.build, bool(request.vectors))
    return files


def name_of(fixed: Graph, program: Program, path: str) -> str:
    """What the network's files are called: as its model, else as the file it is in, where that can
    name a C function."""
    names = dict(fixed.metadata).get("dsplet.model", ""), Path(path).name.partition(".")[0]
    return next((n for n in names if is_name(n)), program.name)


def _pixels(fixed: Graph, program: Program) -> list[int] | None:
    """The input's integers for pixels, where the network's file says how they are scaled, all
    channels alike, and it has one input. Raises DataError."""
    if len(fixed.inputs) != 1:
        return None
    scaling = Scaling.from_facts(dict(fixed.metadata))
    if scaling is None or (table := scaling.table) is None:
        return None
    found: list[int] = program.inputs[0][0].format.quantize(table).tolist()
    return found


def _vectors(fixed: Graph, program: Program, name: str, count: int) -> str:
    """Random samples over the whole of the inputs' formats: the same ones each time."""
    chance = np.random.default_rng(0)
    xs = [chance.integers(v.format.min, v.format.max + 1, (count, *v.shape))
          for v in fixed.inputs]
    values = fixed.run(*xs)
    return print_vectors(program, name, xs, [values[v.name] for v in fixed.outputs],
                         f"{count} random samples over the inputs' whole ranges (seed 0)")
