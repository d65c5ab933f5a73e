"""The models: what they are, what was measured of them, and what was published; and those that come
trained."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass

from dsplet.base.files import check_target, read_bytes, write_atomically
from dsplet.base.progress import SILENT, Watch
from dsplet.base.rows import inlined
from dsplet.train import results, shipped
from dsplet.train import zoo as models
from dsplet.train.shipped import Shipped
from dsplet.workflows.request import RequestError, refuse_idle


@dataclass(frozen=True, kw_only=True)
class Request:
    """action: "get" copies the trained network of a model to the file `out`, MODEL.q.onnx where
    None is named; None tells of all models."""

    action: str | None = None
    model: str | None = None
    out: str | None = None


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
class Trained:
    """What comes with the package. accuracies: of all `samples` test samples, of lines whole lines.
    """

    model: str
    data: str
    bytes: int
    samples: int
    float_accuracy_percent: float
    fixed_accuracy_percent: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """`make zoo` measures; accuracies are of all test images, cycles of those that were executed.
    trained: what `dsplet zoo get` copies.
    """

    models: list[Model]
    accuracy: list[results.Accuracy]
    chip: list[results.Chip]
    trained: list[Trained]
    published: list[Published]


@dataclass(frozen=True, kw_only=True)
class Copied:
    """A trained network that was copied. go_on: what executes it on the test samples that come with
    it, the first of all."""

    file: str
    network: Shipped = inlined()
    go_on: str


def run(request: Request, watch: Watch = SILENT) -> Report | Copied:
    """Raises RequestError, NotShipped, FileError."""
    if request.action is None:
        refuse_idle("-o does nothing without get", {"-o": request.out})
        return _everything()
    if request.model is None:
        raise RequestError("get copies one trained network",
                           expected=", ".join(row.model for row in shipped.shipped()))
    source = shipped.path(request.model)
    out = request.out or source.name
    check_target(out)
    write_atomically(out, read_bytes(source))
    row = next(r for r in shipped.shipped() if r.model == request.model)
    go_on = ["dsplet", "simulate", out, "--data", str(shipped.samples(row.data)), "--resize",
             "--samples", str(row.first)]
    return Copied(file=out, network=row, go_on=shlex.join(go_on))


def _everything() -> Report:
    rows, cards = results.load(), models.cards()
    return Report(
        models=[Model(**card.facts) for card in cards],
        accuracy=results.columns(rows, results.Accuracy),
        chip=results.columns(rows, results.Chip),
        trained=[_trained(row) for row in shipped.shipped()],
        published=[Published(model=card.name, **asdict(figure))
                   for card in cards for figure in card.published])


def _trained(row: Shipped) -> Trained:
    return Trained(**{f: getattr(row, f) for f in Trained.__dataclass_fields__})
