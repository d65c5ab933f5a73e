"""Where it all comes from: without it no baseline could be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dsplet.report import markup
from dsplet.report.markup import Facts, Html, number, tag

SAID = ("samples", "data")
"""Options that are told of elsewhere."""
DIGITS = 16
"""Of a digest, that are shown."""


def section(report: Facts) -> Html:
    """The part of the page."""
    found = report["provenance"]
    rows = [("dsplet", found["dsplet"])]
    rows += [(n["file"], f"sha256 {n['sha256'][:DIGITS]}") for n in found["networks"]]
    samples = found["samples"]
    rows.append(("samples", f"{samples['samples']:,} of {samples['data']}, sha256 "
                            f"{samples['sha256'][:DIGITS]}"))
    options = report["simulation"]["provenance"]["options"]
    rows += _flat({k: v for k, v in options.items() if k not in SAID})
    if compiler := report["simulation"].get("compiler"):
        rows += [("compiler", compiler), ("flags", report["simulation"]["flags"])]
    recipes = [n["recipe"] for n in found["networks"] if n.get("recipe")]
    return markup.part("Provenance", _list(rows), *(
        tag("details", tag("summary", "The recipe it was quantized by"), _list(_flat(recipe)))
        for recipe in recipes))


def _list(rows: list[tuple[str, str]] | Iterator[tuple[str, str]]) -> Html:
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in rows))


def _flat(facts: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    """Names and values, those of tables in it after the table's name."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{within}{name} ")
        else:
            said = ", ".join(map(str, value)) if isinstance(value, list) else number(value)
            yield f"{within}{name}".replace("_", " "), said or "none"
