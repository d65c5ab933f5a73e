"""The whole way of a digit net, on digits that ship with scikit-learn."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dsplet.base.files import make_folder
from dsplet.base.progress import SILENT, Watch
from dsplet.data.budgets import Budget
from dsplet.firmware_sim.rows import MemoryRow
from dsplet.quantize.analysis.report import Comparison
from dsplet.workflows import chip, compare, export, quantize, simulate, train
from dsplet.workflows.request import OnTarget
from dsplet.workflows.simulation import Simulation

DROP_POINTS = 0.5


@dataclass(frozen=True, kw_only=True)
class Request(OnTarget):
    """model: of the zoo. keep: a folder for the files; None: they are thrown away."""

    model: str = "zip1989"
    keep: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """by_hand: the commands that do the same. passed: every integer agrees, the budget is met, and
    fixed point loses no more than is allowed."""

    FIRST = ("passed", "float_accuracy_percent", "fixed_accuracy_percent", "drop_points",
             "differing_integers", "cycles", "latency_ms", "budget_ms")

    by_hand: list[str]
    memory: list[MemoryRow]
    model: str
    samples: int
    float_accuracy_percent: float
    fixed_accuracy_percent: float
    drop_points: float
    drop_allowed_points: float
    executed_digits: int
    differing_integers: int
    compared_with: str
    cycles: float
    cycles_per_mac: float | None
    clock_mhz: float
    latency_ms: float
    budget_ms: float | None
    budget_source: str | None
    passed: bool


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Train, export, quantize, compare, simulate. Raises ZooError, DataError, UnknownTarget,
    DoesNotFit."""
    from dsplet.train import zoo
    card, clock = zoo.get(request.model), chip.target_of(request).clock_mhz
    budget = next(iter(card.budgets), None)
    with _folder(request.keep) as folder:
        commands, seen, ran = _steps(request, folder, budget, watch)
    floats, fixed = seen.reference_accuracy_percent, seen.test_accuracy_percent
    assert floats is not None and fixed is not None and ran.differing_integers is not None
    return Report(
        by_hand=commands, memory=ran.memory, model=f"{card.name}: {card.title}",
        samples=seen.samples, float_accuracy_percent=floats, fixed_accuracy_percent=fixed,
        drop_points=floats - fixed, drop_allowed_points=DROP_POINTS, executed_digits=ran.samples,
        differing_integers=ran.differing_integers, compared_with=ran.compared_with,
        cycles=ran.cycles, cycles_per_mac=ran.cycles_per_mac, clock_mhz=clock,
        latency_ms=ran.latency_ms, budget_ms=budget.latency_ms if budget else None,
        budget_source=budget.source if budget else None,
        passed=ran.passed and floats - fixed <= DROP_POINTS)


@contextmanager
def _folder(keep: str | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as scratch:
        yield make_folder(scratch if keep is None else keep)


def _steps(request: Request, folder: Path, budget: Budget | None, watch: Watch
           ) -> tuple[list[str], Comparison, Simulation]:
    """The commands that do what this does, each told as it begins."""
    names = [f"{request.model}{ending}" for ending in (".safetensors", ".onnx", ".q.onnx")]
    weights, net, fixed = (str(folder / name) for name in names)
    commands: list[str] = []

    def step(*words: str) -> None:
        commands.append(" ".join(("dsplet", *words)))
        watch.note(f"$ {commands[-1]}")

    step("train", request.model, "--data digits -o", names[0])
    train.run(train.Request(model=request.model, data="digits", out=weights), watch)
    step("export", names[0], "-o", names[1])
    export.run(export.Request(source=weights, out=net), watch)
    step("quantize", names[1], "-o", names[2])
    quantize.run(quantize.Request(source=net, out=fixed), watch)
    step("compare", names[1], names[2])
    seen = compare.run(compare.Request(reference=net, test=fixed), watch)
    step("simulate", names[2], "--target", request.target,
         *(("--board", request.board) if request.board else ()),
         *(("--clock", request.clock) if request.clock else ()),
         *(("--rounding", request.rounding) if request.rounding else ()), "--samples all",
         *(("--budget", budget.name) if budget else ()))
    ran = simulate.run(simulate.Request(
        source=fixed, target=request.target, board=request.board, clock=request.clock,
        rounding=request.rounding, samples="all", budget=budget.name if budget else None), watch)
    assert isinstance(ran, Simulation)
    return commands, seen, ran
