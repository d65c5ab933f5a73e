"""How much of a quantized network hangs on the calibration samples that happened to be taken."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from dsplet.data.answers import answers, same
from dsplet.data.feed import KEYS
from dsplet.quantize.analysis.compare import predictions
from dsplet.quantize.fixed.execute import Executor
from dsplet.quantize.fixed.graph import Graph, Weight
from dsplet.quantize.float.execute import FloatNetwork
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.network import Arrays, Network, Progress, quantized
from dsplet.quantize.ptq.recipe import Recipe, quantize


@dataclass(frozen=True, kw_only=True)
class DrawRow:
    """One quantization. flips_from_all_samples: None of that on all samples itself."""

    calibration: str
    accuracy_percent: float
    sqnr_db: float
    flips_from_float: int
    flips_from_all_samples: int | None


@dataclass(frozen=True, kw_only=True)
class DrawnFormats:
    """How often a value, or a layer's weights, had which format.

    changed: of so many channels of weights, those whose step was not the same every time.
    """

    of: str
    formats: str
    channels: int | None
    changed: int | None


@dataclass(frozen=True, kw_only=True)
class Spread:
    """What changed over the draws. samples: that accuracy and flips are counted on.
    accuracy_percent: the mean over the draws, and accuracy_deviation_points around it."""

    samples: int
    draws: list[DrawRow]
    accuracy_percent: float
    accuracy_deviation_points: float
    formats_drawn: list[DrawnFormats]


def spread(network: Network, fixed: Graph, recipe: Recipe, samples: Arrays, test: Arrays,
           labels: np.ndarray, times: int, seed: int, progress: Progress) -> Spread:
    """Quantizes `times` more, each on as many samples drawn from `samples` with replacement.

    network: the float one; fixed: what became of it on `samples`. test, labels: what accuracy and
    flips are counted on. Samples are floats (N, *shape) by input.
    """
    rng = np.random.default_rng(seed)
    if (graph := network.float) is None:
        raise ModelError(f"{network.path} is fixed point; expected the float network")
    floats = FloatNetwork(network.path)(dict(test))[graph.outputs[0]]
    scores, many = floats.reshape(len(labels), -1), len(next(iter(samples.values())))
    graphs, rows = [fixed], [_row("all samples", fixed, test, scores, None, labels)]
    first, scaling = _scores(fixed, test), {k: v for k, v in fixed.metadata if k in KEYS}
    for run in range(times):
        drawn = rng.integers(0, many, many)
        graphs.append(quantize(graph, {name: x[drawn] for name, x in samples.items()}, recipe,
                               scaling))
        rows.append(_row(f"draw {run + 1}", graphs[-1], test, scores, first, labels))
        progress(run + 1, times)
    accuracy = [r.accuracy_percent for r in rows[1:]]
    return Spread(samples=len(labels), draws=rows, accuracy_percent=float(np.mean(accuracy)),
                  accuracy_deviation_points=float(np.std(accuracy, ddof=1)),
                  formats_drawn=_formats(graphs))


def _scores(fixed: Graph, x: Arrays) -> np.ndarray:
    """(N, classes) reals."""
    y = fixed.outputs[0]
    q = Executor(fixed)(*quantized(fixed, x))[0]
    return y.format.dequantize(q.reshape(len(q), -1))


def _row(name: str, fixed: Graph, test: Arrays, floats: np.ndarray, first: np.ndarray | None,
         labels: np.ndarray) -> DrawRow:
    scores = _scores(fixed, test)
    seen = predictions(floats, scores, labels)
    moved = None if first is None else int((~same(*(
        answers(y, labels.shape[1:]) for y in (scores, first)))).sum())
    return DrawRow(calibration=name, accuracy_percent=seen.test_accuracy_percent,
                   sqnr_db=seen.sqnr_db, flips_from_float=len(seen.flips),
                   flips_from_all_samples=moved)


def _formats(graphs: list[Graph]) -> list[DrawnFormats]:
    """A row for each value and each layer's weights: how often it had which format."""
    rows: list[DrawnFormats] = []
    for v in graphs[0].values():
        seen = Counter(str({u.name: u for u in g.values()}[v.name].format) for g in graphs)
        rows.append(DrawnFormats(of=v.name, formats=_listed(seen), channels=None, changed=None))
    for i, n in enumerate(graphs[0].nodes):
        weights = [getattr(g.nodes[i], "weight", None) for g in graphs]
        if known := [w.frac for w in weights if isinstance(w, Weight)]:
            fracs = np.stack(known)
            seen = Counter(f"2^-{f}" for f in fracs.reshape(-1))
            rows.append(DrawnFormats(of=f"{n.name}, steps of weights", formats=_listed(seen),
                                     channels=fracs.shape[1],
                                     changed=int((fracs != fracs[0]).any(0).sum())))
    return rows


def _listed(seen: Counter) -> str:
    return ", ".join(f"{name} {times}x" for name, times in seen.most_common())
