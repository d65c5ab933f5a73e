"""Whether networks keep their budgets and what a baseline says, and which layer is to blame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dsplet.data.answers import are_numbers
from dsplet.quantize.analysis import diagnose
from dsplet.quantize.analysis.diagnose import Diagnosis
from dsplet.quantize.float.node import ModelError
from dsplet.workflows.check_facts import Answered, Layer, Of, On, Opened, taken
from dsplet.workflows.check_project import OnOne
from dsplet.workflows.simulate import Execution

SQNR_SLACK_DB = 0.1
"""Float networks are not computed to the last bit alike on every machine."""
SHOWN = 3
MOST_DIAGNOSED = 50
"""Samples, of a search for whom to blame."""
UPDATE = "dsplet check --update"


@dataclass(frozen=True, kw_only=True)
class Check:
    """Something that has to hold of a network, or of it on a target. layer: to blame where it does
    not."""

    network: str
    target: str | None = None
    check: str
    passed: bool
    said: str
    layer: str | None = None

    def __str__(self) -> str:
        where = self.network + (f" on {self.target}" if self.target else "")
        return f"{where}, {self.check}: {self.said}"


@dataclass
class Verdicts:
    """Of one network, gathered. better: than in the baseline, in words."""

    opened: Opened
    checks: list[Check] = field(default_factory=list)
    better: list[str] = field(default_factory=list)

    def _add(self, check: str, passed: bool, said: str, layer: str | None = None,
             target: str | None = None) -> None:
        self.checks.append(Check(network=self.opened.subject.name, target=target, check=check,
                                 passed=passed, said=said, layer=None if passed else layer))

    # --- budgets ----------------------------------------------------------------------------------
    def does_not_fit(self, on: OnOne, why: str, facts: Of) -> None:
        largest = _largest(facts.layers, "constant_bytes")
        self._add("fits", False, f"{why}; the largest layer is {largest}", largest, on.name)

    def run(self, on: OnOne, ran: Execution, took: On, facts: Of) -> None:
        """What a run on a target has to keep."""
        wrong = ran.report.differing_integers
        self._add("integers", not wrong, f"{wrong:,} are not those of the reference" if wrong else
                  f"those of the {ran.report.compared_with}", None, on.name)
        for v in ran.report.budget or ():
            self._add("latency", v.met, f"{on.target.ms(v.cycles):,.4g} ms of "
                      f"{on.target.ms(v.allowed_cycles):,.4g} ms, {v.cycles:,.0f} cycles; most in "
                      f"{v.largest_layers}", max(took.layers, key=lambda n: n.cycles).layer,
                      on.name)
        for kept, sizes in ((k, "held_bytes" if k.memory == "RAM" else "constant_bytes")
                            for k in on.limits.verdicts(ran.compiled.memory())):
            largest = _largest(facts.layers, sizes)
            self._add(kept.memory, kept.met, f"{kept.used_bytes:,} bytes of {kept.allowed_bytes:,}"
                      f"; the largest layer is {largest}", largest, on.name)

    def network(self, facts: Of) -> None:
        """How near the network is to its reference. Raises ModelError where that cannot be said."""
        budgets = self.opened.subject.budgets
        if budgets.accuracy_drop_points is not None:
            if facts.accuracy_percent is None or facts.reference_accuracy_percent is None:
                raise ModelError("its budget has accuracy_drop_points, and nobody knows which "
                                 "answers are right", remedy="give the samples labels")
            drop = facts.reference_accuracy_percent - facts.accuracy_percent
            self._budget("accuracy drop", drop <= budgets.accuracy_drop_points + 1e-9, _most_mended,
                         f"{facts.accuracy_percent:.4g} % of {facts.samples:,} samples, "
                         f"{drop:.3g} points below the reference, of "
                         f"{budgets.accuracy_drop_points:g}", facts)
        if budgets.sqnr_db is not None and facts.sqnr_db is not None:
            self._budget("SQNR", facts.sqnr_db >= budgets.sqnr_db, _best_restored,
                         f"{facts.sqnr_db:.2f} dB of {budgets.sqnr_db:g} dB", facts)
        if budgets.agree_percent is not None:
            if facts.agree_percent is None:
                raise ModelError("its budget has agree_percent, and it answers in numbers",
                                 remedy="bound them by sqnr_db")
            self._budget("agreement", facts.agree_percent >= budgets.agree_percent, _most_mended,
                         f"{facts.agree_percent:.4g} % of {facts.samples:,} samples, of "
                         f"{budgets.agree_percent:g} %", facts)

    def _budget(self, check: str, met: bool, blamed: Callable[[Diagnosis], str | None],
                said: str, facts: Of) -> None:
        layer = None
        if not met:
            found = self._diagnosed([f.index for f in facts.flips] or self.opened.batch.index)
            layer = (blamed(found[0]) if found else None) or _worst(facts.layers)
        self._add(check, met, said + (f"; {layer} loses most" if layer else ""), layer)

    def _diagnosed(self, index: Sequence[int] | np.ndarray) -> tuple[Diagnosis, np.ndarray] | None:
        """The first of these samples, and their places in the data set; None where such a network,
        or such answers, cannot be diagnosed."""
        opened, labels = self.opened, self.opened.batch.labels
        if (opened.reference is None or labels is None or are_numbers(labels)
                or len(opened.network.inputs) != 1):
            return None
        few = taken(opened.batch, np.flatnonzero(np.isin(opened.batch.index,
                                                         index[:MOST_DIAGNOSED])))
        assert opened.reference.float and few.labels is not None
        x, = few.x.values()
        try:
            found = diagnose.diagnose(opened.reference.float, opened.graph, x, few.labels)
        except ModelError:  # calibration left a mask out, or a clamp
            return None
        return found, few.index

    # --- since the baseline -----------------------------------------------------------------------
    def network_since(self, old: Of, new: Of) -> None:
        """What may not become worse, whatever it runs on."""
        now, before = ({n.layer: n for n in facts.layers} for facts in (new, old))
        other = [(name, _format_change(before.get(name), now.get(name)))
                 for name in dict.fromkeys([*now, *before])]
        other = [(name, said) for name, said in other if said]
        self._add("baseline formats", not other, "; ".join(f"{name}: {said}" for name, said in
                  other[:SHOWN]) + _more(other) or "those of the baseline",
                  other[0][0] if other else None)
        if (old.samples, old.inputs, old.against) != (new.samples, new.inputs, new.against):
            self._add("baseline samples", False, f"{new.samples:,} against {new.against}, and "
                      f"others than the {old.samples:,} against {old.against} of the baseline: "
                      f"{UPDATE}")
            return
        self._flips_since(old, new)
        if old.accuracy_percent is not None and new.accuracy_percent is not None:
            fell, layer = new.accuracy_percent < old.accuracy_percent, _changed(old, new)
            self._add("baseline accuracy", not fell, f"{new.accuracy_percent:.4g} %, "
                      f"{old.accuracy_percent:.4g} % in the baseline"
                      + (f"; {layer} has changed" if fell and layer else ""), layer)
        self._sqnr_since(old, new)

    def _flips_since(self, old: Of, new: Of) -> None:
        before, now = ({f.index: f for f in facts.flips} for facts in (old, new))
        more = [f for i, f in now.items() if i not in before]
        if gone := [i for i in before if i not in now]:
            self.better.append(f"{new.network}: {len(gone):,} flips are gone, sample {gone[0]} "
                               "the first")
        found = self._diagnosed([f.index for f in more]) if more else None
        mended = {int(found[1][f.index]): f.layers for f in found[0].flips} if found else {}
        changed = _changes(old, new)
        blamed = [next((n for n in mends if n in changed), None) or next(iter((*changed, *mends)),
                                                                         None)
                  for f in more for mends in [mended.get(f.index, ())]]
        self._add("baseline flips", not more, "; ".join(
            _flip(f, layer) for f, layer in list(zip(more, blamed, strict=True))[:SHOWN])
            + _more(more) or f"{len(now):,}, none that the baseline has not",
            blamed[0] if more else None)

    def _sqnr_since(self, old: Of, new: Of) -> None:
        before = {n.layer: n.sqnr_db for n in old.layers}
        changes = [(n.layer, was, n.sqnr_db) for n in new.layers
                   if (was := before.get(n.layer)) is not None and n.sqnr_db is not None]
        if not changes and old.sqnr_db is not None and new.sqnr_db is not None:
            changes = [(_changed(old, new) or "the output", old.sqnr_db, new.sqnr_db)]
        if not changes:
            return
        fell = [c for c in changes if c[2] < c[1] - SQNR_SLACK_DB]
        rose = [c for c in changes if c[2] > c[1] + SQNR_SLACK_DB]
        if rose and not fell:
            self.better.append(f"{new.network}: SQNR rose, {_db_change(*rose[0])}")
        self._add("baseline SQNR", not fell, "; ".join(_db_change(*c) for c in fell[:SHOWN])
                  + _more(fell) or "no layer's fell", fell[0][0] if fell else None)

    def run_since(self, old: On, new: On, was: Of | None, now: Of) -> None:
        """What may not become worse on a target: not one cycle, not one byte."""
        if (old.on, old.executed) != (new.on, new.executed):
            self._add("baseline target", False, f"{new.executed} executed on {new.on}; in the "
                      f"baseline {old.executed} on {old.on}: {UPDATE}", None, new.target)
            return
        other = "" if old.compiler == new.compiler else (
            f"; compiled by {new.compiler}, in the baseline by {old.compiler}")
        self._cycles_since(old, new, was, now, other)
        for kind, then, here, sizes in (
                ("RAM", old.ram_bytes, new.ram_bytes, "held_bytes"),
                ("flash", old.read_only_bytes, new.read_only_bytes, "constant_bytes")):
            self._gained(f"baseline {kind}", here - then, f"{here - then:+,} bytes since the "
                         f"baseline, {here:,} in all{other}",
                         _grown(was, now, sizes) or _changed(was, now), new)

    def _cycles_since(self, old: On, new: On, was: Of | None, now: Of, other: str) -> None:
        """Of the slowest executed sample or, where they grew more, of the worst case."""
        then, here, of = old.cycles, new.cycles, "in all"
        if old.worst_case_cycles is not None and new.worst_case_cycles is not None and (
                new.worst_case_cycles - old.worst_case_cycles > max(here - then, 0)):
            then, here, of = old.worst_case_cycles, new.worst_case_cycles, "in the worst case"
        before, after = ({r.layer: r.cycles for r in run.layers} for run in (old, new))
        moved = {name: after.get(name, 0.0) - before.get(name, 0.0)
                 for name in dict.fromkeys([*after, *before])}
        layers = sorted((n for n, more in moved.items() if more and (more > 0) == (here > then)),
                        key=lambda n: -abs(moved[n]))
        said = ", ".join(f"{moved[n]:+,.10g} cycles in {n}" for n in layers[:SHOWN])
        self._gained("baseline cycles", here - then, (said or f"{here - then:+,.10g} cycles")
                     + f" since the baseline, {here:,.10g} {of}{other}",
                     layers[0] if layers else _changed(was, now), new)

    def _gained(self, check: str, more: float, said: str, layer: str | None, new: On) -> None:
        if more < 0:
            self.better.append(f"{new.network} on {new.target}: {said}")
        if more > 0 and layer and layer not in said:
            said += f"; {layer} has changed"
        self._add(check, more <= 0, said if more else "as in the baseline", layer, new.target)


# --- whom to blame --------------------------------------------------------------------------------

def _largest(layers: Sequence[Layer], sizes: str) -> str:
    return max(layers, key=lambda n: getattr(n, sizes)).layer if layers else ""


def _worst(layers: Sequence[Layer]) -> str | None:
    known = [n for n in layers if n.sqnr_db is not None]
    return min(known, key=lambda n: n.sqnr_db or 0.0).layer if known else None


def _most_mended(found: Diagnosis) -> str | None:
    best = max(found.layers, key=lambda n: n.mends, default=None)
    return best.name if best and best.mends else None


def _best_restored(found: Diagnosis) -> str | None:
    best = max(found.layers, key=lambda n: n.restored_sqnr_db, default=None)
    return best.name if best else None


def _changes(old: Of | None, new: Of) -> list[str]:
    """Layers whose constants or formats are others; none where nobody knows the old."""
    before = {n.layer: n for n in old.layers} if old else {n.layer: n for n in new.layers}
    return [n.layer for n in new.layers if n.layer not in before or
            before[n.layer].digest != n.digest or _format_change(before[n.layer], n)]


def _changed(old: Of | None, new: Of) -> str | None:
    """The first of those."""
    return next(iter(_changes(old, new)), None)


def _grown(old: Of | None, new: Of, sizes: str) -> str | None:
    """The layer that takes most more; likewise."""
    if old is None:
        return None
    before: Mapping[str, int] = {n.layer: getattr(n, sizes) for n in old.layers}
    more = {n.layer: getattr(n, sizes) - before.get(n.layer, 0) for n in new.layers}
    best = max(more, key=more.__getitem__, default=None)
    return best if best and more[best] > 0 else None


def _format_change(old: Layer | None, new: Layer | None) -> str:
    """In words; "" where there is none."""
    if old is None or new is None:
        return "is new" if new else "is gone"
    said: Iterator[str] = (f"{what} {was} in the baseline, now {now}" for what, was, now in (
        ("op", old.op, new.op), ("weights", _bits(old), _bits(new)),
        ("output", old.output, new.output)) if was != now)
    return ", ".join(said)


def _bits(layer: Layer) -> str:
    bits = " and ".join(map(str, layer.weight_bits))
    return f"of {bits} bits, {layer.weights or 'several formats'}" if bits else "none"


def _flip(flip: Answered, layer: str | None) -> str:
    what = ("" if flip.label is None else f" (label {flip.label})") + (
        " is wrong" if flip.reference is None else
        f" is read as {flip.test}, by the reference as {flip.reference}")
    return f"sample {flip.index}{what}" + (f": {layer}" if layer else "")


def _db_change(layer: str, was: float, now: float) -> str:
    return f"{layer} has {now:.2f} dB, {was:.2f} in the baseline"


def _more(several: Sequence[object]) -> str:
    return f"; and {len(several) - SHOWN:,} more" if len(several) > SHOWN else ""
