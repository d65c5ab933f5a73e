"""What was measured of the zoo's models: a file that `make zoo` writes and `dsplet zoo` shows."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from dsplet.base.files import write_atomically
from dsplet.train import zoo

FILE = Path(__file__).with_name("results.json")


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """What a model reads right. train_samples: None for all. seeds: trainings, whose means the
    accuracies are. samples: to test. executed: as machine code, of all trainings."""

    FIRST = ("model", "data", "fixed_accuracy_percent", "float_accuracy_percent")

    model: str
    data: str
    train_samples: int | None
    epochs: int | None
    seeds: int | None
    samples: int | None
    float_accuracy_percent: float | None
    fixed_accuracy_percent: float | None
    executed: int | None
    differing_integers: int | None


@dataclass(frozen=True, kw_only=True)
class Chip:
    """What a model costs, of several trainings the slowest. met: whether it keeps its budget, where
    it has one."""

    FIRST = ("model", "data", "cycles", "latency_ms", "bytes", "met")

    model: str
    data: str
    board: str | None
    bytes: int | None
    cycles: float | None
    cycles_per_mac: float | None
    latency_ms: float | None
    budget: str | None
    budget_ms: float | None
    met: bool | None


Row = TypeVar("Row", Accuracy, Chip)


def load(path: Path = FILE) -> list[dict]:
    """A row for each model and data set that was measured; rows of models that are gone are left
    out."""
    rows = json.loads(path.read_text()) if path.is_file() else []
    known = {card.name for card in zoo.cards()}
    return [row for row in rows if row["model"] in known]


def columns(rows: list[dict], table: type[Row]) -> list[Row]:
    """The rows as those of one table; None where a row has none of a column."""
    names = [f.name for f in fields(table)]
    known: list[dict[str, Any]] = [{name: row.get(name) for name in names} for row in rows]
    return [table(**row) for row in known]


def save(rows: list[dict], path: Path = FILE) -> None:
    """Write `rows`, each instead of an older one of the same model and data set."""
    old = json.loads(path.read_text()) if path.is_file() else []
    merged = {(row["model"], row["data"]): row for row in [*old, *rows]}
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([merged[key] for key in sorted(merged)], indent=1) + "\n"
    write_atomically(path, text.encode())
