"""What benchmarks found, kept for the pages that show it: bench/recorded/NAME.json.

A file says by which command its rows came about; rows are of the page's precision or finer.
`python -m bench.results` makes the tables of docs/ of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dsplet.base.files import write_atomically

FOLDER = Path(__file__).with_name("recorded")


def save(name: str, made_by: str, rows: Iterable[Mapping[str, Any]], folder: Path = FOLDER) -> None:
    """Keep the rows in the place of older ones. made_by: the command."""
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    text = f'{{\n "made_by": {json.dumps(made_by)},\n "rows": [\n{lines}\n ]\n}}\n'
    write_atomically(folder / f"{name}.json", text.encode())


def load(name: str, folder: Path = FOLDER) -> list[dict[str, Any]]:
    """The rows that were kept last."""
    rows: list[dict[str, Any]] = json.loads((folder / f"{name}.json").read_text())["rows"]
    return rows
