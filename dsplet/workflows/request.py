"""What requests share: which samples, and which processor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dsplet.base.errors import UserError
from dsplet.data.answers import are_numbers
from dsplet.data.feed import Feed, feed


class RequestError(UserError):
    """What is asked for cannot be done; the message says what to do instead."""


@dataclass(frozen=True, kw_only=True)
class FromData:
    """data: a data set's name or a .npz with images and labels; None: what the network's file says.
    input_scale, input_offset: of x = pixel * scale + offset, such as "1/256"; likewise."""

    data: str | None = None
    input_scale: str | None = None
    input_offset: str | None = None

    def feed(self, facts: Mapping[str, str], shape: tuple[int, ...]) -> Feed:
        """What feeds a network with this metadata and this input. Raises DataError."""
        return feed(facts, shape, self.data, self.input_scale, self.input_offset)


@dataclass(frozen=True, kw_only=True)
class OnTarget:
    """target: a part's name. board: the memory around it; None: the part's own."""

    target: str = "dsp32c-40"
    board: str | None = None


def refuse_numbers(what: str, images: Feed) -> None:
    """What counts classes does so for no network that answers in numbers. Raises RequestError."""
    if are_numbers(images.splits.test.labels):
        raise RequestError(f"{what} works with classes, and data set '{images.data}' wants numbers")
