"""Reports as rows: plain dictionaries with units in their keys, for a table or for JSON."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from dsplet.base.errors import UserError
from dsplet.data.answers import (
    answers,
    are_numbers,
    class_names,
    nrmse_percent,
    percent_right,
    places_of,
    same,
    spelled,
    tolerance_of,
)
from dsplet.firmware_sim.dsp32c.bill import NOT_INCLUDED, items, module_rows
from dsplet.firmware_sim.dsp32c.codegen.image import Image
from dsplet.firmware_sim.dsp32c.isa.assembler import disassemble
from dsplet.firmware_sim.dsp32c.lower_bound import lower_bound_cycles
from dsplet.firmware_sim.dsp32c.parts import BOARDS, TARGETS
from dsplet.firmware_sim.dsp32c.parts.target import Target
from dsplet.firmware_sim.dsp32c.sim.profile import Profile
from dsplet.firmware_sim.dsp32c.sim.simulate import Run
from dsplet.firmware_sim.dsp32c.sim.stream import Steps
from dsplet.firmware_sim.dsp32c.wcet import Bound, Unbounded, of_image
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import Program, lower
from dsplet.quantize.fixed.proof import bounds


class BudgetError(UserError):
    """A budget that cannot be read."""


SHOWN_SAMPLES = 5
"""How many samples a report lists one by one."""
FLOAT_TOLERANCE = 1e-3
"""Of the largest output: the chip truncates where float32 rounds, and interpolates functions."""


def simulation(graph: Graph, image: Image, run: Run, wanted: Sequence[np.ndarray],
               index: np.ndarray, labels: np.ndarray | None, budget: str | None) -> dict:
    """What a run of machine code computed, cost and needed.

    wanted: the reference's outputs. index: each sample's position in its data set. labels: None
    where nobody knows them.
    """
    differing = sum(np.count_nonzero(y != w) for y, w in zip(run.outputs, wanted, strict=True))
    compared = {"differing_integers": int(differing),
                "compared_with": f"NumPy reference, {sum(w.size for w in wanted):,} integers"}
    y = graph.outputs[0].format.dequantize(run.outputs[0])
    found = _found(image, run, y, index, labels, dict(graph.metadata)) | compared
    bound, why = _worst_case(image)
    found |= _costs(lower(graph), image, run, bound) | {"smallest_headroom_bits": min(
        (b.headroom_bits for b in bounds(graph)), default=None)}
    return found | _totals(image, run, bound, why, budget, not differing)


def float_simulation(program: Program, metadata: Sequence[tuple[str, str]], image: Image, run: Run,
                     wanted: np.ndarray, index: np.ndarray, labels: np.ndarray | None,
                     budget: str | None) -> dict:
    """The same of a program in float arithmetic. wanted: float32 (N, classes).

    A number differs where it is more than FLOAT_TOLERANCE of the largest away.
    """
    y, facts = run.outputs[0].reshape(wanted.shape), dict(metadata)
    apart = np.abs(y - wanted)
    differing = int(np.count_nonzero(apart > FLOAT_TOLERANCE * np.abs(wanted).max()))
    compared = {"differing_numbers": differing, "tolerance_of_largest": FLOAT_TOLERANCE,
                "largest_difference": float(apart.max()),
                "differing_answers": _differing(y, wanted, labels, facts),
                "compared_with": f"ONNX Runtime in float32, {wanted.size:,} numbers"}
    found = _found(image, run, y, index, labels, facts) | compared
    bound, why = _worst_case(image)
    return found | _costs(program, image, run, bound) | _totals(image, run, bound, why, budget,
                                                                not differing)


def side_by_side(*reports: dict) -> list[dict]:
    """One row for each simulation of the same network."""
    return [{"arithmetic": r["arithmetic"], "network": r["network"], "cycles": r["cycles"],
             "latency_ms": r["latency_ms"], "cycles_per_mac": r["cycles_per_mac"],
             "used_bytes": sum(row["used_bytes"] for row in r["memory"]),
             "accuracy_percent": r["accuracy_percent"], "samples": r["samples"]} for r in reports]


def _found(image: Image, run: Run, y: np.ndarray, index: np.ndarray, labels: np.ndarray | None,
           facts: Mapping[str, str]) -> dict:
    """Which samples ran, and what was read in them. y: reals (N, ...)."""
    target, samples = image.target, len(run.cycles)
    y = y.reshape(samples, -1)

    def answer(i: int) -> dict:
        if labels is not None and are_numbers(labels):
            return {"largest_error": float(np.abs(y[i] - labels[i]).max())}
        names, label = class_names(facts), None if labels is None else labels[i]
        if label is not None:
            label = spelled(label, names) if np.ndim(label) else int(label)
        return {"label": label, "read_as": spelled(_read(y[i:i + 1], labels, names)[0], names)}

    return {
        "target": f"{target.name}, board {target.board.name}",
        "samples": samples,
        "first_samples": [{"index": int(index[i]), **answer(i), "cycles": float(run.cycles[i])}
                          for i in range(min(SHOWN_SAMPLES, samples))],
        **_score(y, labels, facts)}


def _read(scores: np.ndarray, labels: np.ndarray | None, names: dict[int, str]) -> np.ndarray:
    """The answers, of as many places as the labels have; else as the classes of a place allow."""
    if labels is not None:
        return answers(scores, labels.shape[1:])
    return answers(scores, places_of(scores, names))


def _differing(y: np.ndarray, z: np.ndarray, labels: np.ndarray | None, facts: Mapping[str, str]
               ) -> int:
    """How many samples two executions answer differently."""
    if tolerance := tolerance_of(facts):
        return int(np.count_nonzero((np.abs(y - z) >= tolerance).any(1)))
    names = class_names(facts)
    return int(np.count_nonzero(~same(_read(y, labels, names), _read(z, labels, names))))


def _score(y: np.ndarray, labels: np.ndarray | None, facts: Mapping[str, str]) -> dict:
    """How many of the outputs y (N, outputs) are right; of numbers, also how far they are off."""
    if labels is None:
        return {"accuracy_percent": None}
    tolerance = tolerance_of(facts)
    found = {"accuracy_percent": percent_right(y, labels, tolerance)}
    if are_numbers(labels):
        found |= {"right_within": tolerance, "nrmse_percent": nrmse_percent(y, labels)}
    return found


def _worst_case(image: Image) -> tuple[Bound | None, str]:
    """The bound, or None and why there is none."""
    try:
        return of_image(image), ""
    except Unbounded as error:
        return None, str(error)


def _costs(program: Program, image: Image, run: Run, bound: Bound | None) -> dict:
    """The bill by layer and by item, and the memory."""
    target = image.target
    lowest = {k.name: program.turns(i) * lower_bound_cycles(k, program.buffers, target)
              for i, k in enumerate(program.kernels)}
    layers = layer_rows(run, bound, lowest, target.states_per_cycle)
    return {"layers": layers, **module_rows(layers),
            "items": items(image, run.profile, len(run.cycles),
                           bound.indexed if bound else ()),
            "not_included": list(NOT_INCLUDED), "memory": memory_rows(image)}


def _totals(image: Image, run: Run, bound: Bound | None, why: str, budget: str | None,
            agrees: bool) -> dict:
    """The bottom lines. why: there is no bound. agrees: whether the outputs are the reference's."""
    target, macs = image.target, sum(s.macs for s in image.sections)
    cycles = float(run.cycles.max())
    worst = bound.states / target.states_per_cycle if bound else None
    if bound and worst != cycles:
        why = differences(image, bound)
    report = {"cycles": cycles, "worst_case_cycles": worst, "worst_case_differs_for": why,
              "cycles_per_mac": cycles / macs if macs else None, "clock_mhz": target.clock_mhz,
              "latency_ms": target.ms(cycles)}
    if budget:
        report["budget"] = [verdict(budget, run, target, worst or cycles)]
        agrees = agrees and report["budget"][0]["met"]
    return report | {"passed": agrees}


def streamed(graph: Graph, image: Image, steps: Steps, wanted: np.ndarray,
             labels: np.ndarray | None) -> dict:
    """What one step a call cost. wanted: the reference's output after the last step."""
    target, (samples, count) = image.target, steps.cycles.shape
    last = steps.outputs[0][:, -1]
    y, worst = graph.outputs[0].format.dequantize(last), float(steps.cycles.max())
    differing = int(np.count_nonzero(last != wanted))
    return {
        "target": f"{target.name}, board {target.board.name}", "samples": samples, "steps": count,
        **_score(y.reshape(samples, -1), labels, dict(graph.metadata)),
        "differing_integers": differing,
        "compared_with": f"NumPy reference after the last step, {wanted.size:,} integers",
        "begin_cycles": steps.begin_cycles, "cycles_per_step": worst,
        "clock_mhz": target.clock_mhz, "latency_ms_per_step": target.ms(worst),
        "memory": memory_rows(image), "passed": not differing}


def differences(image: Image, bound: Bound) -> str:
    """The instructions for which a run may be shorter than the worst case."""
    start, code = image.segments[0]
    places = [f"{why} at {a:06x}: {disassemble(int(code[(a - start) // 4]), a)}"
              for why, addresses in (("a decision of the data", bound.forks),
                                     ("memory that the data choose", bound.guesses))
              for a in addresses]
    return "; ".join(places)


def layer_rows(run: Run, bound: Bound | None, lowest: dict[str, float],
               per_cycle: int) -> list[dict]:
    """The bill: cycles of one sample by layer and by what they were spent on, then their sum.

    bound: the worst case, where it is proved. lowest: kernel -> lower bound, cycles.
    per_cycle: states a cycle.
    """
    rows = [{"layer": b.section.node, "op": b.section.op, "macs": b.section.macs,
             "cycles": b.cycles, "worst_case": bound and sum(
                 bound.spent.get(a, 0) for a in range(b.section.start, b.section.end, 4)
                 ) / per_cycle, "lower_bound": lowest.get(b.section.kernel, 0.0),
             "mac": b.mac, "other": b.other, "nop": b.nop,
             "bank_stall": b.bank, "wait_stall": b.wait} for b in run.bills]
    total = {"layer": "total", "op": ""} | {
        k: None if rows[0][k] is None else sum(r[k] for r in rows) for k in rows[0]
        if k not in ("layer", "op")}
    return [r | {"cycles_per_mac": r["cycles"] / r["macs"] if r["macs"] else None}
            for r in [*rows, total]]


def cause_rows(run: Run) -> list[dict]:
    """Cycles of one sample by what they were spent on, all layers together."""
    spent = {cause: sum(getattr(b, cause) for b in run.bills)
             for cause in ("mac", "other", "nop", "bank", "wait")}
    total = sum(spent.values())
    return [{"cause": cause, "cycles": cycles, "percent": 100 * cycles / total if total else 0.0}
            for cause, cycles in spent.items()]


def hot_lines(image: Image, run_profile: Profile, samples: int = 1) -> list[dict]:
    """The executed lines of the listing, the costliest first; per sample, stalls in cycles.

    cycles = count + bank + wait. run_profile: the counters of `samples` runs.
    """
    per_cycle = image.target.states_per_cycle
    starts = [s.start for s in image.sections]
    start, code = image.segments[0]
    rows = []
    for address, count in run_profile.count.items():
        count /= samples
        bank, wait = (run_profile.stalls.get(cause, {}).get(address, 0) / samples / per_cycle
                      for cause in ("bank", "wait"))
        section = image.sections[max(bisect_right(starts, address) - 1, 0)]
        text = disassemble(int(code[(address - start) // 4]), address)
        rows.append({"address": f"{address:06x}", "text": text, "section": section.node,
                     "count": count, "cycles": count + bank + wait, "bank": bank, "wait": wait})
    return sorted(rows, key=lambda row: (-row["cycles"], row["address"]))


def memory_rows(image: Image) -> list[dict]:
    """Bytes used and there, by region, and what the region holds."""
    rows = []
    for name, (used, there) in image.memory_by_region().items():
        region = next(r for r in image.target.regions if r.name == name)
        roles = {p.role for p in image.placements.values() if p.region == name}
        if region.start < image.code_bytes:
            roles.add("code")
        rows.append({"region": name, "used_bytes": used, "bytes": there,
                     "wait_states": region.wait_states, "holds": ", ".join(sorted(roles))})
    return rows


def map_rows(image: Image) -> list[dict]:
    """Where every buffer lies, by address, and between which layers it is alive."""
    last = len(image.steps) - 1
    return [{"address": f"{p.address:06x}", "bytes": p.bytes, "region": p.region, "kind": p.kind,
             "role": p.role, "buffer": p.buffer,
             "from": image.steps[p.first] if p.first >= 0 else "start",
             "to": image.steps[p.last] if p.last <= last else "end"}
            for p in sorted(image.placements.values(), key=lambda p: (p.address, p.first))]


def datasheets() -> dict:
    """Parts, boards, memory maps and what the machine takes for granted, with their sources."""
    parts, maps = TARGETS.values(), {}
    for target in parts:
        for board in BOARDS.values():
            maps.setdefault((target.on_chip, board.name), (target, board))
    return {
        "parts": [{"target": t.name, "clock_mhz": t.clock_mhz, "cycle_ns": t.cycle_ns,
                   "board": t.board.name, "source": t.source} for t in parts],
        "boards": [{"board": b.name, "bytes": sum(r.bytes for r in b.regions), "source": b.source}
                   for b in BOARDS.values()],
        "memory": [{"board": board.name, "region": r.name, "start": f"{r.start:06x}",
                    "end": f"{r.end:06x}", "bytes": r.bytes, "bank": r.bank,
                    "wait_states": r.wait_states}
                   for target, board in maps.values()
                   for r in sorted((*target.on_chip, *board.regions), key=lambda r: r.start)],
        "assumptions": [{"assumption": name, "value": str(value)}
                        for name, value in asdict(next(iter(parts)).assumptions).items()]}


def budget_cycles(text: str, target: Target) -> float:
    """A budget such as `33.3ms`, `500us` or `333333cycles` in instruction cycles of the target."""
    for unit, cycles in (("ms", 1e6 / target.cycle_ns), ("us", 1e3 / target.cycle_ns),
                         ("cycles", 1.0)):
        number = text.strip().removesuffix(unit)
        if number != text.strip():
            try:
                value = float(number)
            except ValueError:
                break
            if value > 0:
                return value * cycles
    raise BudgetError(f"budget '{text}' is not understood: expected a positive number with its "
                      f"unit, such as 33.3ms, 500us or 333333cycles")


def verdict(text: str, run: Run, target: Target, worst: float) -> dict:
    """Whether the worst case, in cycles, keeps the budget; and the layers that cost most."""
    allowed, worst = budget_cycles(text, target), max(worst, float(run.cycles.max()))
    costly = sorted(run.bills, key=lambda b: -b.cycles)[:3]
    return {"budget": text, "allowed_cycles": allowed, "cycles": worst, "met": worst <= allowed,
            "largest_layers": ", ".join(f"{b.section.node} {b.cycles:,.0f}" for b in costly)}
