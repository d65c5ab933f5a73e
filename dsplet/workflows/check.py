"""A project's networks on its targets, held against its budgets and against a baseline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from dsplet.base.errors import door
from dsplet.base.files import write_together
from dsplet.base.progress import SILENT, Watch
from dsplet.base.rows import unprinted
from dsplet.firmware_sim.backend import DoesNotFit
from dsplet.workflows import check_facts as facts
from dsplet.workflows import check_project as project
from dsplet.workflows.check_facts import Baseline, Of, On, Opened
from dsplet.workflows.check_junit import junit
from dsplet.workflows.check_project import PROJECT, Project, Subject
from dsplet.workflows.check_verdicts import UPDATE, Check, Verdicts
from dsplet.workflows.request import check_outs


@dataclass(frozen=True, kw_only=True)
class Request:
    """project: a dsplet.toml. update: write the baseline anew instead of holding anything against
    it. junit: an XML file to write."""

    project: str = PROJECT
    update: bool = False
    junit: str | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A network on a target; without figures where it does not fit there. cycles: of the slowest
    executed sample. accuracy_percent: of `samples`. verdict: whether checks failed."""

    FIRST = ("network", "target", "verdict", "cycles", "latency_ms")

    network: str
    target: str
    cycles: float | None = None
    latency_ms: float | None = None
    ram_bytes: int | None = None
    read_only_bytes: int | None = None
    accuracy_percent: float | None = None
    samples: int
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """failed: of `checks`, in words. better: than the baseline. notes: what else there is to know.
    baseline: the file that was compared with, or written; None: there is none."""

    FIRST = ("passed", "failed", "networks")

    project: str
    networks: list[Row]
    failed: list[str]
    better: list[str]
    notes: list[str]
    baseline: str | None = None
    updated: bool
    junit: str | None = None
    checks: list[Check] = unprinted()
    passed: bool


@dataclass(frozen=True, kw_only=True)
class _Found:
    """Of one network. known: whether anybody says which data it reads. latency_ms: by target."""

    subject: Subject
    known: bool
    facts: Of
    runs: list[On]
    latency_ms: dict[str, float]
    checks: list[Check]
    better: list[str]


def run(request: Request, watch: Watch = SILENT) -> Report:
    """Raises UserError of any kind, with its place in the file, where something cannot be checked;
    nothing is written then."""
    plan = project.read(request.project)
    check_outs({"--junit": request.junit, "baseline": str(plan.baseline) if request.update else None
                }, request.project, *(source for s in plan.subjects for source in (
                    s.file, s.reference, s.data.data)),
               *([] if request.update else [str(plan.baseline)]))
    there = not request.update and (plan.named or plan.baseline.exists())
    before = facts.read(plan.baseline) if there else None
    every = [_checked(plan, subject, before, watch) for subject in plan.subjects]
    checks = [c for found in every for c in found.checks]
    notes = _notes(plan, every, before, request.update)
    writing: dict[str | Path, bytes] = {request.junit: junit(checks)} if request.junit else {}
    if request.update:
        made = Baseline(networks=[f.facts for f in every], runs=[r for f in every for r in f.runs])
        writing[plan.baseline] = facts.written(made)
    write_together(writing)
    return Report(
        project=request.project, networks=[r for found in every for r in _rows(found)],
        failed=[str(c) for c in checks if not c.passed],
        better=[text for found in every for text in found.better], notes=notes,
        baseline=str(plan.baseline) if before or request.update else None, updated=request.update,
        junit=request.junit, checks=checks, passed=all(c.passed for c in checks))


def _checked(plan: Project, subject: Subject, before: Baseline | None, watch: Watch) -> _Found:
    """Everything there is to say of one network."""
    with door(plan.at(subject.name)):
        opened = Opened(subject)
        measured = opened.measured(watch)
        verdicts = Verdicts(opened)
        old = before.of(subject.name) if before else None
        verdicts.network(measured)
        if old:
            verdicts.network_since(old, measured)
    runs, latency_ms = [], {}
    for on in subject.targets:
        with door(plan.at(subject.name, on.name)):
            try:
                took, ran = opened.executed(on, watch)
            except DoesNotFit as error:
                verdicts.does_not_fit(on, str(error), measured)
                continue
        verdicts.run(on, ran, took, measured)
        if then := before and before.on(subject.name, on.name):
            verdicts.run_since(then, took, old, measured)
        runs.append(took)
        latency_ms[on.name] = ran.report.latency_ms
    return _Found(subject=subject, known=opened.known, facts=measured, runs=runs,
                  latency_ms=latency_ms, checks=verdicts.checks, better=verdicts.better)


def _rows(found: _Found) -> list[Row]:
    rows, took = [], {r.target: r for r in found.runs}
    for on in found.subject.targets:
        failed = [c.check for c in found.checks if not c.passed and c.target in (None, on.name)]
        row = Row(network=found.facts.network, target=on.name, samples=found.facts.samples,
                  accuracy_percent=found.facts.accuracy_percent,
                  verdict=_verdict(failed))
        if ran := took.get(on.name):
            row = replace(row, cycles=ran.cycles, latency_ms=found.latency_ms[on.name],
                          ram_bytes=ran.ram_bytes, read_only_bytes=ran.read_only_bytes)
        rows.append(row)
    return rows


def _verdict(failed: list[str]) -> str:
    """For a column of a table: the others are told below it."""
    more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    return f"failed: {failed[0]}{more}" if failed else "passed"


def _notes(plan: Project, every: list[_Found], before: Baseline | None, update: bool) -> list[str]:
    """What is no failure, and may surprise."""
    notes = [f"{f.facts.network}: nobody says which data it reads, so its inputs are random and "
             "nothing is known of its answers" for f in every if not f.known]
    if before is None:
        return notes if update else [*notes, f"there is no baseline to compare with: {UPDATE}"]
    here = {(r.network, r.target) for f in every for r in f.runs}
    there = {(r.network, r.target) for r in before.runs}
    notes += [f"{network} on {target} is not in the baseline: {UPDATE}"
              for network, target in sorted(here - there)]
    notes += [f"the baseline has {network} on {target}, which was not run: {UPDATE}"
              for network, target in sorted(there - here)]
    if any(f.better for f in every):
        notes.append(f"to hold on to what is better: {UPDATE}")
    return notes
