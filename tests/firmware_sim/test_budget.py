"""Budgets as text, on clocks of other targets."""

import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.budget import BudgetError, budget_cycles

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
