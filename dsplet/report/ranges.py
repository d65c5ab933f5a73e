"""What every value was, over what its format represents."""

from __future__ import annotations

from dsplet.report import markup
from dsplet.report.markup import Facts, Html, bar, chart, dot, key, number, percent, row

SHARES = ("percentile_1", "percentile_50", "percentile_99")


def section(report: Facts) -> Html:
    """The part of the page."""
    seen = report.get("diagnosis")
    rows = seen["ranges"] if seen else [r for r in map(_of_entry, report["ledger"]["entries"]) if r]
    said = "What the float network's values were, each over what its format represents."
    if not seen:
        said = ("What the fixed-point network's values were, each over what its format represents; "
                f"the float network's nobody looked at: {report['not_diagnosed']}.")
    marks = [("format", "the format"), ("seen", "lowest to highest seen"),
             ("box", "1st to 99th percentile"), ("middle", "median"),
             ("clipped", "seen, but clipped")]
    return markup.part("Ranges", key(*(marks if seen else marks[:-1])),
                       chart(*map(_row, rows), mark="ranges"), note=said)


def _of_entry(entry: Facts) -> Facts | None:
    """A row of the ledger as one of ranges."""
    if entry["low"] is None:
        return None
    step, half = 2.0 ** -entry["frac"], 1 << (entry["bits"] - 1)
    low, high = (-half, half - 1) if entry["signed"] else (0, 2 * half - 1)
    return {**entry, "from": low * step, "to": high * step,
            "clipped_percent": 100 * entry["saturated"] / entry["elements"]}


def _row(r: Facts) -> Html:
    ends = min(r["from"], r["low"]), max(r["to"], r["high"])
    reach = ends[1] - ends[0] or 1.0

    def piece(a: float, b: float, mark: str) -> Html:
        return bar(100 * (a - ends[0]) / reach, 100 * (b - a) / reach, mark)

    pieces = [piece(r["from"], r["to"], "format"), piece(r["low"], r["high"], "seen")]
    first, middle, last = (r[share] for share in SHARES)
    if middle is not None:
        pieces.append(piece(first, last, "box"))
    pieces += [piece(a, b, "clipped") for a, b in ((r["low"], r["from"]), (r["to"], r["high"]))
               if b > a]
    if middle is not None:
        pieces.append(dot(100 * (middle - ends[0]) / reach, "middle"))
    clipped = f"{percent(r['clipped_percent'])} clipped  " if r["clipped_percent"] else ""
    return row(r["layer"], pieces, f"{clipped}{r['format']}",
               f"{r['layer']}: {number(r['low'])} to {number(r['high'])}, median {number(middle)}; "
               f"{r['format']} represents {number(r['from'])} to {number(r['to'])}")
