"""The cheapest changes that bring a fixed-point network within budgets, or why none does."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from dsplet.base.files import write_atomically
from dsplet.base.progress import SILENT, Watch
from dsplet.base.provenance import Provenance
from dsplet.base.rows import unprinted
from dsplet.base.sizes import bytes_of
from dsplet.firmware_sim.backend import Target
from dsplet.firmware_sim.report import title
from dsplet.quantize.network import Network
from dsplet.quantize.qdq import to_qdq
from dsplet.quantize.search.advice import Figures, Measured, Plan, Rank, Search, Trial
from dsplet.workflows import chip
from dsplet.workflows.advise_bench import TIMED, Bench, Limits, Way
from dsplet.workflows.advise_bounds import Bound, broken
from dsplet.workflows.advise_changes import of_file, of_hardware
from dsplet.workflows.request import FromData, OnTarget, RequestError, check_out

NAME = "better.q.onnx"
"""Of a file that nobody asked for yet."""
TRIALS = 60
HARDWARE_TRIALS = 20
"""Beyond those of the file: there are about as many parts and boards."""


@dataclass(frozen=True, kw_only=True)
class Request(FromData, OnTarget):
    """reference: a float network; test: the fixed-point one that was made from it. budget, ram,
    flash: as of `simulate.Request`. drop: points of accuracy that may be lost against the float
    network. goal: what TEST is compiled for now. hardware: whether another part, board or clock may
    be taken. samples: of the test split, a number or "all". calibrate: samples to quantize and to
    try with. trials: changes that are tried, but for those of hardware."""

    reference: str
    test: str
    out: str | None = None
    budget: str | None = None
    ram: str | None = None
    flash: str | None = None
    drop: float | None = None
    goal: str | None = None
    hardware: bool = False
    samples: str = "all"
    calibrate: int = 1000
    trials: int = TRIALS


@dataclass(frozen=True, kw_only=True)
class BudgetRow:
    """A budget, and what is used of it. unit: ms, bytes, or points of accuracy that are lost.
    before, after: None where that is not to be had, or nothing is advised."""

    budget: str
    unit: str
    allowed: float
    before: float | None
    after: float | None
    met: bool


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """A change, and what was measured of it. cycles_before: of the plan that it changes.
    lost_points: of accuracy against the float network, on `samples`. None: it cannot be had."""

    FIRST = ("change", "cycles", "ram_bytes", "read_only_bytes", "lost_points", "outcome")

    round: int
    change: str
    cost: str
    cycles_before: float | None
    cycles: float | None
    latency_ms: float | None
    ram_bytes: int | None
    read_only_bytes: int | None
    lost_points: float | None
    samples: int | None
    outcome: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """verdict: in a sentence. calibrated_on: how many of the test samples the network that is
    reported of was calibrated on. budgets: of the network as it is and as it would be handed over,
    on test samples. changes: what is advised, in order. bounds: budgets that no change of the file
    meets on the target. trials: all that was tried, on calibration samples where it was not
    verified. untried: why nothing was quantized anew. commands: that repeat what is promised."""

    FIRST = ("passed", "verdict", "budgets", "changes", "commands")

    provenance: Provenance = unprinted()
    reference: str
    test: str
    verdict: str
    target: str
    calibrated_on: str | None = None
    samples: int
    calibration_samples: int
    budgets: list[BudgetRow]
    changes: list[str]
    bounds: list[Bound]
    trials_made: int
    trials: list[TrialRow]
    untried: str | None = None
    commands: list[str]
    file: str | None = None
    passed: bool


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Every change is built, compiled, run and measured. Raises ModelError, DataError, BudgetError,
    SizeError, UnknownTarget, RequestError."""
    check_out(request.out, request.reference, request.test, request.data)
    limits, way = _limits(request), Way(
        target=request.target, board=request.board, clock=request.clock,
        rounding=request.rounding, goal=request.goal)
    limits.allowed_cycles(chip.target_of(way))
    whole, fixed = Network(request.reference), Network(request.test)
    _check(request, whole, fixed)
    feeding = request.feed(fixed.facts, fixed.inputs)
    bench = Bench(whole, fixed, feeding, limits, request.calibrate, request.samples, watch)
    start = Plan(bench.own, False, way)
    before = bench.verify(start)
    bounds: list[Bound] = []
    with watch.progress("trying changes") as tick:
        search = Search(start, bench, request.trials, tick)
        if not isinstance(before, str) and before.met:
            search.found = before
        else:
            bounds = broken(bench, way)
            _search(search, bench, {b.budget for b in bounds})
    return _report(request, bench, search, before, bounds)


def _limits(request: Request) -> Limits:
    """Raises RequestError, SizeError."""
    if request.drop is not None and not 0 < request.drop <= 100:
        raise RequestError(f"--drop is {request.drop:g}",
                           expected="points of accuracy: above 0, at most 100")
    ram, flash = (None if text is None else bytes_of(text, option) for text, option in (
        (request.ram, "--ram"), (request.flash, "--flash")))
    if request.budget is ram is flash is request.drop is None:
        raise RequestError("there is no budget to meet",
                           remedy="give --budget, --ram, --flash or --drop")
    return Limits(budget=request.budget, ram=ram, flash=flash, drop=request.drop)


def _check(request: Request, whole: Network, fixed: Network) -> None:
    """Raises RequestError."""
    if whole.float is None or fixed.fixed is None:
        raise RequestError(f"{request.reference} must be a float network and {request.test} the "
                           "fixed-point one that was made from it")
    made_from = fixed.facts.get("dsplet.float_sha256", whole.float.sha256)
    if made_from != whole.float.sha256:
        raise RequestError(f"{request.test} was made from another file than {request.reference}",
                           remedy="give that one, or quantize this one")


def _search(search: Search, bench: Bench, impossible: set[str]) -> None:
    """The file first, unless no change of it can be enough; then hardware, unless it cannot be
    either, as for a latency in cycles, and the file again."""
    def file(plan: Plan):
        return of_file(bench, plan)

    if not impossible and search.climb(file):
        return
    if impossible - {"latency"} or impossible and bench.limits.in_cycles:
        return
    search.most += HARDWARE_TRIALS
    steps = len(search.steps)
    if not search.climb(lambda plan: of_hardware(bench, plan)) and len(search.steps) > steps:
        search.climb(file)


def _report(request: Request, bench: Bench, search: Search, before: Measured,
            bounds: list[Bound]) -> Report:
    """Writes the file, where the budgets are met by what may be changed."""
    foreign = any(step.rank is Rank.HARDWARE for step in search.steps)
    found = search.found if request.hardware or not foreign else None
    out = request.out if found else None
    if found and out:
        _write(request, bench, search, out)
    start, last = search.start.way, search.plan.way if found else search.start.way
    assert isinstance(start, Way) and isinstance(last, Way)
    test, graph = bench.test.batch, bench.graph(search.plan) if found else bench.fixed
    return Report(
        provenance=bench.made_from(request), reference=request.reference, test=request.test,
        verdict=_verdict(search, found, bounds), target=title(chip.target_of(last)),
        calibrated_on=test.calibrated_on(dict(graph.metadata)), samples=len(test),
        calibration_samples=len(bench.calibration.batch),
        budgets=_budget_rows(bench.limits, chip.target_of(start), before, found),
        changes=[s.what for s in search.steps] if found else [], bounds=bounds,
        trials_made=len(search.trials), trials=[_row(t) for t in search.trials],
        untried=bench.untried or None, commands=_commands(
            request, last, out or (NAME if _is_changed(search) else request.test)) if found else [],
        file=out, passed=found is not None)


def _write(request: Request, bench: Bench, search: Search, out: str) -> None:
    """The file as it is, where nothing in it changes."""
    if _is_changed(search):
        to_qdq.save(bench.graph(search.plan), out)
    else:
        write_atomically(out, Path(request.test).read_bytes())


def _is_changed(search: Search) -> bool:
    return replace(search.plan, way=None) != replace(search.start, way=None)


def _verdict(search: Search, found: Figures | None, bounds: list[Bound]) -> str:
    steps = "; ".join(s.what for s in search.steps)
    count = len(search.trials)
    tried = f"{count} change{'s' * (count != 1)} tried"
    if found:
        return f"met by: {steps} ({tried})" if steps else "met already: nothing has to change"
    if bounds:
        proofs = "; ".join(f"{b.budget} on {b.target}: {b.why}" for b in bounds)
        said = f"not met, and no change of the file can: {proofs}"
    else:
        said = f"not met by any of {tried}, which proves nothing of others"
    if search.found:
        return f"{said}; met by other hardware, which --hardware allows: {steps}"
    nearest = search.bench.measure(search.plan)
    if not steps or isinstance(nearest, str):
        return said
    missed = " and ".join(f"{name} by {100 * share:.3g} %" for name, share in nearest.over.items()
                          if share > 0)
    return f"{said}; nearest, which misses {missed}: {steps}"


def _budget_rows(limits: Limits, target: Target, before: Measured, after: Figures | None
                 ) -> list[BudgetRow]:
    """One for each budget. target: that of `before`."""
    in_cycles = limits.in_cycles
    allowed_cycles = limits.allowed_cycles(target) or 0.0
    rows = {"latency": ("cycles" if in_cycles else "ms",
                        allowed_cycles if in_cycles else target.ms(allowed_cycles)),
            "RAM": ("bytes", limits.ram), "flash": ("bytes", limits.flash),
            "accuracy": ("points lost", limits.drop)}

    def used(measured: Measured | None, name: str) -> float | None:
        if not isinstance(measured, Figures):
            return None
        return {"latency": measured.cycles if in_cycles else measured.latency_ms,
                "RAM": measured.ram_bytes, "flash": measured.read_only_bytes,
                "accuracy": measured.lost_points}[name]

    given = {"latency": limits.budget, "RAM": limits.ram, "flash": limits.flash,
             "accuracy": limits.drop}
    return [BudgetRow(budget=name, unit=unit, allowed=allowed, before=used(before, name),
                      after=used(after, name), met=after is not None)
            for name, (unit, allowed) in rows.items()
            if given[name] is not None and allowed is not None]


def _commands(request: Request, way: Way, out: str) -> list[str]:
    """That run the file as is promised, on the samples on which that was measured."""
    feed: list[object] = []
    for option, value in (("--data", request.data), ("--input-scale", request.input_scale),
                          ("--input-offset", request.input_offset)):
        feed += [option, value] if value is not None else []
    feed += ["--resize"] if request.resize else []
    words: list[object] = ["dsplet", "simulate", out, "--target", way.target, "--samples", TIMED]
    for option, value in (("--board", way.board), ("--clock", way.clock),
                          ("--rounding", way.rounding), ("-O", way.goal),
                          ("--budget", request.budget), ("--ram", request.ram),
                          ("--flash", request.flash)):
        words += [option, value] if value is not None else []
    compare = ["dsplet", "compare", request.reference, out, "--samples", request.samples]
    return [shlex.join(map(str, [*line, *feed])) for line in (words, compare)]


def _row(trial: Trial) -> TrialRow:
    after = trial.after
    return TrialRow(
        round=trial.round, change=trial.change.what, cost=trial.change.cost,
        cycles_before=None if trial.before is None else trial.before.cycles,
        **{"cycles": None, "latency_ms": None, "ram_bytes": None, "read_only_bytes": None,
           "lost_points": None, "samples": None} if after is None else dict(
            cycles=after.cycles, latency_ms=after.latency_ms, ram_bytes=after.ram_bytes,
            read_only_bytes=after.read_only_bytes, lost_points=after.lost_points,
            samples=after.samples),
        outcome=trial.outcome)
