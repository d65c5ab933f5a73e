"""What whoever takes a network over asks first, each with what was measured and why."""

from __future__ import annotations

from dataclasses import dataclass

from dsplet.quantize.analysis.report import Comparison
from dsplet.workflows import ledger
from dsplet.workflows.simulation import Simulation

KB = 1024


@dataclass(frozen=True, kw_only=True)
class VerdictRow:
    """measured, because: in words. met: whether it keeps its limit; None where it has none."""

    FIRST = ("verdict", "measured", "met")

    verdict: str
    measured: str
    because: str
    met: bool | None


def verdicts(sim: Simulation, compared: Comparison, book: ledger.Report) -> list[VerdictRow]:
    """In the order in which they are shown."""
    return [_latency(sim), _worst_case(sim), *_memory(sim), _accuracy(compared),
            _overflow(sim, book), _bits(sim)]


def _latency(sim: Simulation) -> VerdictRow:
    because = f"{sim.cycles:,.0f} cycles at {sim.clock_mhz:g} MHz, " + (
        "of one sample" if sim.samples == 1 else f"the slowest of {sim.samples:,} samples")
    budget = sim.budget[0] if sim.budget else None
    if budget:
        over = (budget.cycles - budget.allowed_cycles) * sim.latency_ms / sim.cycles
        because += f"; budget {budget.budget}: " + (
            f"{-over:.3g} ms to spare" if budget.met else
            f"{over:.3g} ms over; largest are {budget.largest_layers}")
    return VerdictRow(verdict="latency", measured=f"{sim.latency_ms:.4g} ms", because=because,
                      met=budget.met if budget else None)


def _worst_case(sim: Simulation) -> VerdictRow:
    if sim.worst_case_cycles is None:
        return VerdictRow(verdict="worst case", measured="not proved",
                          because=sim.worst_case_differs_for, met=None)
    worst_ms = sim.worst_case_cycles * sim.latency_ms / sim.cycles
    because = f"{sim.worst_case_cycles:,.0f} cycles: proved that no input takes more" + (
        f"; {sim.worst_case_differs_for}" if sim.worst_case_differs_for else "")
    return VerdictRow(verdict="worst case", measured=f"{worst_ms:.4g} ms", because=because,
                      met=None)


def _memory(sim: Simulation) -> list[VerdictRow]:
    """What changes as the program runs, and what does not."""
    limits = {v.memory: v for v in sim.memory_budget or ()}
    rows = []
    for name, taken, words in (("RAM", sim.ram_bytes, "changes as it runs"),
                               ("flash", sim.read_only_bytes, "code and constants")):
        limit = limits.get(name)
        because = f"{taken:,} bytes: {words}" + (
            f"; allowed are {limit.allowed_bytes:,}" if limit else "")
        rows.append(VerdictRow(verdict=name, measured=f"{taken / KB:,.1f} KB", because=because,
                               met=limit.met if limit else None))
    return rows


def _accuracy(compared: Comparison) -> VerdictRow:
    """How much worse fixed point answers than float; how far it agrees where nobody knows."""
    a, b, of = (compared.reference_accuracy_percent, compared.test_accuracy_percent,
                f"of {compared.samples:,} samples")
    if a is not None and b is not None:
        flips = f"{len(compared.flips)} {'flip' if len(compared.flips) == 1 else 'flips'}"
        return VerdictRow(verdict="accuracy drop", measured=f"{a - b:.2f} points" if a > b else
                          "none", because=f"{b:.2f} %, float {a:.2f} % {of}; {flips}", met=None)
    if compared.agree_percent is not None:
        return VerdictRow(verdict="agreement", measured=f"{compared.agree_percent:.2f} %", met=None,
                          because=f"{of} have the float network's answer; no labels")
    if compared.test_nrmse_percent is not None:
        return VerdictRow(
            verdict="error", measured=f"{compared.test_nrmse_percent:.2f} %", met=None,
            because=f"of the labels' deviation, nrmse; float {compared.reference_nrmse_percent:.2f}"
                    f" %; {of}")
    return VerdictRow(
        verdict="agreement", measured=f"{compared.output_sqnr_db:.1f} dB", met=None,
        because=f"signal over noise at the output {of}; at most {compared.largest_difference:.3g} "
                "off; no labels")


def _overflow(sim: Simulation, book: ledger.Report) -> VerdictRow:
    if not book.passed:
        worst = max(book.overflows, key=lambda o: o.proved_bits)
        return VerdictRow(verdict="overflow", measured=f"{len(book.overflows)} sums can", met=False,
                          because=f"{worst.layer} needs {worst.proved_bits} bits of "
                                  f"{book.accumulator_bits}")
    least = sim.smallest_headroom_bits
    room = "" if least is None else f"; the fullest has {least} bits to spare"
    return VerdictRow(verdict="overflow", measured="impossible", met=True,
                      because=f"every sum is proved to fit {book.accumulator_bits} bits{room}")


def _bits(sim: Simulation) -> VerdictRow:
    differing = sim.differing_integers or 0
    return VerdictRow(
        verdict="all bits agree", measured="yes" if not differing else f"{differing:,} differ",
        because=f"machine code beside {sim.compared_with}", met=not differing)
