"""Run samples through machine code: cycles, latency, memory, and whether all bits agree."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from dsplet.base.files import write_atomically
from dsplet.base.progress import SILENT, Watch
from dsplet.base.provenance import Provenance
from dsplet.base.sizes import bytes_of
from dsplet.data.answers import STEP
from dsplet.data.feed import Batch, count_of
from dsplet.firmware_sim import report, targets
from dsplet.firmware_sim.backend import Compiled, Run, Steps, Target
from dsplet.firmware_sim.bill import cause_rows
from dsplet.firmware_sim.budget import Budget, Limits
from dsplet.firmware_sim.compile.streaming import streaming
from dsplet.firmware_sim.memory_map import map_rows
from dsplet.firmware_sim.sensitivity import MOST_COMPARED
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.network import (
    Arrays,
    Network,
    fixed_network,
    float_network,
    quantized,
    reference,
)
from dsplet.workflows import chip, held
from dsplet.workflows.provenance import provenance
from dsplet.workflows.request import (
    FromData,
    OnPart,
    OnTarget,
    RequestError,
    check_outs,
    refuse_idle,
)
from dsplet.workflows.simulation import Simulation, Streamed, flat, side
from dsplet.workflows.spread import spread

HOT_LINES = 20
TRACED, TRACED_FOR_CHROME = 200, 20_000
"""Instructions in a trace file, where nothing else is said."""
PATIENCE_S = 2.0
MOST_RANDOM = 1 << 27
"""Numbers drawn at once."""
RANDOM = "random"
"""The name of data that are chance."""


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What to report besides, and write: memory_map, where every buffer lies; profile, the
    costliest lines; spread, cycles and integers if the chip is not as assumed; the first
    `trace_count` instructions of the first sample, in the report or in `trace_file` (None: none,
    and TRACED); a `chrome_trace` of at most `trace_instructions` (None: TRACED_FOR_CHROME); the
    assembly `listing`; `show`, of the layer or value of that name what memory held, as a picture in
    the file `out`; `dump`, of all of them in a .npz."""

    memory_map: bool = False
    profile: bool = False
    spread: bool = False
    trace_count: int | None = None
    trace_file: str | None = None
    chrome_trace: str | None = None
    trace_instructions: int | None = None
    listing: str | None = None
    show: str | None = None
    out: str | None = None
    dump: str | None = None


@dataclass(frozen=True, kw_only=True)
class Request(Extras, FromData, OnTarget):
    """What to run, on what, and what to report.

    source: a network, fixed point or, with arithmetic "float", float. samples: of the test split, a
    number (None: 1) or "all"; images: a file of samples instead, all of it. Where the network does
    not say which data it was made for, or data is "random", inputs are random, by `seed` (None: 0).
    goal: "time", "memory" or "balanced", within the budget ("33.3ms", "333333cycles", a name);
    None: the target's usual one. ram, flash: what may be taken by what changes as it runs, and by
    code and constants, such as "16KB". assume: NAME=VALUE of the chip. stream: a recurrent network
    one step a call; step: how long an element of its sequence takes to come, such as "20ms", where
    its file does not say. beside: a file of the same network in the other arithmetic.
    """

    source: str
    samples: str | None = None
    images: str | None = None
    seed: int | None = None
    goal: str | None = None
    budget: str | None = None
    ram: str | None = None
    flash: str | None = None
    assume: tuple[str, ...] = ()
    stream: bool = False
    step: str | None = None
    arithmetic: str = "fixed"
    beside: str | None = None


class FixedPoint:
    """A fixed-point network to run."""

    arithmetic = "fixed"

    def __init__(self, network: Network) -> None:
        assert network.fixed
        self.network, self.graph, self.program = network, network.fixed, lower(network.fixed)
        self.facts, self.shapes = network.facts, network.inputs

    def inputs(self, x: Arrays) -> list[np.ndarray]:
        """Reals as the machine reads them, for each input."""
        return quantized(self.graph, x)

    def reals(self, y: np.ndarray) -> np.ndarray:
        """A first output as the machine gives it, as reals."""
        return self.graph.outputs[0].format.dequantize(y)

    def random(self, count: int, seed: int) -> Batch:
        """Every integer of the inputs' formats is as likely."""
        rng = np.random.default_rng(seed)
        return _unknown({v.name: v.format.dequantize(rng.integers(
            v.format.min, v.format.max + 1, (count, *v.shape))) for v in self.graph.inputs})

    def told(self, seed: int) -> str:
        """What `random` gives, in words."""
        return f"random over the inputs' formats, seed {seed}"

    def report(self, compiled: Compiled, done: Run, q: list[np.ndarray], samples: Batch,
               budget: Budget | None, watch: Watch) -> report.Simulation:
        """The run beside the reference, on the same inputs q."""
        with watch.progress("reference") as tick:
            wanted = reference(self.graph, q, tick)
        return report.simulation(compiled, done, wanted, samples.index, samples.labels, self.facts,
                                 budget)


class FloatingPoint:
    """The same of a float network on the chip's floating point."""

    arithmetic = "float"

    def __init__(self, network: Network) -> None:
        from dsplet.quantize.float.program import lower_real
        assert network.float
        self.network, self.program = network, lower_real(network.float)
        self.facts, self.shapes = network.facts, network.inputs

    def inputs(self, x: Arrays) -> list[np.ndarray]:
        return [x[name] for name in self.shapes]

    def reals(self, y: np.ndarray) -> np.ndarray:
        return y

    def random(self, count: int, seed: int) -> Batch:
        """Uniform from -1 to 1: nothing tells more of a float network's inputs."""
        rng = np.random.default_rng(seed)
        return _unknown({name: rng.uniform(-1, 1, (count, *shape))
                         for name, shape in self.shapes.items()})

    def told(self, seed: int) -> str:
        return f"random from -1 to 1, seed {seed}"

    def report(self, compiled: Compiled, done: Run, xs: list[np.ndarray], samples: Batch,
               budget: Budget | None, watch: Watch) -> report.Simulation:
        with watch.progress("reference") as tick:
            wanted = list(self.network.run(samples.x, tick).values())
        return report.float_simulation(compiled, done, wanted, samples.index, samples.labels,
                                       self.facts, budget)


@dataclass(frozen=True, kw_only=True)
class Execution:
    """A finished run: its report, and what more can be asked of it. compared: samples on which
    integers are compared if the chip is not as assumed."""

    report: Simulation
    subject: FixedPoint | FloatingPoint
    compiled: Compiled
    inputs: list[np.ndarray]
    done: Run
    compared: Batch


def run(request: Request, watch: Watch = SILENT) -> Simulation | Streamed:
    """Raises ModelError, DataError, BudgetError, UnknownTarget, BadAssumption, NotOffered,
    DoesNotFit, CannotStream, RequestError, SizeError."""
    check_outs({"--listing": request.listing, "--trace-file": request.trace_file,
                "--chrome-trace": request.chrome_trace, "-o": request.out,
                "--dump": request.dump},
               request.source, request.beside, request.data, request.images)
    if request.chrome_trace is None:
        refuse_idle("--trace-instructions does nothing without --chrome-trace",
                    {"--trace-instructions": request.trace_instructions})
    if request.show is None:
        refuse_idle("-o does nothing without --show", {"-o": request.out})
    if request.stream:
        return _stream(request, _target(request))
    refuse_idle("--step is for --stream", {"--step": request.step})
    ran = simulated(request, watch)
    found = ran.report
    if request.beside:
        other = run(_beside(request), watch)
        assert isinstance(other, Simulation)
        if other.inputs:
            raise RequestError(f"{request.beside} does not say which data it was made for",
                               remedy="name samples with --data")
        assert found.provenance and other.provenance
        found = replace(found, side_by_side=[side(found), side(other)], provenance=replace(
            found.provenance, networks=[*found.provenance.networks, *other.provenance.networks]))
    return with_extras(replace(ran, report=found), request, watch)


def simulated(request: Request, watch: Watch = SILENT) -> Execution:
    """The run that is asked for, without extras, though for those the target has them. Raises what
    `run` does."""
    target = _target(request)
    budget = chip.budget_of(request.budget, target)
    limits = Limits(*(None if text is None else bytes_of(text, option) for text, option in (
        (request.ram, "--ram"), (request.flash, "--flash"))))
    subject: FixedPoint | FloatingPoint = (
        FloatingPoint(float_network(request.source)) if request.arithmetic == "float" else
        FixedPoint(fixed_network(request.source)))
    if request.show or request.dump:
        held.check(subject.program, request.show, request.out, request.dump)
    samples, said = _samples(request, subject)
    compiled = chip.compiled(subject.program, target, request.goal, budget)
    for tool in _tools(request):
        compiled.need(tool)
    ran = execute(subject, samples, compiled, budget, watch)
    if request.spread and request.samples is None and request.images is None:
        ran = replace(ran, compared=_samples(request, subject, MOST_COMPARED)[0])
    kept = limits.verdicts(compiled.memory())
    return replace(ran, report=replace(
        ran.report, provenance=_provenance(request, [subject.network], samples, target),
        memory_budget=kept or None,
        passed=ran.report.passed and all(v.met for v in kept), inputs=said,
        assumed=", ".join(request.assume) or None,
        calibrated_on=samples.calibrated_on(subject.facts)))


def execute(subject: FixedPoint | FloatingPoint, samples: Batch, compiled: Compiled,
            budget: Budget | None = None, watch: Watch = SILENT) -> Execution:
    """Run the subject's compiled program."""
    inputs = subject.inputs(samples.x)
    if compiled.remark:
        watch.note(compiled.remark)
    began = time.perf_counter()
    with watch.progress("simulating") as tick:
        done = compiled.simulate(inputs, lambda n: tick(n, len(samples)))
    if (seconds := time.perf_counter() - began) > PATIENCE_S:
        watch.note(f"{len(samples):,} samples executed in {seconds:.1f} s")
    found = subject.report(compiled, done, inputs, samples, budget, watch)
    return Execution(report=Simulation(network=subject.network.path, arithmetic=subject.arithmetic,
                                       **flat(found)),
                     subject=subject, compiled=compiled, inputs=inputs, done=done,
                     compared=samples)


def _target(request: Request) -> Target:
    target = chip.target_of(request)
    for text in request.assume:
        target = targets.assume(target, text)
    return target


def _provenance(request: Request, networks: list[Network], samples: Batch, target: Target
                ) -> Provenance:
    """With the target as it was chosen, and all that is taken for granted about it."""
    assumed = targets.backend(target).assumptions(target)
    return provenance(
        networks, samples, request, tuple(Extras.__dataclass_fields__), data=samples.data,
        seed=(request.seed or 0) if samples.data == RANDOM else None, board=target.board.name,
        clock=f"{target.clock_mhz:g}MHz", goal=request.goal or chip.usual_goal(target),
        assume=[f"{name}={value}" for name, value in assumed.items()])


def _tools(asked: Extras) -> list[str]:
    """Which of `backend.TOOLS` are asked for."""
    traced = asked.trace_count or asked.trace_file or asked.chrome_trace
    wanted = {"memory_map": asked.memory_map, "hot_lines": asked.profile,
              "assuming": asked.spread, "trace": traced, "values": asked.show or asked.dump}
    return [tool for tool, asked_for in wanted.items() if asked_for]


def _samples(request: Request, subject: FixedPoint | FloatingPoint, usual: int = 1
             ) -> tuple[Batch, str | None]:
    """What is asked for, and a word where it is chance: where nobody knows other samples. usual:
    how many are taken where nobody says."""
    wanted = request.samples or str(usual)
    feeding = request.feed(subject.facts, subject.shapes)
    seed = {"--seed": request.seed}
    if request.images:
        refuse_idle("--images takes all samples of its file", seed | {
            "--data": request.data, "--samples": request.samples})
        images = replace(feeding, data=request.images, resize=request.resize)
        return images.test("all").unlabelled, None
    if feeding.data and feeding.data != RANDOM:
        refuse_idle(f"the samples are those of {feeding.data}", seed)
        return feeding.test(wanted), None
    refuse_idle("random inputs are over the input's own range", {
        "--input-scale": request.input_scale, "--input-offset": request.input_offset,
        "--resize": request.resize}, ", or name samples with --data")
    refuse_idle("random inputs are others in the other arithmetic", {"--beside": request.beside},
                ", or name samples with --data")
    seeded = request.seed or 0
    return drawn(subject, count_of(wanted), seeded), subject.told(seeded)


def drawn(subject: FixedPoint | FloatingPoint, count: int, seed: int) -> Batch:
    """Random samples. Raises RequestError where they are too many."""
    size = sum(map(prod, subject.shapes.values()))
    if count * size > MOST_RANDOM:
        raise RequestError(f"{count:,} random samples are {count * size:,} numbers",
                           expected=f"at most {MOST_RANDOM:,}")
    return subject.random(count, seed)


def _unknown(x: dict[str, np.ndarray]) -> Batch:
    """Samples of which nobody knows more."""
    floats = {name: a.astype(np.float32) for name, a in x.items()}
    return Batch(floats, None, np.arange(len(next(iter(floats.values())))), data=RANDOM)


def _beside(request: Request) -> Request:
    """The same samples on the same chip, of the other network."""
    assert request.beside
    return Request(
        source=request.beside, arithmetic="fixed" if request.arithmetic == "float" else "float",
        samples=request.samples, images=request.images, seed=request.seed, goal=request.goal,
        assume=request.assume,
        **{f: getattr(request, f) for c in (FromData, OnPart) for f in c.__dataclass_fields__})


def _stream(request: Request, target: Target) -> Streamed:
    refuse_idle("--stream reports one step of a fixed-point program", {
        "--arithmetic float": request.arithmetic == "float", "--beside": request.beside,
        "--budget": request.budget, "-O": request.goal, "--ram": request.ram,
        "--flash": request.flash, "--map": request.memory_map, "--profile": request.profile,
        "--spread": request.spread, "--trace": request.trace_count, "--dump": request.dump,
        "--trace-file": request.trace_file, "--chrome-trace": request.chrome_trace,
        "--listing": request.listing, "--show": request.show})
    subject = FixedPoint(fixed_network(request.source))
    subject.facts |= {STEP: request.step} if request.step else {}
    samples, said = _samples(request, subject)
    found, _ = stepwise(subject, samples, target)
    return replace(found, provenance=_provenance(request, [subject.network], samples, target),
                   inputs=said, calibrated_on=samples.calibrated_on(subject.facts))


def stepwise(subject: FixedPoint, samples: Batch, target: Target) -> tuple[Streamed, Steps]:
    """Samples through a recurrent network one step a call, and what each step gave. Raises
    CannotStream, NotOffered, DoesNotFit."""
    compiled = targets.compile(streaming(subject.program), target)
    (element, _), = compiled.program.inputs
    q, = subject.inputs(samples.x)
    steps = compiled.stream(q.reshape(len(q), -1, *element.shape))
    found = report.streamed(compiled, steps, reference(subject.graph, [q])[0], samples.labels,
                            subject.facts)
    return Streamed(network=subject.network.path, **flat(found)), steps


def with_extras(ran: Execution, asked: Extras, watch: Watch = SILENT) -> Simulation:
    """Its report with what was asked for besides; files are written."""
    more: dict[str, Any] = {}
    compiled, inputs = ran.compiled, ran.inputs
    if asked.listing:
        listing = compiled.artefact("listing", compiled.program.name)
        write_atomically(asked.listing, listing.encode())
    if asked.memory_map:
        more["memory_map"] = map_rows(compiled)
    if asked.profile:
        more |= {"hot_lines": compiled.hot_lines(ran.done)[:HOT_LINES],
                 "causes": cause_rows(ran.done)}
    if asked.spread:
        with watch.progress("other assumptions") as tick:
            more |= vars(spread(ran.subject, compiled, ran.compared, tick))
    if asked.chrome_trace:
        text = compiled.trace(inputs, asked.trace_instructions or TRACED_FOR_CHROME, True)
        write_atomically(asked.chrome_trace, text.encode())
        more["chrome_trace"] = asked.chrome_trace
    if asked.trace_file:
        text = compiled.trace(inputs, asked.trace_count or TRACED)
        write_atomically(asked.trace_file, text.encode())
        more["trace_file"] = asked.trace_file
    elif asked.trace_count:
        more["trace"] = compiled.trace(inputs, asked.trace_count).splitlines()
    if asked.show or asked.dump:
        with watch.progress("reading memory") as tick:
            values = compiled.values(inputs, lambda n: tick(n, len(inputs[0])))
        more["held"] = held.kept(compiled.program, values, asked.show, asked.out, asked.dump)
        more |= {"picture": asked.out, "dump": asked.dump}
    return replace(ran.report, **more)
