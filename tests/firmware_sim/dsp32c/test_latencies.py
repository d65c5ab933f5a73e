"""Latencies are what they are: a kernel that is right under them is wrong under any other."""

from pathlib import Path

import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.sim.machine import Machine
from tests.firmware_sim.dsp32c.asm_programs import check

TARGET = targets.get("dsp32c-50")
SOURCE = (Path(__file__).parent / "programs" / "latencies.s").read_text()


class Other(Machine):
    """The machine with other latencies: of an accumulator as a factor, of a Z store."""

    def __init__(self, multiplier: int = 3, store: int = 4) -> None:
        self.multiplier, self.store_latency = multiplier, store
        self.past: list[list[int]] = []
        """The accumulators before each instruction so far."""
        super().__init__(TARGET)

    def step(self) -> None:
        self.past.append(list(self.a))
        super().step()

    def multiplier_view(self, number: int) -> int:
        return self.past[max(len(self.past) - self.multiplier, 0)][number]

    def queue_store(self, address: int, size: int, value: int) -> None:
        self._stores.append((self._issued + self.store_latency, address & 0xFFFFFF, size, value))


def test_as_they_are():
    assert check(SOURCE, machine=Other()) == check(SOURCE, machine=Machine(TARGET)) == 2


@pytest.mark.parametrize("latency", [1, 2, 4, 5, 6])
def test_a_factor_is_seen_after_exactly_three(latency):
    with pytest.raises(AssertionError, match="instead of"):
        check(SOURCE, machine=Other(multiplier=latency))


@pytest.mark.parametrize("latency", [1, 2, 3, 5, 6])
def test_a_store_is_seen_from_exactly_the_fourth_on(latency):
    with pytest.raises(AssertionError, match="instead of"):
        check(SOURCE, machine=Other(store=latency))
