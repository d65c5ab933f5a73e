"""What every value was, over what its format represents."""

from __future__ import annotations

from dsplet.report import markup
from dsplet.report.markup import Facts, Html, bar, chart, dot, key, number, percent, row


def section(report: Facts) -> Html:
    seen = report.get("diagnosis")
    if not seen:
        return markup.part("Ranges", note="Nobody looked at the float network's values: "
                           f"{report['not_diagnosed']}.")
    marks = key(("format", "the format"), ("seen", "lowest to highest seen"),
                ("box", "1st to 99th percentile"), ("middle", "median"),
                ("clipped", "seen, but clipped"))
    note = "What the float network's values were, each over what its fixed-point format represents."
    return markup.part("Ranges", marks, chart(*map(_row, seen["ranges"]), mark="ranges"), note=note)


def _row(r: Facts) -> Html:
    ends = min(r["from"], r["low"]), max(r["to"], r["high"])
    reach = ends[1] - ends[0] or 1.0

    def piece(a: float, b: float, mark: str) -> Html:
        return bar(100 * (a - ends[0]) / reach, 100 * (b - a) / reach, mark)

    pieces = [piece(r["from"], r["to"], "format"), piece(r["low"], r["high"], "seen")]
    for a, b in ((r["low"], r["from"]), (r["to"], r["high"])):
        if b > a:
            pieces.append(piece(a, b, "clipped"))
    if r.get("percentiles"):
        first, middle, last = r["percentiles"]
        pieces += [piece(first, last, "box"), dot(100 * (middle - ends[0]) / reach, "middle")]
    clipped = f"  {percent(r['clipped_percent'])} clipped" if r["clipped_percent"] else ""
    return row(r["layer"], pieces, f"{r['format']}{clipped}",
               f"{r['layer']}: {number(r['low'])} to {number(r['high'])}; {r['format']} represents "
               f"{number(r['from'])} to {number(r['to'])}")
