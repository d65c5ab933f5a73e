"""Train a model of the zoo."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dsplet.base.errors import Interrupted
from dsplet.base.progress import SILENT, Watch
from dsplet.workflows.request import RequestError, check_out


@dataclass(frozen=True, kw_only=True)
class Request:
    """None: the model's own, or those of the checkpoint to `resume`. samples: learn from the first
    so many only. out: of the checkpoint; default: MODEL-DATA.safetensors."""

    model: str
    data: str | None = None
    epochs: int | None = None
    seed: int | None = None
    samples: int | None = None
    resume: str | None = None
    out: str | None = None


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch; an error is None where there is nothing to count it on."""

    epoch: int
    train_loss: float
    train_error_percent: float | None
    calibration_error_percent: float | None


@dataclass(frozen=True, kw_only=True)
class Report:
    """samples, test_errors: of the test split. file: the checkpoint."""

    FIRST = ("test_error_percent", "test_errors", "file")

    curve: list[Epoch]
    model: str
    data: str
    seed: int
    epochs: int
    samples: int
    test_errors: int
    test_error_percent: float
    file: str


def run(request: Request, watch: Watch = SILENT) -> Report:
    """The checkpoint is saved after every epoch. Raises ZooError, DataError, CheckpointError,
    DivergedError, RequestError."""
    from dsplet import data as sets
    from dsplet.train import zoo
    card = zoo.get(request.model)
    from dsplet.train import checkpoint, loop
    from dsplet.train.evaluate import evaluate, predictor
    before = checkpoint.load(Path(request.resume)) if request.resume else None
    if before and before.finished:
        raise RequestError(f"{request.resume}: has all its {len(before.curve)} epochs; nothing is "
                           "left")
    splits = sets.load(request.data or (before.dataset if before else card.dataset))
    if request.samples:
        splits = splits.first(request.samples)
    config = replace(before.config if before else card.config(splits.name), **{
        k: v for k in ("epochs", "seed") if (v := getattr(request, k)) is not None})
    out = request.out or f"{request.model}-{Path(splits.name).stem}.safetensors"
    check_out(out, request.data)
    try:
        done = loop.train(card, splits, config, path=Path(out), resume=before, watch=watch)
    except loop.Stopped as stop:
        raise _interrupted(request, out, stop.epochs, config.epochs) from None
    seen = evaluate(predictor(done.module()), card.inputs(splits.test.images), splits.test.labels,
                    card.tolerance)
    return Report(
        curve=[_epoch(row) for row in done.curve], model=request.model, data=splits.name,
        seed=config.seed, epochs=config.epochs, samples=seen.samples, test_errors=seen.errors,
        test_error_percent=seen.error_percent, file=out)


def _interrupted(request: Request, out: str, saved: int, epochs: int) -> Interrupted:
    """How the training goes on from the checkpoint that it saved, or that it was to go on from."""
    if not saved and request.resume is None:
        return Interrupted("no epoch is done, and nothing is kept")
    kept = f"{saved} of {epochs} epochs are kept" if saved else "no epoch is done"
    changed = {} if saved else {"--epochs": request.epochs, "--seed": request.seed}
    options = {"--data": request.data, "--samples": request.samples, **changed,
               "--resume": out if saved else request.resume, "-o": out}
    words = [str(word) for option, value in options.items() if value is not None
             for word in (option, value)]
    return Interrupted(f"{kept}; go on with: "
                       f"{shlex.join(['dsplet', 'train', request.model, *words])}")


def _epoch(row: dict[str, Any]) -> Epoch:
    errors = {f"{part}_error_percent": row[f"{part}_error"] and 100 * row[f"{part}_error"]
              for part in ("train", "calibration")}
    return Epoch(epoch=row["epoch"], train_loss=row["train_loss"], **errors)
