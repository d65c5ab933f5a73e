"""Of networks that answer in numbers: how far each output is off, and where most."""

from __future__ import annotations

from dsplet.report import markup
from dsplet.report.markup import Facts, Html, decibel, number, signed, tag


def section(report: Facts) -> Html:
    """The part of the page; nothing where no output is numbers."""
    compared = report["comparison"]
    if not compared.get("outputs"):
        return Html("")
    rows = [[r["output"], r["shape"], f"{number(r['low'])} to {number(r['high'])}",
             decibel(r["sqnr_db"]), number(r["rms_difference"]), number(r["largest_difference"])]
            for r in compared["outputs"]]
    found = [markup.table(("output", "shape", "range", "SQNR", "rms off",
                           "most off"), rows)]
    if apart := compared.get("differences"):
        found += [tag("h3", "Farthest apart"), markup.table(
            ("output", "sample", "float", "fixed", "off"),
            [[f"{r['output']}[{r['number']}]", f"#{r['index']}", number(r["reference"]),
              number(r["test"]), signed(r["difference"])] for r in apart])]
    return markup.part("Outputs", *found, note="Each output's numbers, in their own unit: fixed "
                       f"point beside float, on {compared['samples']:,} samples.")
