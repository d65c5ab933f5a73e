"""The command `dsplet train`."""

from __future__ import annotations

from typing import Any

import click

from dsplet.cli.options import PATH, POSITIVE, SEED, reports, watch


@reports
@click.argument("model")
@click.option("--data", help="digits, mnist, usps or a .npz; default: the model's own.")
@click.option("--epochs", type=POSITIVE, help="Default: the model's own.")
@click.option("--seed", type=SEED, help="Default: 0.")
@click.option("--samples", type=POSITIVE, help="Learn from the first so many only.")
@click.option("--resume", type=PATH, help="Go on from this checkpoint.")
@click.option("-o", "out", type=PATH, help="Default: MODEL-DATA.safetensors")
def train(**given: Any) -> object:
    """Train a model of the zoo; the checkpoint is saved after every epoch."""
    from dsplet.workflows.train import Request, run
    return run(Request(**given), watch)
