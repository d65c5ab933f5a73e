"""Emitted C keeps to the ceilings that `bench.c` states."""

import pytest

from bench import architectures, c, ceilings
from dsplet.export.c.emulate import CORES, missing


@pytest.mark.slow
@pytest.mark.skipif(bool(missing(CORES["cortex-m4"])), reason="no cross compiler or emulator")
def test_instructions_and_memory_stay_below_the_ceilings():
    found = c.main(goals=c.LIMITS)
    for key, row in found.items():
        name, goal, core = key.split("/")
        assert row["differing_integers"] == 0
        assert row["instructions"] <= 1000 * c.LIMITS[goal][name, core], key
        assert row["ram_bytes"] <= c.RAM_LIMITS[goal][name], key
        assert found[f"{name}/time/{core}"]["instructions"] <= row["instructions"], key


@pytest.mark.slow
@pytest.mark.skipif(bool(missing(CORES["cortex-m4"])), reason="no cross compiler or emulator")
@pytest.mark.parametrize("name", c.MEMORY_LIMITS)
def test_the_goal_memory_keeps_below_its_ceilings(name):
    if name not in ceilings.names():
        pytest.skip(f"$DSPLET_SHARED has no {name}")
    run, wrong = c.measure(c.graph(name), CORES["cortex-m4"], "memory")
    thousands, ram_bytes = c.MEMORY_LIMITS[name]
    assert wrong == 0
    assert max(run.instructions) <= 1000 * thousands and run.ram_bytes <= ram_bytes


@pytest.mark.slow
@pytest.mark.skipif(bool(missing(CORES["cortex-m4"])), reason="no cross compiler or emulator")
def test_resnet8_in_two_thirds_of_cmsis_nns_instructions_and_no_more_memory():
    if "resnet8" not in ceilings.names():
        pytest.skip("$DSPLET_SHARED has no resnet8")
    thousands, ram_bytes = c.WITHIN_ARENA["resnet8"]
    run, wrong = c.measure(c.graph("resnet8"), CORES["cortex-m4"], "time", ram_bytes=ram_bytes)
    assert wrong == 0
    assert max(run.instructions) <= 1000 * thousands and run.ram_bytes <= ram_bytes


@pytest.mark.slow
@pytest.mark.skipif(bool(missing(CORES["cortex-m4"])), reason="no cross compiler or emulator")
def test_loops_that_are_short_are_not_written_out():
    """Of seven turns, and of sixteen."""
    net, core = c.graph("row_lstm"), CORES["cortex-m4"]
    (usual, _), (most, wrong) = (c.measure(net, core, options=o) for o in ("-O2", "-O3"))
    assert wrong == 0 and max(most.instructions) <= 1.02 * max(usual.instructions)


def test_without_architectures_no_table_is_written(monkeypatch):
    monkeypatch.delenv("DSPLET_SHARED", raising=False)
    monkeypatch.setattr(architectures, "write_atomically", None)
    with pytest.raises(SystemExit, match="DSPLET_SHARED has no conformance/architectures"):
        architectures.main()
