"""How much of the signal each layer's output keeps: alone, and with all the layers before it."""

from __future__ import annotations

from dsplet.report import markup
from dsplet.report.markup import NONE, Facts, Html, bar, chart, decibel, dot, key, row, tag

TICKS = (20, 10, 40)
"""Decibels between the axis' lines: the first that gives MOST_LINES at most."""
MOST_LINES = 8


def section(report: Facts) -> Html:
    """The part of the page."""
    compared, seen = report["comparison"], report.get("diagnosis")
    if seen:
        rows = [(r["layer"], r["format"], r["sqnr_cumulative_db"], r["sqnr_isolated_db"])
                for r in seen["layers"]]
        note = (f"Signal over quantization noise, of {seen['samples']:,} samples, against the "
                "float network: what a layer loses by itself, and what has been lost by then. The "
                f"output keeps {decibel(seen['output_sqnr_db'])}.")
        marks = key(("alone", "it alone on its grid"), ("with", "all layers on theirs"))
    else:
        rows = [(_name(r), r["format"], r["sqnr_db"], None)
                for r in compared.get("layers") or () if r["sqnr_db"] is not None]
        note = f"Not by layer: {report['not_diagnosed']}." + (
            " What has been lost by each value, against the float network's." if rows else "")
        marks = key(("with", "all layers on their grids"))
    if not rows:
        return markup.part("Signal and noise", note=note)
    return markup.part("Signal and noise", marks, _dumbbells(rows), note=note)


def _name(value: Facts) -> str:
    return value.get("layer") or value["value"]


def _dumbbells(rows: list[tuple[str, str, float | None, float | None]]) -> Html:
    """name, format, cumulative, isolated; no dot where a number is none or endless."""
    known = [v for r in rows for v in r[2:] if v is not None]
    top = max([*known, 20.0]) * 1.03
    low = min([0.0, *known])
    tick = next((t for t in TICKS if (top - low) / t <= MOST_LINES), TICKS[-1])

    def at(value: float) -> float:
        return 100 * (value - low) / (top - low)

    ticks = range(int(low // tick) * tick, int(top) + 1, tick)
    lines = [tag("s", class_="line", style=f"left:{at(t):.2f}%") for t in ticks if t >= low]
    axis = row("", [tag("s", str(t), class_="tick", style=f"left:{at(t):.2f}%")
                    for t in ticks if t >= low], "dB", mark="scale")
    found = []
    for name, fmt, with_, alone in rows:
        pieces = [*lines]
        if with_ is not None and alone is not None:
            pieces.append(bar(at(min(with_, alone)), abs(at(alone) - at(with_)), "span"))
        pieces += [dot(at(v), mark) for v, mark in ((alone, "alone"), (with_, "with"))
                   if v is not None]
        said = " / ".join(decibel(v).removesuffix(" dB") for v in (alone, with_) if v is not None)
        found.append(row(name, pieces, said or NONE, f"{name}, {fmt}: alone {decibel(alone)}, with "
                                                     f"the others {decibel(with_)}"))
    return chart(*found, axis, mark="dots")
