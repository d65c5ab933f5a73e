"""Read what is written on pictures, on the chip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dsplet.base.progress import SILENT, Watch
from dsplet.data import automaton, load_line
from dsplet.data.feed import feed
from dsplet.data.source import Arrays
from dsplet.firmware_sim.report import title
from dsplet.quantize.network import fixed_graph, quantized, reference
from dsplet.workflows import chip
from dsplet.workflows.request import OnTarget


@dataclass(frozen=True, kw_only=True)
class Request(OnTarget):
    """pictures: a line each, of any size. model: a .q.onnx that reads lines."""

    pictures: tuple[str, ...]
    model: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """path: what each state of the best path reads."""

    picture: str
    text: str
    path: str
    cycles: float
    latency_ms: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """passed: every integer is the reference's."""

    FIRST = ("passed", "differing_integers", "lines")

    network: str
    target: str
    lines: list[Line]
    clock_mhz: float
    differing_integers: int
    compared_with: str
    passed: bool


def run(request: Request, watch: Watch = SILENT) -> Report:
    """A picture is cut to the writing and brought to the network's height. Raises ModelError,
    DataError, MachineError, UnknownTarget, DoesNotFit."""
    fixed, target = fixed_graph(request.model), chip.target_of(request)
    facts, (name, shape) = dict(fixed.metadata), (fixed.inputs[0].name, fixed.inputs[0].shape)
    states, feeding = automaton.states_of(facts, request.model), feed(facts, {name: shape})
    _, height, width = shape
    lines = np.stack([load_line(Path(name), (height, width)) for name in request.pictures])
    q = quantized(fixed, feeding.batch(Arrays({name: lines})).x)
    done, wanted = chip.execute(fixed, target, q), reference(fixed, q)
    differing = sum(int((y != w).sum()) for y, w in zip(done.outputs, wanted, strict=True))
    found = zip(request.pictures, done.outputs[-1], done.cycles, strict=True)
    return Report(
        network=request.model, target=title(target),
        lines=[Line(picture=name, text=automaton.read_path(states, path),
                    path=automaton.spelled(states, path), cycles=float(cycles),
                    latency_ms=target.ms(cycles)) for name, path, cycles in found],
        clock_mhz=target.clock_mhz, differing_integers=differing,
        compared_with="NumPy reference", passed=not differing)
