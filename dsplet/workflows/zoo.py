"""The models: what they are, what was measured of them, and what was published."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from dsplet.base.progress import SILENT, Watch
from dsplet.train import results
from dsplet.train import zoo as models


@dataclass(frozen=True, kw_only=True)
class Request:
    """There is nothing to choose."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """weights, links (connections), macs: counted as the papers do."""

    model: str
    title: str
    input: str
    data: str
    weights: int
    links: int
    macs: int


@dataclass(frozen=True, kw_only=True)
class Published:
    """A figure of a paper. at_most: it is a bound."""

    model: str
    quantity: str
    value: float
    source: str
    dataset: str | None
    clock_mhz: float | None
    at_most: bool


@dataclass(frozen=True, kw_only=True)
class Report:
    """`make zoo` measures; accuracies are of all test images, cycles of those that were executed.
    """

    models: list[Model]
    accuracy: list[results.Accuracy]
    chip: list[results.Chip]
    published: list[Published]


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Everything there is."""
    rows, cards = results.load(), models.cards()
    return Report(
        models=[Model(**card.facts) for card in cards],
        accuracy=results.columns(rows, results.Accuracy),
        chip=results.columns(rows, results.Chip),
        published=[Published(model=card.name, **asdict(figure))
                   for card in cards for figure in card.published])
