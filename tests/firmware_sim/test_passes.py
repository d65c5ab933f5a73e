"""Passes on kernels, each by itself: kernels in, kernels out.

A file `passes/PASS/CASE.kernels` holds the passes to run, the text before and the text after:

    # RUN: widen k01_table | fuse v_pre
    program before
    ...
    ---
    program after
    ...

`--update-golden` writes what comes after `---` anew. Whatever it says, both must mean the same, in
exact fractions, on the corners of the inputs' ranges and on random numbers; only where a line
`# other numbers: WHY` says so, what is stored is not comparable.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dsplet.firmware_sim.compile.delayed_requantize import delay_requantize
from dsplet.firmware_sim.compile.fuse import fuse
from dsplet.firmware_sim.compile.joined_sums import joined
from dsplet.firmware_sim.compile.local_copies import Room, copy_on_chip
from dsplet.firmware_sim.compile.optimize import EFFORTS, pipeline
from dsplet.firmware_sim.compile.segments import in_steps
from dsplet.firmware_sim.compile.tables import widen, widenings
from dsplet.firmware_sim.dsp32c.codegen.chosen import JOINED_WORDS
from dsplet.firmware_sim.dsp32c.codegen.compilation import COSTS
from dsplet.firmware_sim.dsp32c.codegen.excess import with_excess
from dsplet.firmware_sim.dsp32c.codegen.lookup import ENTRY_LIMIT, entries
from dsplet.firmware_sim.dsp32c.codegen.memory_time import mixtures
from dsplet.firmware_sim.dsp32c.codegen.pack import EXCESS, pack
from dsplet.firmware_sim.dsp32c.codegen.real import real
from dsplet.firmware_sim.dsp32c.codegen.saturate import saturate
from dsplet.firmware_sim.dsp32c.codegen.scale import Scaled, may_wait, scale
from dsplet.firmware_sim.dsp32c.codegen.shape import shape
from dsplet.firmware_sim.dsp32c.codegen.unsigned_tables import unsigned_tables
from dsplet.quantize.fixed.kernel import coalesce
from dsplet.quantize.fixed.kernel_reader import from_text
from dsplet.quantize.fixed.kernel_text import to_text
from dsplet.quantize.fixed.program import Program, run
from tests.each import each
from tests.firmware_sim.meaning import VOCABULARY, outputs
from tests.quantize.fixed.cases import GRAPHS, lowered
from tests.quantize.fixed.samples import samples as samples_of

FOLDER = Path(__file__).with_name("passes")
FILES = sorted(FOLDER.rglob("*.kernels"))
SAMPLES = 6


def pairs(words: list[str]) -> dict[str, str]:
    return dict(word.split("=") for word in words)


def bodies(program: Program, change: Callable) -> Program:
    return replace(program, kernels=tuple(replace(k, body=change(k.body)) for k in program.kernels))


def scaled(program: Program, kernels: list[Scaled]) -> Program:
    """Scaled kernels as a program of reals."""
    buffers = program.buffers | {b.name: b for k in kernels for b in k.buffers}
    words = {name: w for k in kernels for name, w in k.words.items()}
    return replace(program, kernels=tuple(k.kernel for k in kernels), buffers=buffers,
                   reals=(program.reals or {}) | words)


def run_coalesce(p: Program) -> Program:
    return bodies(p, lambda body: tuple(map(coalesce, body)))


def run_widen(p: Program, *tables: str) -> Program:
    """All that can be widened, or these."""
    return widen(p, frozenset(tables or widenings(p, ENTRY_LIMIT)), ENTRY_LIMIT)


def run_joined_sums(p: Program) -> Program:
    return joined(p, JOINED_WORDS)


def run_unsigned_tables(p: Program) -> Program:
    return unsigned_tables(p)


def run_pack(p: Program, *weights: str) -> Program:
    return pack(p, pairs([*weights]))


def run_in_steps(p: Program, *tables: str) -> Program:
    return in_steps(p, frozenset(tables))


def run_memory_time(p: Program, which: str) -> Program:
    """fastest or smallest, as far as it is applied to a program."""
    return mixtures(p)[{"fastest": 0, "smallest": -1}[which]].choices.apply(p)


def run_scale(p: Program, top: str = "") -> Program:
    """top: above every address; then what is only looked up is stored as places in tables."""
    places = entries(p, int(top, 16)) if top else {}
    return scaled(p, [scale(k, p.buffers, places, {}) for k in p.kernels])


def run_delay_requantize(p: Program) -> Program:
    return replace(p, kernels=tuple(delay_requantize(p.kernels, may_wait)))


def run_fuse(p: Program, *buffers: str) -> Program:
    kernels, left = fuse(p.kernels, p.buffers, frozenset(buffers), p.borders)
    return replace(p, kernels=tuple(k.kernel for k in kernels), buffers=left)


def run_saturate(p: Program) -> Program:
    return replace(p, kernels=tuple(saturate(k, p.buffers, ()) for k in p.kernels))


def run_excess(p: Program) -> Program:
    return replace(p, kernels=tuple(with_excess(p.kernels, p.buffers, frozenset(p.buffers))[0]))


def run_local_copies(p: Program, *words: str) -> Program:
    """BANK=WORDS for each bank on chip; BUFFER=KIND for packed weights."""
    found = pairs([*words])
    rooms = [Room(name, int(n)) for name, n in found.items() if n.isdigit()]
    kernels = []
    for kernel in p.kernels:
        kernel, copies = copy_on_chip(kernel, lambda b: None, rooms,
                                      lambda b: EXCESS.get(found.get(b, "")), COSTS)
        kernels.append(kernel)
        p = replace(p, buffers=p.buffers | {c.buffer.name: c.buffer for c in copies})
    return replace(p, kernels=tuple(kernels))


def run_real(p: Program) -> Program:
    return scaled(p, real(p))


def run_shape(p: Program) -> Program:
    return bodies(p, lambda body: shape(body, lambda b: "word"))


def of_c(name: str) -> Callable[..., Program]:
    """A pass of those for C. goal: a goal of `optimize`."""
    return lambda p, goal="balanced": pipeline(goal)[name](p)


PASSES = {name.removeprefix("run_"): f for name, f in list(globals().items())
          if name.startswith("run_")} | {
              name: of_c(name) for goal in EFFORTS for name in pipeline(goal)}


def parse(file: Path) -> tuple[str, Program, str]:
    """(what stands before the line of dashes, the program in it, what stands behind)."""
    before, dashes, after = file.read_text().partition("\n---\n")
    assert dashes, f"{file} has no line ---"
    return before, from_text(before, VOCABULARY), after


def apply(header: str, program: Program) -> Program:
    for words in re.search(r"^# RUN: (.*)$", header, re.M)[1].split("|"):
        name, *arguments = words.split()
        program = PASSES[name](program, *arguments)
    return program


def samples(program: Program) -> list[dict[str, np.ndarray]]:
    """Numbers for the input buffers: each end of their ranges, then random ones."""
    random = np.random.default_rng(0)
    inputs = [b for b in program.buffers.values() if b.role == "input"]
    ends = [{b.name: np.full(b.size, end(b)) for b in inputs} for end in (
        lambda b: b.low, lambda b: b.high)]
    return ends + [{b.name: random.integers(b.low, b.high + 1, b.size) for b in inputs}
                   for _ in range(SAMPLES)]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(FOLDER).as_posix())
def test_pass(file, request):
    header, program, expected = parse(file)
    found = apply(header, program)
    text = to_text(found)
    if request.config.getoption("--update-golden"):
        file.write_text(f"{header}\n---\n{text}")
        expected = text
    assert text == expected, f"if that is meant: pytest {__file__} --update-golden"
    if "# other numbers: " not in header:
        for xs in samples(program):
            assert outputs(program, xs) == outputs(found, xs)


@pytest.mark.slow
@each("graph", GRAPHS)
def test_the_second_definition_agrees_with_the_first(graph):
    """What the kernels of the square mean in exact fractions is what the interpreter runs."""
    program, xs = lowered(graph), samples_of(graph, 3)
    inputs = {name: x[-1].reshape(-1) for (_, name), x in zip(program.inputs, xs, strict=True)}
    found = outputs(program, inputs)
    for (_, name), y in zip(program.outputs, run(program, *(x[-1] for x in xs)), strict=True):
        assert found[name] == y.reshape(-1).tolist()


def test_a_pass_of_every_name_has_a_file():
    assert {f.parent.name for f in FILES} == set(PASSES)


def test_files_show_what_their_passes_do():
    """Where nothing is to change, the name of the file says so."""
    for file in FILES:
        header, program, after = parse(file)
        assert (to_text(program) == after) == file.stem.startswith("not_"), file
