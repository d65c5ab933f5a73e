"""What every sum can reach, proved and seen, and what formats clipped."""

from __future__ import annotations

from dsplet.report import markup
from dsplet.report.markup import Facts, Html, bar, chart, decibel, key, number, percent, row, tag


def section(report: Facts) -> Html:
    """The part of the page."""
    book = report["ledger"]
    bits = book["accumulator_bits"]
    sums = [e for e in book["entries"] if e["proved_bits"] is not None]
    clipped = [e for e in book["entries"] if e["saturated"]]
    found: list[Html] = []
    if sums:
        marks = key(("k0", "seen"), ("k1", "proved for every input"), ("limit", f"{bits} bits"))
        found += [marks, chart(*(_row(e, bits) for e in sums))]
    if book["overflows"]:
        found += [tag("h3", "What can overflow"), markup.table(
            ("layer", "bits needed", "reached", "by the input"),
            [[o["layer"], number(o["proved_bits"]), number(o["reached"]), o["input"]]
             for o in book["overflows"]])]
    if clipped:
        found += [tag("h3", "What formats clipped"), markup.table(
            ("layer", "format", "clipped", "of them", "signal over what was lost"),
            [[e["layer"], e["format"], number(e["saturated"]),
              percent(100 * e["saturated"] / e["elements"]), decibel(e["clip_loss_db"])]
             for e in clipped])]
    said = "No sum can overflow, whatever the input." if book["passed"] else (
        f"{len(book['overflows'])} sums are not proved to fit.")
    note = f"{said} Seen on {book['samples']:,} samples." + (
        "" if clipped else " No format clipped anything.")
    return markup.part("Overflow", *found, note=note)


def _row(entry: Facts, bits: int) -> Html:
    """Bits of the sum: of |sum| seen, with its sign, within those proved, within those there are.
    """
    whole = max(bits, entry["proved_bits"])
    proved = bar(0, 100 * entry["proved_bits"] / whole, "k1")
    seen = entry["sum_seen"]
    taken = [] if seen is None else [bar(0, 100 * (seen.bit_length() + 1) / whole, "k0")]
    mark = "blame" if entry["proved_bits"] > bits else ""
    return row(entry["layer"], [proved, *taken, bar(100 * bits / whole, 0, "limit")],
               f"{entry['proved_bits']} of {bits}",
               f"{entry['layer']}: |sum| at most {number(entry['sum_bound'])} for any input, "
               f"{number(seen)} seen", mark)
