"""Where it all comes from: without it no baseline could be trusted."""

from __future__ import annotations

from dsplet.report import markup
from dsplet.report.markup import Facts, Html, number, tag


def section(report: Facts) -> Html:
    found = report.get("provenance") or {}
    rows = [tag("div", tag("dt", name.replace("_", " ")), tag("dd", number(value)))
            for name, value in found.items() if value is not None]
    return markup.part("Provenance", tag("dl", *rows)) if rows else Html("")
