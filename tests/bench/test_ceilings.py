"""Every model of the zoo and every architecture as C on an emulated Cortex-M4: equal integers, and
no more instructions and memory than bench/ceilings.toml says."""

import pytest

from bench import c, ceilings
from bench.ceilings import Ceiling
from dsplet.export.c.emulate import missing


@pytest.mark.slow
@pytest.mark.skipif(bool(missing(ceilings.CORE)), reason="no cross compiler or emulator")
@pytest.mark.parametrize("name", ceilings.names())
def test_a_network_keeps_to_its_ceiling(name):
    now = ceilings.measured(name)  # raises where an integer differs
    made_with, known = ceilings.read()
    if made_with != (here := ceilings.compiler()):
        pytest.skip(f"its integers are right; the ceilings are of {made_with}, this is {here}")
    assert not ceilings.fault(now, known.get(name))


def test_with_another_compiler_a_ceiling_is_said_to_be_unchecked(monkeypatch):
    monkeypatch.setattr(ceilings, "measured", lambda name: Ceiling(1, 1))
    monkeypatch.setattr(ceilings, "compiler", lambda: "arm-none-eabi-gcc 1.0")
    with pytest.raises(pytest.skip.Exception, match=r"the ceilings are of arm-none-eabi-gcc "
                       r"[0-9.]+, this is arm-none-eabi-gcc 1\.0"):
        test_a_network_keeps_to_its_ceiling(ceilings.names()[0])


def test_every_ceiling_is_of_a_network_and_the_file_is_as_it_is_written():
    made_with, known = ceilings.read()
    assert ceilings.text(made_with, known) == ceilings.FILE.read_text()
    there = set(ceilings.names())
    assert there <= set(known)
    assert set(known) == there or not c.architectures()


KNOWN = Ceiling(1000, 200)


@pytest.mark.parametrize("now, words", [
    (KNOWN, ""), (Ceiling(981, 197), ""), (Ceiling(1001, 200), "above"),
    (Ceiling(1000, 201), "above"), (Ceiling(979, 200), "not lowered"),
    (Ceiling(1000, 195), "not lowered"), (Ceiling(900, 201), "above")])
def test_a_ceiling_holds_or_says_what_is_wrong(now, words):
    assert words in ceilings.fault(now, KNOWN) and bool(ceilings.fault(now, KNOWN)) == bool(words)


def test_a_network_without_a_ceiling_is_a_fault():
    assert "no ceiling" in ceilings.fault(KNOWN, None)


@pytest.mark.parametrize("count, ceiling", [(4, 4), (756, 756), (1000, 1000), (1001, 1010),
                                            (763338, 764000), (999_500, 1_000_000)])
def test_three_digits_are_kept(count, ceiling):
    assert ceilings.rounded_up(count) == ceiling


def test_a_ceiling_rises_with_a_reason_only():
    risen = {"net": Ceiling(1010, 200)}
    with pytest.raises(ValueError, match="net: 1,010 instructions"):
        ceilings.updated({"net": KNOWN}, risen, "")
    found = ceilings.updated({"net": KNOWN}, risen, "wider sums")
    assert found == {"net": Ceiling(1010, 200, "wider sums")}
    assert ceilings.updated(found, {"net": Ceiling(1000, 199)}, "") == found  # within the slack
    assert ceilings.updated(found, {"net": Ceiling(500, 200)}, "") == {"net": Ceiling(500, 200)}
    assert ceilings.updated({}, {"net": KNOWN}, "") == {"net": KNOWN}


def test_a_file_reads_back(tmp_path):
    kept = {"a": KNOWN, "b": Ceiling(3, 4, "wider sums")}
    (tmp_path / "c.toml").write_text(ceilings.text("gcc 1", kept))
    assert ceilings.read(tmp_path / "c.toml") == ("gcc 1", kept)
