"""What is chosen among changes whose figures are known, and the softmax that is left out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import onnxruntime as ort

from dsplet.quantize.fixed.graph import Graph, Value
from dsplet.quantize.fixed.ops.requantize import Requantize
from dsplet.quantize.fixed.ops.softmax import LogSoftmax, Softmax
from dsplet.quantize.fixed.qformat import QFormat
from dsplet.quantize.qdq.to_qdq import to_model
from dsplet.quantize.search.advice import Change, Figures, Measured, Plan, Rank, Search
from dsplet.quantize.search.bare import softmax_of, without_softmax

START = Plan("", False, frozenset())


@dataclass
class Shop:
    """Each change saves cycles and loses points, both of which add up. shy: plans that lose more
    when they are verified."""

    saved: dict[str, tuple[int, float]]
    allowed: int
    drop: float
    shy: frozenset[frozenset[str]] = frozenset()
    asked: list[frozenset[str]] = field(default_factory=list)

    def measure(self, plan: Plan, more: float = 0.0) -> Measured:
        assert isinstance(plan.way, frozenset)
        self.asked.append(plan.way)
        if "broken" in plan.way:
            return "cannot be had. At all."
        cycles = 100 - sum(self.saved[w][0] for w in plan.way)
        lost = sum(self.saved[w][1] for w in plan.way) + more
        return Figures(cycles=cycles, latency_ms=cycles, ram_bytes=0, read_only_bytes=0,
                       accuracy_percent=90 - lost, lost_points=lost, samples=10, over={
                           "latency": cycles / self.allowed - 1, "accuracy": lost / self.drop - 1})

    def verify(self, plan: Plan) -> Measured:
        return self.measure(plan, 5.0 * (plan.way in self.shy))

    def changes(self, plan: Plan) -> list[Change]:
        return [Change(name, "", Rank.FILE, lambda p, name=name: replace(
            p, way=frozenset({*p.way, name}))) for name in self.saved]


def search(shop: Shop, most: int = 50) -> tuple[list[str], Search]:
    found = Search(START, shop, most)
    found.climb(shop.changes)
    return [step.what for step in found.steps], found


def test_the_most_gain_for_a_point_lost_comes_first():
    """Of a: 20 cycles for 2 points; of b: 15 for half a point; both are needed."""
    steps, found = search(Shop({"a": (20, 2.0), "b": (15, 0.5), "broken": (99, 0)}, 65, 3))
    assert steps == ["b", "a"] and found.found and found.found.cycles == 65
    assert [(t.round, t.change.what) for t in found.trials] == [
        (1, "a"), (1, "b"), (1, "broken"), (2, "a")]
    assert [t.outcome for t in found.trials] == [
        "misses latency", "kept: the most for a point lost", "cannot be had", "meets all"]


def test_the_first_that_is_enough_ends_the_search():
    steps, found = search(Shop({"a": (1, 0), "b": (40, 1), "c": (41, 0)}, 65, 3))
    assert steps == ["b"] and len(found.trials) == 2


def test_what_is_not_needed_is_taken_back():
    """c alone saves enough only beside b; a, of the best ratio, is not needed then."""
    steps, found = search(Shop({"a": (5, 0), "b": (20, 0.4), "c": (15, 0.4)}, 65, 3))
    assert steps == ["b", "c"] and found.plan.way == {"b", "c"}


def test_what_does_not_hold_when_verified_is_not_taken():
    steps, found = search(Shop({"a": (40, 0), "b": (50, 1)}, 65, 3, frozenset({frozenset("a")})))
    assert steps == ["b"]
    assert found.trials[0].outcome == "meets all on calibration samples, and not when verified"


def test_trials_are_bounded_and_rounds_end():
    shop = Shop({"a": (1, 0), "b": (2, 0), "c": (0, 0)}, 10, 3)
    steps, found = search(shop)
    assert steps == ["b", "a"] and found.found is None and len(found.trials) == 6
    assert len(search(shop, most=4)[1].trials) == 4
    assert search(shop)[0] == steps  # equal inputs, equal choices


def ending(op: type[Softmax | LogSoftmax], y: QFormat) -> Graph:
    x = Value("x", (6,), QFormat(8, 3))
    scores = Value("s", (6,), QFormat(8, 3))
    return Graph("g", (x,), (Requantize("same", (x,), scores), op.of(
        "end", scores, Value("y", (6,), y))), (Value("y", (6,), y),))


def test_the_largest_score_is_a_most_probable_class():
    """As ONNX Runtime has both networks; of 8 bits, probabilities of scores apart are often equal,
    of 16 bits never those of the largest."""
    x = np.random.default_rng(0).integers(-128, 128, (500, 6))
    for op, y in ((Softmax, QFormat(16, 15, signed=False)), (LogSoftmax, QFormat(16, 8)),
                  (Softmax, QFormat(8, 7, signed=False))):
        whole = ending(op, y)
        bare = without_softmax(whole)
        assert softmax_of(whole) is whole.nodes[-1] and softmax_of(bare) is None
        probable, scores = (ort.InferenceSession(
            to_model(g).SerializeToString(), providers=["CPUExecutionProvider"]).run(
                ["y"], {"x": (x / 8).astype(np.float32)})[0] for g in (whole, bare))
        first = scores.argmax(1)
        assert (probable[np.arange(500), first] == probable.max(1)).all()
        assert np.array_equal(scores, x / 8)
