"""One page of everything that is known of a network on a chip, and its JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from dsplet.base import render
from dsplet.base.files import write_atomically
from dsplet.base.progress import SILENT, Watch
from dsplet.base.provenance import Provenance
from dsplet.base.rows import unprinted
from dsplet.data.answers import are_numbers
from dsplet.data.feed import Batch
from dsplet.quantize.analysis import report
from dsplet.quantize.analysis.diagnose import diagnose
from dsplet.quantize.analysis.report import Comparison, Diagnosis
from dsplet.quantize.float.node import ModelError
from dsplet.quantize.network import Network
from dsplet.report.flips import MOST_CARDS
from dsplet.report.page import page
from dsplet.workflows import baseline, compare, ledger, simulate
from dsplet.workflows.baseline import ChangeRow
from dsplet.workflows.provenance import provenance
from dsplet.workflows.request import FromData, OnTarget, RequestError, check_out
from dsplet.workflows.simulation import Simulation
from dsplet.workflows.thumbnails import thumbnails
from dsplet.workflows.verdicts import VerdictRow, verdicts

MADE_FROM = "dsplet.float_sha256"


@dataclass(frozen=True, kw_only=True)
class Request(FromData, OnTarget):
    """reference, test: files of a float network and of the fixed-point one that was made from it.
    page: to be written. samples: of the test split, a number or "all", that they are compared on;
    the first `executed` of them run through machine code. budget, ram, flash: see
    `simulate.Request`. baseline: another report, its page or its JSON. threshold_percent: changes
    since then that are smaller are left out."""

    reference: str
    test: str
    page: str = "report.html"
    samples: str = "500"
    executed: int = 10
    budget: str | None = None
    ram: str | None = None
    flash: str | None = None
    baseline: str | None = None
    threshold_percent: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Report:
    """page: the file that was written; None in the document within it. made_from_reference: what
    the fixed-point network's file says of it; None where it says nothing. not_diagnosed: why there
    is no diagnosis. changes: since the baseline, where there is one. passed: every verdict with a
    limit keeps it."""

    FIRST = ("passed", "page", "verdicts", "changes")

    page: str | None = None
    provenance: Provenance = unprinted()
    reference: str
    test: str
    made_from_reference: bool | None = None
    verdicts: list[VerdictRow]
    baseline: str | None = None
    threshold_percent: float
    changes: list[ChangeRow] | None = None
    simulation: Simulation = unprinted()
    comparison: Comparison = unprinted()
    diagnosis: Diagnosis | None = unprinted(None)
    not_diagnosed: str | None = None
    ledger: ledger.Report = unprinted()
    passed: bool


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Raises ModelError, DataError, AnswerError, BudgetError, UnknownTarget, DoesNotFit,
    RequestError, SizeError."""
    check_out(request.page, request.reference, request.test, request.baseline, request.data)
    old = None if request.baseline is None else baseline.read(request.baseline)
    whole, fixed = Network(request.reference), Network(request.test)
    if whole.float is None or fixed.fixed is None:
        raise RequestError(f"{request.reference} must be a float network and {request.test} the "
                           "fixed-point one that was made from it")
    samples = request.feed(whole.facts | fixed.facts, fixed.inputs).test(request.samples)
    found = _found(request, whole, fixed, samples, watch)
    if old is not None and request.baseline:
        since = baseline.changes(old, json.loads(render.to_json("report", found)), request.baseline,
                                 request.threshold_percent)
        found = replace(found, baseline=request.baseline, changes=since)
    shown = [f.index for f in found.comparison.flips[:MOST_CARDS]]
    write_atomically(request.page, page(render.to_json("report", found),
                                        thumbnails(samples, shown)))
    return replace(found, page=request.page)


def _found(request: Request, whole: Network, fixed: Network, samples: Batch, watch: Watch
           ) -> Report:
    """All but what depends on a baseline."""
    assert fixed.fixed
    same = {f: getattr(request, f) for f in FromData.__dataclass_fields__}
    compared = compare.run(compare.Request(reference=request.reference, test=request.test,
                                           samples=request.samples, **same), watch)
    book = ledger.run(ledger.Request(source=request.test, samples=request.samples, **same), watch)
    sim = _simulated(request, samples, watch)
    try:
        diagnosis, why = _diagnosis(whole, fixed, samples, watch), None
    except ModelError as error:
        diagnosis, why = None, str(error)
    rows, made_from = verdicts(sim, compared, book), fixed.facts.get(MADE_FROM)
    return Report(
        provenance=provenance([whole, fixed], samples, request, ("page",)),
        reference=request.reference, test=request.test,
        made_from_reference=None if made_from is None else made_from == whole.sha256,
        verdicts=rows, simulation=sim,
        comparison=compared, diagnosis=diagnosis, not_diagnosed=why, ledger=book,
        threshold_percent=request.threshold_percent, passed=all(v.met is not False for v in rows))


def _simulated(request: Request, samples: Batch, watch: Watch) -> Simulation:
    """The first of the samples, with what the target offers besides."""
    asked = simulate.Request(
        source=request.test, samples=str(min(request.executed, len(samples))),
        budget=request.budget, ram=request.ram, flash=request.flash,
        **{f: getattr(request, f) for c in (FromData, OnTarget) for f in c.__dataclass_fields__})
    ran = replace(simulate.simulated(asked, watch), compared=samples)
    tools = ran.compiled.tools
    more = simulate.Extras(memory_map="memory_map" in tools, spread="assuming" in tools)
    return simulate.with_extras(ran, more, watch)


def _diagnosis(whole: Network, fixed: Network, samples: Batch, watch: Watch) -> Diagnosis:
    """Of classes, also what is read. Raises ModelError where there can be none."""
    assert whole.float and fixed.fixed
    labels = samples.labels if samples.labels is None or not are_numbers(samples.labels) else None
    with watch.progress("diagnosing") as tick:
        seen = diagnose(whole.float, fixed.fixed, samples.x, labels, tick)
    return report.diagnosis(seen, samples.index)
