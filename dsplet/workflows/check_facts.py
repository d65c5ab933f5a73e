"""What `dsplet check` measures of networks, and keeps in a baseline."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from dsplet.base import render
from dsplet.base.errors import door, shown
from dsplet.base.files import read_text
from dsplet.base.progress import Watch
from dsplet.base.schema import fitted
from dsplet.data.answers import right, tolerance_of
from dsplet.data.feed import Batch, Feed
from dsplet.firmware_sim import report as simulated
from dsplet.quantize.analysis import report
from dsplet.quantize.analysis.formats import format_rows
from dsplet.quantize.analysis.report import Comparison
from dsplet.quantize.fixed.graph import Node, Weight
from dsplet.quantize.fixed.graph_text import to_text
from dsplet.quantize.fixed.layers import LayerKeys
from dsplet.quantize.network import Arrays, Network, fixed_network
from dsplet.quantize.qdq import digest
from dsplet.workflows import chip, simulate
from dsplet.workflows.check_project import OnOne, Subject
from dsplet.workflows.request import RequestError
from dsplet.workflows.simulate import Execution, FixedPoint

SCHEMA = "dsplet.baseline/1"
MOST_DB = 200.0
"""What an SQNR is written as where nothing differs."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What a layer of a network is. output, weights: its formats. digest: of its constants.
    constant_bytes, held_bytes: of those, and of what it reads and gives at once. sqnr_db: of what
    it gives, against the reference."""

    layer: str
    op: str
    output: str
    weights: str | None = None
    weight_bits: list[int]
    constant_bytes: int
    held_bytes: int
    digest: str
    sqnr_db: float | None = None


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A sample that a network answers otherwise than its reference or, where it has none, wrongly.
    index: in its data set."""

    index: int
    label: int | str | None = None
    reference: int | str | None = None
    test: int | str | None = None


@dataclass(frozen=True, kw_only=True)
class Of:
    """A network. samples: how many were answered; inputs: a digest of those. flips: all samples
    that are answered otherwise, or wrongly."""

    network: str
    samples: int
    inputs: str
    against: str
    accuracy_percent: float | None = None
    reference_accuracy_percent: float | None = None
    agree_percent: float | None = None
    sqnr_db: float | None = None
    flips: list[Answered]
    layers: list[Layer]


@dataclass(frozen=True, kw_only=True)
class LayerCycles:
    """Cycles of one sample of a layer."""

    layer: str
    cycles: float


@dataclass(frozen=True, kw_only=True)
class On:
    """A network on a target. on: the part, its board, its clock and the goal. cycles: of the
    slowest executed sample. compiler: of C, where another made the code."""

    network: str
    target: str
    on: str
    executed: int
    cycles: float
    worst_case_cycles: float | None = None
    ram_bytes: int
    read_only_bytes: int
    compiler: str | None = None
    layers: list[LayerCycles]


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What was measured once, and is held against what is measured now."""

    networks: list[Of]
    runs: list[On]

    def of(self, network: str) -> Of | None:
        return next((n for n in self.networks if n.network == network), None)

    def on(self, network: str, target: str) -> On | None:
        return next((r for r in self.runs if (r.network, r.target) == (network, target)), None)


def read(path: Path) -> Baseline:
    """Raises RequestError, FileError."""
    again = "write it anew with dsplet check --update"
    text = read_text(path, remedy="write it with dsplet check --update")
    with door(path, ValueError, RecursionError, what="not JSON", remedy=again, kind=RequestError):
        found = json.loads(text)
        schema = found.pop("schema", None) if isinstance(found, dict) else None
        if schema != SCHEMA:
            raise RequestError(f"its schema is {shown(schema)}", expected=SCHEMA, remedy=again)
        baseline: Baseline = fitted(found, Baseline, RequestError)
    return baseline


def written(baseline: Baseline) -> bytes:
    """In lines, so that what changed can be read in a difference."""
    made = json.loads(render.to_json("baseline", baseline))
    return f"{json.dumps(made, indent=1)}\n".encode()


# --- a network, whatever it runs on ---------------------------------------------------------------

class Opened:
    """A network with its reference, if any, and its samples. known: whether anybody says which;
    they are random otherwise."""

    def __init__(self, subject: Subject) -> None:
        self.subject, self.network = subject, fixed_network(subject.file)
        self.fixed = FixedPoint(self.network)
        self.graph = self.fixed.graph
        self.reference = Network(subject.reference) if subject.reference else None
        if self.reference and self.reference.float is None:
            raise RequestError(f"{subject.reference} is fixed point", where="reference",
                               expected="the float network that it was made from")
        self.known = self._feed(self.network).data not in ("", simulate.RANDOM)
        if self.reference and not self.known:
            raise RequestError("nobody says which samples to compare the two networks on",
                               remedy='name some: data = "FILE.npz"')
        self.batch = (self._feed(self.network).test(subject.samples) if self.known else
                      simulate.drawn(self.fixed, subject.executed, 0))

    def _feed(self, network: Network) -> Feed:
        """What a float network's file does not say of its input is taken from the other."""
        return self.subject.data.feed(self.network.facts | network.facts, network.inputs)

    def measured(self, watch: Watch) -> Of:
        """The network on all its samples. Raises ModelError, AnswerError."""
        with watch.progress(self.subject.name) as tick:
            if self.reference:
                found = report.comparison(
                    self.reference, self.network, self.floats(), self.batch.x, self.batch.labels,
                    self.batch.index, tick)
                return self._compared(found)
            flips, accuracy = [], None
            if self.batch.labels is not None:
                first = self.network.scores(self.batch.x, tick)
                good = right(first, self.batch.labels, tolerance_of(self.network.facts))
                accuracy = 100 * float(good.mean())
                flips = [Answered(index=int(i)) for i in self.batch.index[~good]]
        return self._of("labels", accuracy_percent=accuracy, flips=flips, layers=self._layers({}))

    def floats(self) -> Arrays:
        """The samples as the reference reads them."""
        assert self.reference
        return self._feed(self.reference).test(self.subject.samples).x

    def _compared(self, found: Comparison) -> Of:
        sqnr = {v.layer: _db(v.sqnr_db) for v in found.layers or () if v.sqnr_db is not None}
        return self._of(
            "reference", accuracy_percent=found.test_accuracy_percent,
            reference_accuracy_percent=found.reference_accuracy_percent,
            agree_percent=found.agree_percent, sqnr_db=_db(found.output_sqnr_db),
            flips=[Answered(index=f.index, label=f.label, reference=f.reference, test=f.test)
                   for f in found.flips], layers=self._layers(sqnr))

    def _of(self, against: str, **more: object) -> Of:
        return Of(network=self.subject.name, samples=len(self.batch), against=against,
                  inputs=self.batch.sha256, **more)  # type: ignore[arg-type]

    def _layers(self, sqnr: Mapping[str, float]) -> list[Layer]:
        _, arrays = to_text(self.graph)
        parts = json.loads(digest.written("", arrays))["arrays"]
        keys = LayerKeys.of(self.graph).nodes
        nodes = {keys[n.name]: n for n in self.graph.every_node()}
        constants: dict[str, list[str]] = {n.name: [] for n in nodes.values()}
        for name in arrays:  # NODE.FIELD, and either may have points in it
            constants[max((n for n in constants if name.startswith(f"{n}.")), key=len)].append(name)
        return [Layer(
            layer=row.layer, op=row.op, output=row.output, weights=row.weights,
            weight_bits=[w.bits for w in _weights(node)],
            constant_bytes=sum(arrays[name].nbytes for name in own),
            held_bytes=sum(v.size * (1 if v.format.bits <= 8 else 2)
                           for v in (*node.inputs, *node.outputs)),
            digest=" ".join(parts[name] for name in own), sqnr_db=sqnr.get(row.layer))
            for row in format_rows(self.graph)
            for node in [nodes[row.layer]] for own in [constants[node.name]]]

    # --- on a target ------------------------------------------------------------------------------
    def executed(self, on: OnOne, watch: Watch) -> tuple[On, Execution]:
        """The first samples through machine code. Raises DoesNotFit, NoTool."""
        few = taken(self.batch, np.arange(min(len(self.batch), self.subject.executed)))
        compiled = chip.compiled(self.fixed.program, on.target, on.goal, on.budget)
        ran = simulate.execute(self.fixed, few, compiled, on.budget, watch)
        memory, cycles = compiled.memory(), dict[str, float]()
        for row in ran.report.layers[:-1]:  # the last is their sum
            cycles[row.layer] = cycles.get(row.layer, 0.0) + row.cycles
        return On(
            network=self.subject.name, target=on.name, executed=len(few),
            on=f"{simulated.title(on.target)}, {on.target.clock_mhz:g} MHz, "
               f"{on.goal or chip.usual_goal(on.target)}",
            cycles=ran.report.cycles, worst_case_cycles=ran.report.worst_case_cycles,
            ram_bytes=memory.ram_bytes, read_only_bytes=memory.read_only_bytes,
            compiler=ran.report.compiler,
            layers=[LayerCycles(layer=k, cycles=n) for k, n in cycles.items()]), ran


def _db(value: float) -> float:
    return max(-MOST_DB, min(value, MOST_DB))


def _weights(node: Node) -> list[Weight]:
    values = [getattr(node, f.name) for f in fields(node)]
    several = [w for v in values for w in (v if isinstance(v, tuple) else (v,))]
    return [w for w in several if isinstance(w, Weight)]


def taken(batch: Batch, rows: np.ndarray) -> Batch:
    """The samples at these places of the batch."""
    return replace(batch, x={name: x[rows] for name, x in batch.x.items()}, index=batch.index[rows],
                   labels=None if batch.labels is None else batch.labels[rows])
