"""One file of HTML from the page's parts and the networks: nothing is fetched, and a browser holds
it to that."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dsplet.base.files import read_text

FOLDER = Path(__file__).parent
SCRIPTS = ("unpack", "normalise", "segment", "run", "maps", "detail", "pad", "camera", "answer",
           "selftest", "pace", "main")
"""In the order in which they are read; the processor's own stands before them."""
POLICY = ("default-src 'none'; script-src 'sha256-{script}' 'wasm-unsafe-eval'; "
          "style-src 'sha256-{style}'; img-src data:; base-uri 'none'; form-action 'none'")


@dataclass(frozen=True)
class Shown:
    """A network in the page. name: on its button. facts: what run.js calls so. words: little-endian
    bytes, of its program's segments."""

    name: str
    facts: Mapping[str, Any]
    words: bytes


def page(networks: Sequence[Shown], engine: bytes, script: str, board: Mapping[str, Any],
         assumed: str) -> bytes:
    """The file. engine, script: of the processor, see `backend.Portable`; board: of it, with the
    page's clocks. assumed: what is taken for granted about it, in words."""
    parts = {name: read_text(FOLDER / f"page.{name}") for name in ("html", "css")}
    whole = "\n".join([script, *(read_text(FOLDER / f"{name}.js") for name in SCRIPTS)])
    named = {**board, "networks": [n.name for n in networks]}
    blobs = [_blob("engine", engine), _blob("board", _json(named)),
             *(_blob(f"network-{i}", _packed(n)) for i, n in enumerate(networks))]
    filled = {"policy": POLICY.format(script=_hash(whole), style=_hash(parts["css"])),
              "style": parts["css"], "script": whole, "blobs": "\n".join(blobs),
              "version": escape(version("dsplet")), "assumed": escape(assumed)}
    html = parts["html"]
    for name, text in filled.items():
        html = html.replace(f"{{{{{name}}}}}", text)
    return html.encode()


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _packed(network: Shown) -> bytes:
    """As unpack.js reads it."""
    facts = _json(network.facts)
    return len(facts).to_bytes(4, "little") + facts + network.words


def _blob(name: str, data: bytes) -> str:
    packed = base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()
    return f'<script type="text/plain" id="{name}">{packed}</script>'


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
