"""`python -m bench.recurrent`: what each training option does to the temporal-order task.

One option at a time beside a plain tanh network trained by plain gradient descent, on sequences so
short that this learns something too; then how an LSTM's gates begin, at the full 100 to 110 steps.
Sources of the options: `train.config`, `train.recurrent`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from torch import nn

from dsplet.data import Splits
from dsplet.data.sequences import SYMBOLS, drawn, order_sequences
from dsplet.train import zoo
from dsplet.train.config import TrainConfig
from dsplet.train.evaluate import evaluate, predictor
from dsplet.train.loop import epochs
from dsplet.train.recurrent import LastState, Leaky, Rows, open_forget_gates, remember

SHORT, LONG, SEEDS = 10, 100, 3
"""SHORT to SHORT + 10 symbols; the relevant ones are in the first 20 % and just behind the middle.
"""
TRAIN = {SHORT: 1_000, LONG: 20_000}
UNITS = 32
CHANCE = 25.0
SOLVED = 99.0
PLAIN = TrainConfig(epochs=15, batch_size=16, learning_rate=0.1, optimizer="sgd", momentum=0.0,
                    schedule="cosine")


def rnn(step: float = 1.0, orthogonal: bool = False) -> Callable[[], nn.Module]:
    return lambda: Leaky(len(SYMBOLS), UNITS, step, orthogonal)


def lstm(prepared: Callable[[nn.LSTM], nn.Module] = lambda cell: cell) -> Callable[[], nn.Module]:
    return lambda: prepared(nn.LSTM(len(SYMBOLS), UNITS // 2, batch_first=True))


CLIPPED = replace(zoo.get("order_lstm").config("temporal_order"), epochs=3)
MOMENTUM = {"momentum": 0.9, "learning_rate": 0.01}
"""A tenth of the step, which momentum makes as long again."""
Options = tuple[tuple[str, Callable[[], nn.Module], dict[str, Any]], ...]
RNN_ROWS: Options = (
    ("RNN, plain", rnn(), {}),
    ("gradient norm clipped to 1", rnn(), {"clip_norm": 1.0}),
    ("momentum 0.9", rnn(), MOMENTUM),
    ("orthogonal initialisation", rnn(orthogonal=True), {}),
    ("leaky integration, step 0.25", rnn(step=0.25), {}),
    ("gradient-propagation regulariser, 0.5", rnn(), {"propagation": 0.5}),
    ("all of them", rnn(0.25, True), MOMENTUM | {"clip_norm": 1.0, "propagation": 0.5}),
)
LSTM_ROWS: Options = (
    ("LSTM, plain; Adam, clipped", lstm(), {}),
    ("forget gates open by 1", lstm(open_forget_gates), {}),
    ("forget gates open by 4", lstm(lambda cell: open_forget_gates(cell, 4.0)), {}),
    ("forget gates over 1 to 110 steps", lstm(lambda cell: remember(cell, LONG + 10)), {}),
)
GROUPS = ((SHORT, PLAIN, RNN_ROWS), (LONG, CLIPPED, LSTM_ROWS))


def accuracy_percent(card: zoo.Card, splits: Splits, config: TrainConfig) -> float:
    """Of the test sequences, after the last epoch. Raises DivergedError."""
    *_, last = epochs(card, splits, config)
    module = card.build()
    module.load_state_dict(last.weights)
    return evaluate(predictor(module), card.inputs(splits.test.images),
                    splits.test.labels).accuracy_percent


def main(seeds: int = SEEDS, out: Path | None = None) -> list[dict]:
    """A row for each option: accuracies by seed, their mean, and how many solve the task."""
    rows = [row for steps, config, options in GROUPS
            for row in of_group(steps, config, options, seeds)]
    if out:
        out.write_text(json.dumps(rows, indent=1) + "\n")
    return rows


def of_group(steps: int, config: TrainConfig, rows: Options, seeds: int) -> list[dict]:
    """The rows of one length of sequences, printed as a table."""
    splits = drawn("temporal_order", 1998, lambda rng, n: order_sequences(rng, n, steps),
                   TRAIN[steps])
    console, found = Console(width=110), []
    table = Table("option", "mean %", "by seed %", f"at least {SOLVED:g} %")
    for name, cell, changes in rows:
        def build(cell=cell):
            return nn.Sequential(OrderedDict(
                rows=Rows(), cell=(made := cell()), last=LastState(),
                out=nn.Linear(getattr(made, "hidden_size", UNITS), 4),
                log_softmax=nn.LogSoftmax(dim=1)))

        card = replace(zoo.get("order_lstm"), build=build,
                       input_shape=(1, steps + 10, len(SYMBOLS)))
        seen = [accuracy_percent(card, splits, replace(config, seed=seed, **changes))
                for seed in range(seeds)]
        found.append({"option": name, "steps": steps, "settings": changes,
                      "samples": len(splits.test), "accuracy_percent": seen,
                      "mean_percent": float(np.mean(seen)),
                      "solved": sum(a >= SOLVED for a in seen), "seeds": seeds})
        print(f"{name}: {seen}", file=sys.stderr, flush=True)
        table.add_row(name, f"{np.mean(seen):.1f}", "  ".join(f"{a:.1f}" for a in seen),
                      f"{found[-1]['solved']} of {seeds}")
    console.print(table)
    console.print(f"{config.epochs} epochs of {TRAIN[steps]:,} sequences of {steps} to "
                  f"{steps + 10} symbols, {len(splits.test):,} to test; chance is {CHANCE:g} %")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--out", type=Path, help="also write the rows as JSON here")
    main(**vars(parser.parse_args()))
