"""What the cycles and the integers would be if the chip were not as assumed: a tornado."""

from __future__ import annotations

from collections.abc import Iterable

from dsplet.report import markup
from dsplet.report.markup import MINUS, Facts, Html, bar, key, number, signed, tag


def section(report: Facts) -> Html:
    """The part of the page."""
    sim = report["simulation"]
    if not sim.get("spread"):
        low, high = sim.get("lowest_latency_ms"), sim.get("highest_latency_ms")
        if low is None:
            return markup.part("Error bar", note="This target has no assumptions to vary.")
        return markup.part("Error bar", tag("p", f"{low:.4g} to {high:.4g} ms, as what is open "
                                            "about the processor allows."),
                           note=sim.get("model_error") or "")
    period = sim["latency_ms"] / sim["cycles"]
    low, high = (sim[f"{end}_cycles"] * period for end in ("lowest", "highest"))
    note = (f"{low:.4g} to {high:.4g} ms, if one assumption at a time is another. Left of the line "
            "is faster. Some change no cycle but the integers: both count.")
    return markup.part("Error bar", _tornado(sim["spread"]), note=note)


def _tornado(spread: list[Facts]) -> Html:
    """Two columns: cycles around what is assumed, and how many integers differ, of all. What
    changes most comes first, what changes nothing in one line at the end."""
    moved = sorted((r for r in spread if r["change_percent"] or r["differing_integers"]
                    or r.get("fault")),
                   key=lambda r: (-abs(r["change_percent"] or 0), -r["differing_integers"]))
    most = max((abs(r["change_percent"] or 0) for r in moved), default=0) or 1
    rows = [_row(r, most) for r in moved]
    head = tag("div", tag("b", "assumption"), tag("span", "cycles"), tag("i"),
               tag("span", "integers"), tag("i"), class_="two head")
    still = _listed(r for r in spread if r not in moved)
    rest = [tag("p", f"As assumed, or without effect: {still}.", class_="note")] if still else []
    marks = key(("k0", "fewer"), ("stall", "more"))
    words = [tag("p", f"{_named(r)}: {r['integers']}.", class_="note") for r in moved
             if r["differing_integers"] or r.get("fault")]
    return tag("div", marks, tag("div", head, *rows, class_="tornado"), *words, *rest)


def _row(r: Facts, most: float) -> Html:
    change = r["change_percent"] or 0
    width = 50 * abs(change) / most
    cycles = bar(50 if change > 0 else 50 - width, width, "stall" if change > 0 else "k0")
    return tag("div", tag("b", _named(r)),
               tag("span", f"{change:+.2g} %".replace("-", MINUS) if change else "none"),
               tag("i", *([cycles] if change else []), class_="centred"),
               tag("span", "fails" if r.get("fault") else number(r["differing_integers"])),
               tag("i", *([bar(0, 100 * r["differing_integers"] / r["compared_integers"], "blame")]
                          if r["differing_integers"] else [])),
               class_="two", title=_told(r))


def _told(r: Facts) -> str:
    """With the layers that it changes."""
    layers = sorted(r["layers"], key=lambda row: -abs(row["cycles"]))
    if r.get("fault"):
        return str(r["fault"])
    return "; ".join([f"{number(r['cycles'])} cycles", f"{number(r['differing_integers'])} of "
                      f"{number(r['compared_integers'])} integers differ",
                      *(f"{row['layer']} {signed(row['cycles'])}" for row in layers)])


def _listed(rows: Iterable[Facts]) -> str:
    """Assumptions with all their values."""
    values: dict[str, list[str]] = {}
    for r in rows:
        values.setdefault(_words(r["assumption"]), []).append(number(r["value"]))
    return "; ".join(f"{name} {', '.join(found)}" for name, found in values.items())


def _named(r: Facts) -> str:
    return f"{_words(r['assumption'])} = {number(r['value'])}"


def _words(name: str) -> str:
    return name.replace("_", " ")


