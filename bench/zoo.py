"""`python -m bench.zoo`: every model of the zoo on the data of its card, the whole way, into the
file that `dsplet zoo` shows. With --quick, few images, in a folder of its own; exit
code 1 where machine code differs, a budget is missed or fixed point costs too much."""

from __future__ import annotations

import argparse
import signal
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from bench import toronto
from bench.whole import means
from dsplet.base import render
from dsplet.base.errors import Interrupted
from dsplet.train import results, zoo

RUNS, QUICK = Path("runs"), Path("build/zoo-quick")
QUICK_SETTINGS = {"epochs": 4, "train_samples": 600, "executed": "2"}
SETTINGS = {"toronto": toronto.SETTINGS}
"""Of data sets that one training says too little of."""
DROP_POINTS, QUICK_DROP_POINTS = 0.5, 2.0


def trained(folder: Path, model: str, data: str) -> Path:
    """The float network that `measure` left there."""
    path = folder / f"{model}-{data}-0.onnx"
    if not path.exists():
        raise SystemExit(f"{path} is not there; python -m bench.zoo {model} trains it into {RUNS}")
    return path


def rows_of(names: list[str], data: str | None) -> list[tuple[str, str]]:
    """(model, data set): all that the cards have settings for, or only `data`."""
    cards = [zoo.get(name) for name in names] if names else zoo.cards()
    return [(card.name, d) for card in cards for d in (*card.training, *card.lines.values())
            if data in (None, d)]


def quick_rows(names: list[str]) -> list[tuple[str, str]]:
    """(model, data set): for each model data that come with the program."""
    embedded = ("digits", "toronto", "small_lines")
    return [(name, next((d for d in embedded if (name, d) in rows_of([name], None)),
                        zoo.get(name).dataset))
            for name in names or [card.name for card in zoo.cards()]]


def lost(row: dict, points: float) -> bool:
    """Whether fixed point reads more than `points` fewer images right, and more than one image."""
    images = (row["float_accuracy_percent"] - row["fixed_accuracy_percent"]) * row["samples"] / 100
    return images > max(1.5, points * row["samples"] / 100)


def measure(model: str, sets: list[str], folder: Path, quick: bool) -> list[dict]:
    """The model's rows, one after the other: a data set may rest on what another trained."""
    rows = []
    for on in sets:
        settings = QUICK_SETTINGS if quick else SETTINGS.get(on, {})
        rows.append(means(model, folder, on, **settings))
        print(f"{model} on {on}", file=sys.stderr, flush=True)
    return rows


def resuming(left: list[str], kept: Path, data: str | None, quick: bool) -> str:
    """How an interrupted measurement goes on."""
    words = [*left, *(["--data", data] if data else []), *(["--quick"] if quick else [])]
    return (f"what is measured is in {kept}, finished trainings beside it; go on with: "
            f"python -m bench.zoo {' '.join(words)}")


def main(names: list[str], data: str | None = None, quick: bool = False) -> bool:
    """Measure, print and keep the rows; whether all of them hold."""
    folder, allowed = (QUICK, QUICK_DROP_POINTS) if quick else (RUNS, DROP_POINTS)
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "results.json" if quick else results.FILE
    wanted: dict[str, list[str]] = {}
    for model, on in quick_rows(names) if quick else rows_of(names, data):
        wanted.setdefault(model, []).append(on)
    found: dict[str, list[dict]] = dict.fromkeys(wanted, [])
    # Workers fall silent at an interrupt: to tell of it is this process's business.
    with ProcessPoolExecutor(initializer=signal.signal,
                             initargs=(signal.SIGINT, signal.SIG_DFL)) as pool:
        waiting = {pool.submit(measure, model, sets, folder, quick): model
                   for model, sets in wanted.items()}
        try:
            for done in as_completed(waiting):
                found[waiting[done]] = done.result()
                results.save(done.result(), kept)
        except (KeyboardInterrupt, BrokenProcessPool):
            pool.shutdown(cancel_futures=True)
            left = [model for model, rows in found.items() if not rows]
            raise Interrupted(resuming(left, kept, data, quick)) from None
    rows = [row for model in wanted for row in found[model]]
    failed = [f"{row['model']}/{row['data']}" for row in rows
              if row["differing_integers"] or row["met"] is False or lost(row, allowed)]
    print(render.to_text({"accuracy": results.columns(rows, results.Accuracy),
                          "chip": results.columns(rows, results.Chip),
                          "failed": ", ".join(failed) or "none"}))
    return not failed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", help="default: all")
    parser.add_argument("--data", help="only the rows of this data set")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    try:
        sys.exit(0 if main(given.models, given.data, given.quick) else 1)
    except Interrupted as stopped:
        print(f"interrupted: {stopped}", file=sys.stderr)
        sys.exit(130)
