"""The Pareto front as a picture: SQNR of the scores over memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dsplet.base.picture import picture
from dsplet.quantize.search.trial import Point
from dsplet.quantize.search.widths import Found


def draw(found: Found, path: str | Path, title: str) -> None:
    """An .svg or .png at `path`. Raises PictureError."""
    with picture(path) as axes:
        uniform = [p for p in found.points if len(set(p.widths.values())) == 1]
        mixed = [p for p in found.points if p not in uniform]
        axes.plot(*_at(found.front), "-", color="0.75", zorder=0, label="front")
        axes.plot(*_at(mixed), "o", color="C0", label="mixed widths")
        axes.plot(*_at(uniform), "s", color="C1", label="one width for all")
        for p in uniform:
            bits = next(iter(p.widths.values()))
            (x,), (y,) = _at([p])
            axes.annotate(str(bits), (x, y), textcoords="offset points", xytext=(6, -10),
                          fontsize=8)
        if found.chosen:
            axes.plot(*_at([found.chosen]), "*", color="C3", markersize=14, label="chosen")
        axes.set(xlabel="memory, KB (weights, biases and live activations, packed by bits)",
                 ylabel="SQNR of the scores, dB", title=title)
        axes.grid(alpha=0.3)
        axes.legend()


def _at(points: list[Point]) -> tuple[np.ndarray, np.ndarray]:
    return (np.array([p.memory_bytes / 1024 for p in points]),
            np.array([p.sqnr_db for p in points]))
