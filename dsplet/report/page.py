"""One file of HTML from a report's JSON: nothing runs in it, nothing is fetched, and a browser
holds it to that."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from dsplet.base.files import read_text
from dsplet.report import (
    confusion,
    differences,
    error_bar,
    flips,
    latency,
    ledger,
    memory,
    outputs,
    provenance,
    quality,
    ranges,
    verdicts,
)
from dsplet.report.markup import Facts, Html, tag

STYLE = Path(__file__).with_name("page.css")
DATA = "report"
"""The id of the element that holds the JSON."""
POLICY = ("default-src 'none'; style-src-elem 'sha256-{style}'; style-src-attr 'unsafe-inline'; "
          "img-src data:; base-uri 'none'; form-action 'none'")


def page(document: str, pictures: Mapping[int, bytes]) -> bytes:
    """The file. document: the report as JSON, which it holds, too. pictures: PNGs of samples by
    their index. Equal arguments give equal bytes."""
    report: Facts = json.loads(document)
    style = read_text(STYLE)
    policy = POLICY.format(style=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode())
    title = f"{report['test']} on {report['simulation']['target']}"
    head = tag("head", Html('<meta charset="utf-8">'),
               Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
               Html('<meta name="viewport" content="width=device-width,initial-scale=1">'),
               Html('<meta name="color-scheme" content="light dark">'),
               tag("title", title), tag("style", Html(style)))
    body = tag("body", verdicts.header(report), *_sections(report, pictures), _data(document))
    return f'<!doctype html>\n<html lang="en">{head}{body}</html>\n'.encode()


def _sections(report: Facts, pictures: Mapping[int, bytes]) -> list[Html]:
    """Those that have something to say, behind links to each of them."""
    parts = {"Changes": differences.section(report), "Time": latency.section(report),
             "Memory": memory.section(report), "Error bar": error_bar.section(report),
             "Layers": quality.section(report), "Ranges": ranges.section(report),
             "Answers": confusion.section(report), "Outputs": outputs.section(report),
             "Flips": flips.section(report, pictures), "Overflow": ledger.section(report),
             "Provenance": provenance.section(report)}
    there = {name: part for name, part in parts.items() if part}
    return [tag("nav", *(tag("a", name, href=f"#{_id(name)}") for name in there)),
            tag("main", *(tag("section", part, id=_id(name)) for name, part in there.items()))]


def _id(name: str) -> str:
    return name.lower().replace(" ", "-")


def _data(document: str) -> Html:
    """The JSON, in which no tag can begin."""
    return Html(f'<script type="application/json" id="{DATA}">'
                f'{document.replace("<", chr(92) + "u003c")}</script>')


def document_of(html: str) -> str | None:
    """The JSON in a page; None where it holds none."""
    _, found, rest = html.partition(f'<script type="application/json" id="{DATA}">')
    return rest.partition("</script>")[0] if found else None
