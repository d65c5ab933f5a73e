"""Two networks on the same samples."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dsplet.base.progress import SILENT, Watch
from dsplet.quantize.analysis import report
from dsplet.quantize.analysis.report import Comparison
from dsplet.quantize.network import Network
from dsplet.workflows.provenance import provenance
from dsplet.workflows.request import FromData, RequestError


@dataclass(frozen=True, kw_only=True)
class Request(FromData):
    """reference, test: files of networks, float or fixed point. samples: a number of test samples,
    or "all". What a float network's file does not say of its input is taken from the other."""

    reference: str
    test: str
    samples: str = "all"


def run(request: Request, watch: Watch = SILENT) -> Comparison:
    """Raises ModelError, DataError, AnswerError, RequestError."""
    a, b = Network(request.reference), Network(request.test)
    feed_a = request.feed(b.facts | a.facts, a.inputs)
    feed_b = request.feed(a.facts | b.facts, b.inputs)
    if feed_a.data != feed_b.data:
        raise RequestError(f"{request.reference} was made for {feed_a.data}, {request.test} for "
                           f"{feed_b.data}: choose with --data")
    part = feed_a.test(request.samples)
    other = part if feed_a == feed_b else feed_b.test(request.samples)
    with watch.progress("comparing") as tick:
        found = report.comparison(a, b, part.x, other.x, part.labels, part.index, tick)
    return replace(found, provenance=provenance([a, b], part, request, data=part.data),
                   calibrated_on=part.calibrated_on(a.facts | b.facts))
