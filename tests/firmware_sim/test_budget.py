"""Budgets as text, on clocks of other targets."""

import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.backend import Memory
from dsplet.firmware_sim.budget import BudgetError, Limits, MemoryVerdict, budget_cycles

FORTY, FIFTY = targets.get("dsp32c-40"), targets.get("dsp32c-50")


@pytest.mark.parametrize("text, target, cycles", [
    ("33.3ms", FORTY, 333_000), ("33.3ms", FIFTY, 416_250), (" 500us ", FORTY, 5000),
    ("333333cycles", FIFTY, 333_333)])
def test_budgets(text, target, cycles):
    """A cycle takes 100 ns at 40 MHz, 80 ns at 50 MHz."""
    assert budget_cycles(text, target) == pytest.approx(cycles)


@pytest.mark.parametrize("text", ["33", "fast", "-1ms", "0cycles", "1h", "ms"])
def test_what_is_no_budget(text):
    with pytest.raises(BudgetError, match="such as 33.3ms, 500us or 333333cycles"):
        budget_cycles(text, FORTY)


def test_limits_of_memory():
    """What changes as it runs, and code and constants; a limit that is met exactly is kept."""
    memory = Memory((), ram_bytes=2048, read_only_bytes=5000)
    assert Limits().verdicts(memory) == []
    assert Limits(ram=2048, flash=4999.0).verdicts(memory) == [
        MemoryVerdict("RAM", 2048, 2048, True), MemoryVerdict("flash", 4999, 5000, False)]
