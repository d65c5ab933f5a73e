"""What was measured of the zoo's models: a file that `make zoo` writes and `dsplet zoo` shows."""

import json
from pathlib import Path

from dsplet.base.files import write_atomically
from dsplet.train import zoo

FILE = Path(__file__).with_name("results.json")


ACCURACY = ("model", "data", "train_samples", "epochs", "samples", "float_accuracy_percent",
            "fixed_accuracy_percent", "executed", "differing_integers")
CHIP = ("model", "data", "board", "bytes", "cycles", "cycles_per_mac", "latency_ms", "budget",
        "budget_ms", "met")
"""The columns of two tables."""


def load(path: Path = FILE) -> list[dict]:
    """A row for each model and data set that was measured; rows of models that are gone are left
    out."""
    rows = json.loads(path.read_text()) if path.is_file() else []
    known = {card.name for card in zoo.cards()}
    return [row for row in rows if row["model"] in known]


def columns(rows: list[dict], keys: tuple[str, ...]) -> list[dict]:
    """The rows with these keys only; None where a row has none of a key."""
    return [{key: row.get(key) for key in keys} for row in rows]


def save(rows: list[dict], path: Path = FILE) -> None:
    """Write `rows`, each instead of an older one of the same model and data set."""
    old = json.loads(path.read_text()) if path.is_file() else []
    merged = {(row["model"], row["data"]): row for row in [*old, *rows]}
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([merged[key] for key in sorted(merged)], indent=1) + "\n"
    write_atomically(path, text.encode())
