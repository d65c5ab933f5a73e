"""`python -m bench.recurrent`: what each training option does to the temporal-order task.

One option at a time beside a plain network trained by plain gradient descent; the sequences are
short, so that the plain ones learn something too. Sources of the options: `train.config`,
`train.recurrent`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from torch import nn

from train import zoo
from train.config import TrainConfig
from train.data import Splits
from train.data.sequences import SYMBOLS, drawn, order_sequences
from train.evaluate import evaluate, predictor
from train.loop import DivergedError, epochs
from train.recurrent import LastState, Leaky, Rows, open_forget_gates, remember

STEPS, UNITS, TRAIN, SEEDS = 10, 32, 1_000, 3
"""STEPS to STEPS + 10 symbols; the relevant ones are in the first 20 % and just behind the middle.
"""
CHANCE = 25.0
SOLVED = 99.0
PLAIN = TrainConfig(epochs=15, batch_size=16, learning_rate=0.1, optimizer="sgd", momentum=0.0,
                    schedule="cosine")


def rnn(step: float = 1.0, orthogonal: bool = False) -> Callable[[], nn.Module]:
    return lambda: Leaky(len(SYMBOLS), UNITS, step, orthogonal)


def lstm(prepared: Callable[[nn.LSTM], nn.LSTM] = lambda cell: cell) -> Callable[[], nn.Module]:
    return lambda: prepared(nn.LSTM(len(SYMBOLS), UNITS // 2, batch_first=True))


MOMENTUM = {"momentum": 0.9, "learning_rate": 0.01}
"""A tenth of the step, which momentum makes as long again."""
ADAM = {"optimizer": "adamw", "learning_rate": 1e-2, "clip_norm": 1.0}
ROWS = (
    ("RNN, plain", rnn(), {}),
    ("gradient norm clipped to 1", rnn(), {"clip_norm": 1.0}),
    ("momentum 0.9", rnn(), MOMENTUM),
    ("orthogonal initialisation", rnn(orthogonal=True), {}),
    ("leaky integration, step 0.25", rnn(step=0.25), {}),
    ("gradient-propagation regulariser, 0.5", rnn(), {"propagation": 0.5}),
    ("all of them", rnn(0.25, True), MOMENTUM | {"clip_norm": 1.0, "propagation": 0.5}),
    ("LSTM, plain; Adam, clipped", lstm(), ADAM),
    ("forget gates open by 1", lstm(open_forget_gates), ADAM),
    ("forget gates over 1 to 20 steps", lstm(lambda cell: remember(cell, STEPS + 10)), ADAM),
)


def accuracy_percent(card: zoo.Card, splits: Splits, config: TrainConfig) -> float:
    """Of the test sequences, after the last epoch; chance where the training diverged."""
    try:
        *_, last = epochs(card, splits, config)
    except DivergedError:
        return CHANCE
    module = card.build()
    module.load_state_dict(last.weights)
    return evaluate(predictor(module), card.inputs(splits.test.images),
                    splits.test.labels).accuracy_percent


def main(seeds: int = SEEDS, out: Path | None = None) -> list[dict]:
    """A row for each option: accuracies by seed, their mean, and how many solve the task."""
    splits = drawn("short_order", 1998, lambda rng, n: order_sequences(rng, n, STEPS), TRAIN)
    console, found = Console(width=110), []
    table = Table("option", "mean %", "by seed %", f"at least {SOLVED:g} %")
    for name, cell, changes in ROWS:
        def build(cell=cell):
            return nn.Sequential(OrderedDict(
                rows=Rows(), cell=(made := cell()), last=LastState(),
                out=nn.Linear(getattr(made, "hidden_size", UNITS), 4),
                log_softmax=nn.LogSoftmax(dim=1)))

        card = replace(zoo.get("order_lstm"), build=build,
                       input_shape=(1, STEPS + 10, len(SYMBOLS)))
        seen = [accuracy_percent(card, splits, replace(PLAIN, seed=seed, **changes))
                for seed in range(seeds)]
        found.append({"option": name, "settings": changes, "accuracy_percent": seen,
                      "mean_percent": float(np.mean(seen)),
                      "solved": sum(a >= SOLVED for a in seen), "seeds": seeds})
        print(f"{name}: {seen}", file=sys.stderr, flush=True)
        table.add_row(name, f"{np.mean(seen):.1f}", "  ".join(f"{a:.1f}" for a in seen),
                      f"{found[-1]['solved']} of {seeds}")
    console.print(table)
    console.print(f"{PLAIN.epochs} epochs of {TRAIN:,} sequences of {STEPS} to {STEPS + 10} "
                  f"symbols, {len(splits.test):,} to test; chance is {CHANCE:g} %")
    if out:
        out.write_text(json.dumps(found, indent=1) + "\n")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--out", type=Path, help="also write the rows as JSON here")
    main(**vars(parser.parse_args()))
