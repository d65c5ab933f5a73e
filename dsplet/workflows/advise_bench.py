"""What `advise` measures: a plan quantized, compiled, run, and its answers counted, each once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dsplet.base.errors import UserError
from dsplet.base.progress import Watch
from dsplet.base.provenance import Provenance
from dsplet.data.answers import answers, percent_right, same
from dsplet.data.feed import Batch, Feed
from dsplet.firmware_sim.backend import Compiled, Target
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.float.graph import FloatGraph
from dsplet.quantize.network import Network, quantized, reference
from dsplet.quantize.ptq import recipe as recipes
from dsplet.quantize.ptq.recipe import Recipe
from dsplet.quantize.search.advice import Figures, Measured, Plan
from dsplet.quantize.search.bare import softmax_of, without_softmax
from dsplet.quantize.search.suggestions import quick
from dsplet.quantize.search.trial import Trials
from dsplet.workflows import chip
from dsplet.workflows.provenance import provenance
from dsplet.workflows.request import OnTarget, classes

TIMED = 4
"""Samples that are executed: of code whose worst case is not proved, cycles are the most of these.
"""


@dataclass(frozen=True, kw_only=True)
class Way(OnTarget):
    """For what, and for which goal, a plan is compiled; None: the target's usual one."""

    goal: str | None = None


@dataclass(frozen=True, kw_only=True)
class Limits:
    """budget: of latency, as text. ram, flash: bytes. drop: points of accuracy that may be lost
    against the float network. None: no matter."""

    budget: str | None
    ram: float | None
    flash: float | None
    drop: float | None

    @property
    def in_cycles(self) -> bool:
        """Whether no clock changes what is allowed."""
        return (self.budget or "").endswith("cycles")

    def allowed_cycles(self, target: Target) -> float | None:
        """On that target. Raises BudgetError."""
        budget = chip.budget_of(self.budget, target)
        return budget.cycles if budget else None

    def over(self, target: Target, cycles: float, ram: float, flash: float, lost: float
             ) -> dict[str, float]:
        """See `Figures`."""
        used = {"latency": (cycles, self.allowed_cycles(target)), "RAM": (ram, self.ram),
                "flash": (flash, self.flash), "accuracy": (max(lost, 0.0), self.drop)}
        return {name: taken / allowed - 1 for name, (taken, allowed) in used.items()
                if allowed is not None}


class Samples:
    """Samples with labels, and what the float network gets right of them."""

    def __init__(self, whole: Network, batch: Batch) -> None:
        self.batch, self.labels = batch, classes("dsplet advise", whole, batch)
        self.float_percent = percent_right(whole.scores(batch.x), self.labels)


class Bench:
    """Plans of one network. own: its recipe as JSON, "" where it was not made by one alone. trials:
    of its float network; None where it is not quantized anew, and `untried` says why."""

    def __init__(self, whole: Network, fixed: Network, feeding: Feed, limits: Limits,
                 calibrate: int, samples: str, watch: Watch) -> None:
        assert whole.float is not None and fixed.fixed is not None
        self.fixed, self.limits, self.feeding = fixed.fixed, limits, feeding
        self._files = whole, fixed
        self.float: FloatGraph = whole.float.saying(feeding.metadata)
        self.calibration = Samples(whole, feeding.calibration(calibrate))
        self.test = Samples(whole, feeding.test(samples))
        self.own = "" if "dsplet.finetuned" in fixed.facts else fixed.facts.get("dsplet.recipe", "")
        self.trials: Trials | None = None
        self.untried = "" if self.own else "the network was not made by a recipe alone"
        if self.own:
            x, = self.calibration.batch.x.values()
            try:
                with watch.progress("calibrating") as tick:
                    self.trials = Trials(self.float, x, self.calibration.labels,
                                         quick(Recipe.from_json(self.own)), tick)
            except UserError as error:
                self.untried = str(error)
        self._known: dict[Any, Any] = {}

    def measure(self, plan: Plan) -> Measured:
        """Of a plan that was verified, what was found then."""
        if ("verify", plan) in self._known:
            return self.verify(plan)
        return self._once(("measure", plan), lambda: self._figures(
            plan, self._quick(plan.recipe), self.calibration))

    def verify(self, plan: Plan) -> Measured:
        return self._once(("verify", plan), lambda: self._figures(
            plan, self._whole(plan.recipe), self.test))

    def graph(self, plan: Plan) -> Graph:
        """As it is handed over."""
        whole = self._whole(plan.recipe)
        return without_softmax(whole) if plan.bare else whole

    def made_from(self, request: Any) -> Provenance:
        """Of a report on the request."""
        return provenance(self._files, self.test.batch, request, ("out",))

    def compiled(self, graph: Graph, way: Way) -> Compiled:
        """Raises DoesNotFit."""
        target = chip.target_of(way)
        return chip.compiled(lower(graph), target, way.goal,
                             chip.budget_of(self.limits.budget, target))

    def narrowest(self) -> Graph | None:
        """Of all plans' networks one that needs no more arithmetic than any; None where it cannot
        be had."""
        least: dict[str, Any] = {f: 2 for f in recipes.BITS if f != "accumulator_bits"}
        try:
            if self.trials is None:
                made = self.fixed
            else:
                trials = self.trials.under(replace(self.trials.recipe, layers={}, **least))
                made = trials.quantize(trials.own)
        except UserError:
            return None
        return without_softmax(made) if softmax_of(made) else made

    def _once(self, key: Any, make: Any) -> Any:
        if key not in self._known:
            try:
                self._known[key] = make()
            except UserError as error:
                self._known[key] = str(error)
        return self._known[key]

    def _quick(self, recipe: str) -> Graph:
        if recipe == self.own or self.trials is None:
            return self.fixed
        trials = self.trials.under(quick(Recipe.from_json(recipe)))
        return self._made(("quick", recipe), lambda: trials.quantize(trials.own))

    def _whole(self, recipe: str) -> Graph:
        """By the recipe itself; the network's own is the file's."""
        if recipe == self.own or self.trials is None:
            return self.fixed
        batch = self.calibration.batch
        facts = self.feeding.metadata | self.feeding.calibration_facts(batch)
        return self._made(("whole", recipe), lambda: recipes.quantize(
            self.float, batch.x, Recipe.from_json(recipe), facts))

    def _made(self, key: Any, make: Any) -> Graph:
        """Like `_once`; what cannot be made is raised each time."""
        made = self._once(key, make)
        if isinstance(made, str):
            raise UserError(made)
        return made

    def _figures(self, plan: Plan, whole: Graph, samples: Samples) -> Measured:
        """whole: the plan's network with its softmax. Raises UserError where it cannot be had."""
        assert isinstance(plan.way, Way)
        graph = without_softmax(whole) if plan.bare else whole
        scores = self._scores(graph, samples)
        if plan.bare and (word := _apart(scores, self._scores(whole, samples), samples.labels)):
            return word
        compiled = self.compiled(graph, plan.way)
        q = quantized(graph, {name: x[:TIMED] for name, x in samples.batch.x.items()})
        run = compiled.simulate(q)
        for got, wanted in zip(run.outputs, reference(graph, q), strict=True):
            if not np.array_equal(got, wanted):
                return "its machine code computes other integers"
        worst, memory, target = compiled.worst_case().cycles, compiled.memory(), compiled.target
        cycles = max(worst or 0.0, float(run.cycles.max()))
        right = percent_right(scores, samples.labels)
        lost = samples.float_percent - right
        return Figures(
            cycles=cycles, latency_ms=target.ms(cycles), ram_bytes=memory.ram_bytes,
            read_only_bytes=memory.read_only_bytes, accuracy_percent=right, lost_points=lost,
            samples=len(samples.batch), over=self.limits.over(
                target, cycles, memory.ram_bytes, memory.read_only_bytes, lost))

    def _scores(self, graph: Graph, samples: Samples) -> np.ndarray:
        key = ("scores", id(graph), id(samples))
        if key not in self._known:
            self._known[key] = graph, Network("", graph).scores(samples.batch.x)
        scores: np.ndarray = self._known[key][1]  # the graph is kept: its id stays its own
        return scores


def _apart(scores: np.ndarray, others: np.ndarray, labels: np.ndarray) -> str:
    """How many samples are answered otherwise without the softmax; "" where none is."""
    read, wanted = (answers(y, labels.shape[1:]) for y in (scores, others))
    count = int((~same(read, wanted)).sum())
    return f"answers {count:,} of {len(labels):,} samples otherwise" if count else ""
