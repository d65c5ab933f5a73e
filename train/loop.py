"""The training loop: one for all models, and the same bytes for the same seed.

The promise holds for one version of PyTorch on one kind of processor: with other vector widths the
libraries below add in another order.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from dsplet.base.errors import UserError
from dsplet.base.files import check_target
from dsplet.base.progress import SILENT, Watch
from dsplet.data import DataError, Splits
from dsplet.data.answers import are_numbers, right
from dsplet.train import checkpoint as checkpoints
from dsplet.train.checkpoint import Checkpoint, CheckpointError
from dsplet.train.config import TrainConfig
from dsplet.train.evaluate import evaluate, predictor
from dsplet.train.recurrent import propagation
from dsplet.train.zoo import Card

RUBBISH = 0.1  # the constant j of the loss "map"
MEMORY: dict[type, set[str]] = {
    torch.optim.AdamW: {"step", "exp_avg", "exp_avg_sq"},
    torch.optim.SGD: {"momentum_buffer"}}
"""What an optimiser remembers of each parameter that has been learnt."""
THREADS = 1  # the order in which threads add is part of the result; one never waits for another


class DivergedError(UserError):
    """The loss is no longer a number."""


def _mse(y: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean square against targets of +1 for the class and -1 elsewhere."""
    return F.mse_loss(y, 2.0 * F.one_hot(labels, y.shape[1]) - 1.0)


def _map(y: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Maximum a posteriori, outputs being minus penalties (Proc. IEEE 1998, eq. 9): competition
    among the classes and a rubbish class of the constant penalty RUBBISH."""
    rubbish = torch.full_like(y[:, :1], -RUBBISH)
    return (torch.cat([y, rubbish], 1).logsumexp(1) - y.gather(1, labels[:, None])[:, 0]).mean()


def _nll(y: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Minus the log-probability of the label, a mean over samples and their places."""
    return F.nll_loss(y.flatten(0, -2), labels.flatten())


LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "mse": _mse, "nll": _nll, "map": _map, "numbers": F.mse_loss}


class Stopped(KeyboardInterrupt):
    """An interrupted training. epochs: of the checkpoint that it saved; 0 where it saved none."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs


def train(
    card: Card,
    splits: Splits,
    config: TrainConfig,
    path: Path | None = None,
    resume: Checkpoint | None = None,
    watch: Watch = SILENT,
) -> Checkpoint:
    """Train to the end and return the last checkpoint.

    With a `path`, each epoch's checkpoint is written there, so that an interrupted run can go on
    with `resume`; its result is then bit-identical to that of an uninterrupted one. Raises
    DataError, CheckpointError, DivergedError; FileError before anything is learnt; Stopped.
    """
    if path is not None:
        check_target(path)
    last, saved = resume, 0
    try:
        with watch.progress(f"training {card.name} on {splits.name}") as tick:
            for last in epochs(card, splits, config, resume, tick):
                if path is not None:
                    checkpoints.save(last, path)
                    saved = len(last.curve)
    except KeyboardInterrupt:
        raise Stopped(saved) from None
    assert last is not None, "without a checkpoint to go on from there is an epoch"
    return last


def epochs(
    card: Card,
    splits: Splits,
    config: TrainConfig,
    resume: Checkpoint | None = None,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Checkpoint]:
    """Train one epoch at a time and yield the checkpoint after each.

    Only `splits.train` is learnt from; the error on `splits.calibration` is recorded. `tick` hears
    of the steps done and of all steps. Raises DataError, CheckpointError, DivergedError.
    """
    if len(splits.train) == 0:
        raise DataError(f"data set '{splits.name}' has no training images")
    _check_answers(card, splits)
    material = _Material.of(card, splits)
    held_out = card.inputs(splits.calibration.images)
    curve: tuple[dict[str, int | float | None], ...] = ()
    if resume is None:
        with deterministic(torch.Generator().manual_seed(config.seed).get_state()):
            module = card.build()
            random = torch.get_rng_state()
        optimizer = _optimizer(module, config)
    else:
        _check_same_run(resume, card, splits, config)
        if resume.finished:
            return
        module, random = resume.module(), resume.resume["random"]
        curve, optimizer = resume.curve, _optimizer(module, config)
        optimizer.load_state_dict(_optimizer_state(optimizer, resume.resume))

    for epoch in range(len(curve), config.epochs):
        with deterministic(random):
            module.train()
            total_loss, wrong, rate = _epoch(card, config, module, optimizer, material, epoch, tick)
            if not math.isfinite(total_loss):
                raise DivergedError(
                    f"training diverged in epoch {epoch + 1} at learning rate {rate:.3g}",
                    remedy=f"try a lower one than {config.learning_rate:g}")
            random = torch.get_rng_state()
            held_out_error = _error(module, held_out, splits.calibration.labels, card.tolerance)
        curve += (
            {
                "epoch": epoch + 1,
                "learning_rate": rate,
                "train_loss": total_loss / len(material.labels),
                "train_error": wrong / len(material.labels),
                "calibration_error": held_out_error,
            },
        )
        done = epoch + 1 == config.epochs
        yield Checkpoint(
            model=card.name,
            dataset=splits.name,
            data_sha256=splits.sha256,
            config=config,
            curve=curve,
            weights={name: value.clone() for name, value in module.state_dict().items()},
            resume={} if done else {"random": random, **_tensors(optimizer)},
        )


@dataclass(frozen=True)
class _Material:
    """What is learnt from. pixels: as the card has them; values: of each pixel, as the network
    reads it. wanted: the labels as they are in the data set."""

    pixels: torch.Tensor
    values: torch.Tensor
    labels: torch.Tensor
    wanted: np.ndarray

    @classmethod
    def of(cls, card: Card, splits: Splits) -> Self:
        wanted = splits.train.labels
        return cls(torch.from_numpy(card.pixels(splits.train.images)),
                   torch.from_numpy(card.normalization.table),
                   torch.from_numpy(wanted if are_numbers(wanted) else wanted.astype(np.int64)),
                   wanted)


def _epoch(card: Card, config: TrainConfig, module: nn.Module, optimizer: torch.optim.Optimizer,
           material: _Material, epoch: int, tick: Callable[[int, int], None]
           ) -> tuple[float, int, float]:
    """One pass over all samples: the sum of their losses, how many were wrong, the last rate."""
    total_loss, wrong, rate = 0.0, 0, 0.0
    batches = torch.randperm(len(material.labels)).split(config.batch_size)
    steps = config.epochs * len(batches)
    for step, batch in enumerate(batches, start=epoch * len(batches)):
        rate = learning_rate(config, step / steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        labels = material.labels[batch]
        x = material.values[shifted(material.pixels[batch], config.shift).int()][:, None]
        y = module(x, labels) if config.teacher_forcing else module(x)
        loss = LOSSES[card.loss](y, labels)
        optimizer.zero_grad()
        whole = loss
        if config.propagation:
            whole = loss + config.propagation * propagation(module, loss)
        whole.backward()
        if config.clip_norm:
            nn.utils.clip_grad_norm_(module.parameters(), config.clip_norm)
        optimizer.step()
        total_loss += loss.item() * len(batch)
        wrong += int((~right(y.detach().numpy(), material.wanted[batch.numpy()],
                             card.tolerance)).sum())
        tick(step + 1, steps)
    return total_loss, wrong, rate


def learning_rate(config: TrainConfig, progress: float) -> float:
    """The step size when the fraction `progress`, in [0, 1), of all steps is done."""
    rise = 0.2 if config.schedule == "one-cycle" else 0.0
    if progress < rise:
        return config.learning_rate * (0.55 - 0.45 * math.cos(math.pi * progress / rise))
    return config.learning_rate * (0.5 + 0.5 * math.cos(math.pi * (progress - rise) / (1 - rise)))


def shifted(images: torch.Tensor, shift: int) -> torch.Tensor:
    """The images (n, H, W), each moved at random by up to `shift` pixels over the background."""
    if shift == 0:
        return images
    n, height, width = images.shape
    padded = F.pad(images, (shift,) * 4)
    row = torch.randint(2 * shift + 1, (n, 1, 1)) + torch.arange(height)[:, None]
    column = torch.randint(2 * shift + 1, (n, 1, 1)) + torch.arange(width)
    return padded[torch.arange(n)[:, None, None], row, column]


def _error(module: nn.Module, x: np.ndarray, labels: np.ndarray, tolerance: float | None
           ) -> float | None:
    if len(x) == 0:
        return None
    found = evaluate(predictor(module), x, labels, tolerance)
    return found.errors / found.samples


def _optimizer(module: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    if config.optimizer == "adamw":
        return torch.optim.AdamW(module.parameters(), lr=config.learning_rate,
                                 weight_decay=config.weight_decay)
    return torch.optim.SGD(module.parameters(), lr=config.learning_rate,
                           momentum=config.momentum, weight_decay=config.weight_decay)


def _tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimiser's memory, by "parameter.quantity"."""
    return {
        f"{index}.{name}": value.clone()
        for index, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
        if value is not None
    }


def _optimizer_state(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> dict:
    """The inverse of `_tensors`, as a state dict of `optimizer`. Raises CheckpointError."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    names = MEMORY[type(optimizer)]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        if not name:
            continue
        known = index.isdecimal() and int(index) < len(parameters) and name in names
        if not known or value.shape != (() if name == "step" else parameters[int(index)].shape):
            raise CheckpointError(f"cannot resume: the optimiser's '{key}' {tuple(value.shape)} "
                                  "belongs to another network")
        state.setdefault(int(index), {})[name] = value
    if any(set(own) != names for own in state.values()):
        raise CheckpointError("cannot resume: a part of the optimiser's state is missing")
    return {**optimizer.state_dict(), "state": state}


def _check_answers(card: Card, splits: Splits) -> None:
    """Raise DataError where the data set wants another kind of answer than the model gives."""
    labels = splits.train.labels
    has = f"{labels.shape[1]} numbers" if are_numbers(labels) else "classes"
    gives = "classes" if card.tolerance is None else f"{len(card.classes)} numbers"
    if has != gives:
        raise DataError(f"data set '{splits.name}' wants {has} of each sample, the model "
                        f"'{card.name}' gives {gives}", remedy="its own data set is "
                        f"'{card.dataset}'")


def _check_same_run(resume: Checkpoint, card: Card, splits: Splits, config: TrainConfig) -> None:
    pairs = {
        "model": (resume.model, card.name),
        "data": (resume.dataset, splits.name),
        "settings": (resume.config, config),
    }
    for what, (before, now) in pairs.items():
        if before != now:
            raise CheckpointError(f"cannot resume: the checkpoint's {what}: {before}, now asked "
                                  f"for: {now}")
    if resume.data_sha256 != splits.sha256:
        raise CheckpointError(f"cannot resume: '{splits.name}' is not what the checkpoint has "
                              "learnt from: other samples, or another number of them",
                              remedy="give the same --data and --samples as at the start")
    random = resume.resume.get("random")
    fits = random is not None and random.dtype == torch.uint8 and (
        random.shape == torch.get_rng_state().shape)
    if not resume.finished and not fits:
        raise CheckpointError("cannot resume: the checkpoint holds no random and optimiser state")


@contextmanager
def deterministic(random: torch.Tensor):
    """Run with this random state, THREADS threads and deterministic kernels; then put all back."""
    threads = torch.get_num_threads()
    before = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(random)
        torch.set_num_threads(THREADS)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)
            torch.set_num_threads(threads)
