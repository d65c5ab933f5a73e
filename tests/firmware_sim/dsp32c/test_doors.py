"""Programs, S-records and words that are damaged or endless: a line each, never anything else."""

import random
from pathlib import Path

import pytest

from dsplet.base.errors import UserError
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.isa.assembler import Assembly, assemble
from dsplet.firmware_sim.dsp32c.tools import debug
from dsplet.firmware_sim.dsp32c.tools.srecord import from_srecords, to_srecords
from dsplet.firmware_sim.programs import Program, Source
from tests.base.damage import cut, mutated

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.s"))
DOT = assemble((Path(__file__).parent / "programs/dot.s").read_text())


def built(text: str, file: str) -> Assembly:
    return debug.build(Program(files=(Source(text=text, file=file),)))


def refusal(call, *arguments) -> str:
    with pytest.raises(UserError) as caught:
        call(*arguments)
    return str(caught.value).split("\n")[0]


@pytest.mark.parametrize("text, said", [
    ("", "a.s: there is nothing to assemble"),
    ("999999999999*nop", "a.s:1: 999,999,999,999 times is not possible: expected at most"),
    (";".join(["65536*nop"] * 65), "a.s:1: the program passes the last address, 0xffffff"),
    ("org 0xfffffc; nop; nop", "a.s:1: the program passes the last address, 0xffffff"),
    ("org 0x1000000", "a.s:1: 16777216 does not fit: expected 0..16777215"),
    ("nop\nword " + "9" * 5000, "a.s:2: expected a number or a label"),
    ("float 1e999", "a.s:1: "), ("float nan", "a.s:1: "),
    ("fred\x1b[2J", r"a.s:1: expected an instruction"),
])
def test_what_is_no_program(text, said):
    assert refusal(built, text, "a.s").startswith(said)


@pytest.mark.parametrize("text, said", [
    ("", "a.txt: there is no word in it"),
    ("00000000\n123456789", "a.txt:2: '123456789' is neither an S-record nor a hexadecimal word of "
                            "32 bits"),
    ("S2", "a.txt:1: not a sound S0, S2 or S8 record: S2"),
    ("S804000000FB\nS9030000FC", "a.txt:2: not a sound S0, S2 or S8 record: S9030000FC"),
    ("S206FFFFFF0102F9", "a.txt:1: the record passes the last address, 0xffffff"),
])
def test_what_are_no_words(text, said):
    assert refusal(debug.read_words, text, "a.txt") == said


def test_the_last_byte_is_an_address():
    assert from_srecords("S205FFFFFF01FC") == {0xFFFFFF: 1}


@pytest.mark.parametrize("text, said", [
    ("9" * 5000, f"'{'9' * 59}... is not an address; expected a label, 0x800 or label+8"),
    ("nowhere", "'nowhere' is not an address; expected a label of the program, a, b"),
    ("a+1", "'a+1' is address 0x801; expected a multiple of 4 in 0..0xfffffc"),
    ("a-0x900", "'a-0x900' is address -0x100; expected a multiple of 4 in 0..0xfffffc"),
    ("", "'' is not an address; expected a label, 0x800 or label+8"),
])
def test_what_is_no_address(text, said):
    assert refusal(debug.address_of, text, {"a": 0x800, "b": 0x900}) == said


@pytest.mark.parametrize("text, said", [
    ("a:0", "'a:0' is no piece of memory; expected ADDRESS:WORDS, such as 0x800:4 or label:4"),
    ("a:" + "9" * 9, "'a:999999999' is no piece of memory; expected ADDRESS:WORDS, such as 0x800:4 "
                     "or label:4"),
    ("a:9999999", "'a:9999999': there is no memory at 0x26261f8 on board '1989'"),
])
def test_what_is_no_piece_of_memory(text, said):
    assert refusal(debug.span_of, text, {"a": 0x800}, targets.get("dsp32c-40")) == said


def told(call, content: bytes, *arguments) -> None:
    try:
        call(content.decode("latin1"), *arguments)
    except UserError as error:
        assert str(error).startswith("a.s:")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_damaged_programs_are_told_or_assembled(program):
    whole = program.read_bytes()
    for content in [*cut(whole), *mutated(whole, 40, random.Random(7))]:
        told(built, content, "a.s")


@pytest.mark.parametrize("whole", [
    to_srecords("dot", DOT.segments), "\n".join(f"{w:08x}" for w in DOT.words.values())])
def test_damaged_words_are_told_or_read(whole):
    for content in [*cut(whole.encode()), *mutated(whole.encode(), 400, random.Random(8))]:
        told(lambda text, file: debug.word_rows(debug.read_words(text, file)), content, "a.s")
