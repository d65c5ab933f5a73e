"""A trained recogniser of one digit becomes a reader of whole lines."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from dsplet.data import Splits
from dsplet.data.automaton import MachineError, load
from dsplet.train.reading import Reader
from dsplet.train.zoo.card import Card


def read_lines(recognizer: nn.Module, card: Card, machine: str, lines: Splits,
               shape: tuple[int, ...] | None = None) -> tuple[Reader, Card]:
    """The reader of lines that a recogniser and a machine (a name or a .toml file) make, and the
    card it has then: its input is `shape`, else as wide as the `lines`. Raises MachineError.
    """
    found = load(machine, card.classes)
    shape = shape or (1, card.input_shape[1], lines.test.images.shape[2])
    if len(shape) != 3 or shape[:2] != card.input_shape[:2] or shape[2] <= card.input_shape[2]:
        raise MachineError(f"reads no lines of {'x'.join(map(str, shape))}", where=machine,
                           expected=f"{card.input_shape[1]} rows and more than "
                           f"{card.input_shape[2]} columns", remedy="name a data set of lines with "
                           "--data, or their size with --input")
    return Reader(recognizer, found), replace(card, input_shape=(shape[0], shape[1], shape[2]))
