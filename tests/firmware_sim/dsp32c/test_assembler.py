"""Assembler and disassembler: the worked words of docs/dsp32c.md both ways, and the messages."""

import random
import time

import numpy as np
import pytest

from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.isa.assembler import AssemblyError, assemble, disassemble
from dsplet.firmware_sim.dsp32c.isa.instruction_set import TABLE
from dsplet.firmware_sim.dsp32c.sim.machine import Machine, MachineError

# dsp32c.md 5.5
WORKED = """
6005c787 a0 = a0 + *r1++ * *r2++           | 7005c787 a0 = *r1++ * *r2++
6c05c787 a0 = a3 + *r1++ * *r2++           | 6004c51f *r3++ = a0 = a0 + *r1++r16 * *r2++r17
30000787 a0 = *r1++                        | 3020001f *r3++ = a1 = a0
34a20007 a1 = a0 - *r1                     | 31200007 a1 = -a0
20460b87 a2 = *r2++ + a0 * *r3             | 50000b8f a0 = (*r1++ = *r2++) * a0
38260827 a1 = (*r4++ = *r2) + *r3          | 7a800787 a0 = ifalt(*r1++)
7a80019f *r3++ = a0 = ifalt(a3)            | 79200787 a1 = float(*r1++)
79800027 *r4++ = a0 = int(a0)              | 78200787 a1 = ic(*r1++)
79200478 *r1 = a1 = float(*r1)             | 7d200797 *r2++ = a1 = float24(*r1++)
8c180005 do 24,5                           | 8c2f000b do 15,r11
0f0ffff8 if (r20-- >= 0) goto pc-8         | 026fffe0 if (alt) goto pc-32
dfe2f800 r2e = 0xfff800                    | 14a0fffd r5 = -3
94a50004 r5e = r5e + 4                     | 980508c7 r5e = r7e + r6e
982500a0 r5e = r5e * 2                     | 1bc500fc r5 = r5 & 252
1ea50040 r5 = *r2                          | 1ee501d7 r5e = *r14++
1f650040 *r2 = r5l                         | 1c850100 r5 = *256
a2403456 goto 0x123456                     | e00e1000 call 0x1000 (r14)
00000000 nop                               | 003e0000 ireturn
17440000 dauc = 4                          | 17600554 ioc = 0x554
"""
PAIRS = [tuple(cell.strip().split(" ", 1)) for line in WORKED.split("\n") if line
         for cell in line.split("|")]


def word_of(statement: str, origin: int = 0) -> int:
    return assemble(statement, origin).words[origin]


@pytest.mark.parametrize("word, text", PAIRS)
def test_worked_words(word, text):
    assert f"{word_of(text):08x}" == word
    assert disassemble(int(word, 16)) == text


@pytest.mark.parametrize("text, same", [
    ("return (r14)", "goto r14"), ("r5=r5&252", "r5 = r5 & 252"), ("r20 = 5", "pin = 5"),
    ("*r1++r15  =a0= - *r2", "*r1++r15 = a0 = -*r2"), ("r5 = 0xffff", "r5 = -1"),
    ("pcgoto 0x20", "goto pc+24"), ("if (true) goto 0x20", "goto 0x20"),
    ("r5 = *0xffffff", "r5 = *-1"), ("do 0x1f, 0b11", "do 31,3"), ("r5e = -1", "r5e = 0xffffff"),
    ("if ( eq ) r5 = r6 + 1", "if (eq) r5 = r6 + 1"), ("r5e = 3 + 4 - 1", "r5e = 0x6"),
])
def test_other_spellings(text, same):
    assert word_of(text) == word_of(same)


def random_words(count: int, seed: int):
    """Words of every row, some with zeroed fields, so that special rows are met."""
    chance = random.Random(seed)
    for number in range(count):
        row = TABLE.rows[number % len(TABLE.rows)]
        word = chance.getrandbits(32)
        if chance.random() < 0.5:
            word &= ~chance.choice([0x1F, 0x3E0, 0xFFFF, 0xF << 12, 0x1F << 16, 0x7F, 0x7F << 14])
        word = word & ~0x7F | 7 if chance.random() < 0.3 else word
        yield row.match | word & ~row.mask


def outcome(machine: Machine, word: int, seed: int):
    """Everything an instruction does from a random state; nops let its stores land."""
    chance = random.Random(seed)
    machine.reset(0x100)
    machine.r = [0x880 + 4 * chance.randrange(16) if code < 17 else
                 4 * chance.randrange(-4, 4) & 0xFFFFFF for code in range(32)]
    machine.a = [chance.getrandbits(32) << 8 | chance.randrange(100, 150) for _ in range(4)]
    machine.nzvc, machine.dnzuv = chance.randrange(16), chance.randrange(16)
    machine.dauc = 12
    machine.memory[:0x200] = 0
    machine.memory[0x800:0xA00] = np.frombuffer(chance.randbytes(0x200), np.uint8)
    machine.memory[0x100:0x104] = np.frombuffer(word.to_bytes(4, "little"), np.uint8)
    try:
        for _ in range(6):
            machine.step()
    except MachineError as error:
        return type(error)
    return (machine.r, machine.a, machine.flags, machine.dflags, machine.pc, machine.io,
            machine.memory[0x700:0xB00].tobytes())


@pytest.mark.slow
def test_every_format_both_ways():
    """word -> text -> word is the identity; where two words share a text they do the same."""
    machine = Machine(targets.get("dsp32c-50", board="flat"), strict=False)
    met, twins = set(), 0
    for word in random_words(60_000, seed=1):
        if TABLE.decode(word) is None:
            assert disassemble(word) == f"word 0x{word:08x}"
            continue
        text = disassemble(word)
        again = word_of(text, 0x100)
        met.add(id(TABLE.decode(word)[0]))
        if again != word:
            twins += 1
            assert outcome(machine, word, word) == outcome(machine, again, word), text
            if "goto" not in text:
                assert disassemble(again) == text
    unmet = [row.spelling for row in TABLE.rows if not row.alias and id(row) not in met]
    assert unmet == []
    assert twins > 100


def test_text_to_text_is_the_identity():
    for word in random_words(5_000, seed=2):
        if TABLE.decode(word):
            text = disassemble(word_of(disassemble(word)))
            assert disassemble(word_of(text)) == text


@pytest.mark.parametrize("text", ["r5 = pcw", "pcw = r5", "piop = r5l", "*r1++ = pcw",
                                  "pir = *r2", "piop = *r2++r4r", "obuf = a0 = *r1++",
                                  "a1 = float(pdr)", "*y++ = a0 = float(*r1++)",
                                  "*r3++r15r = a0 = a1 * a2", "a0 = 1.0 - *r1 * *r2"])
def test_rare_spellings(text):
    assert disassemble(word_of(text)) == text


ERRORS = [
    ("a0 = a0 + *r1+++ * *r2++", 15, "expected"),
    ("*r3++ = a4 = a0", 8, "accumulator"),
    ("r5 = r6 & 252", 10, "16-bit register"),
    ("r5 = 70000", 5, "-32768..65535"),
    ("r5e = r5e & 0xffff", 12, "sign-extended"),
    ("do 40,1", 3, "0..31"),
    ("do 1,2048", 5, "0..2047"),
    ("goto nowhere", 5, "unknown name `nowhere`"),
    ("r99 = 1", 0, "expected"),
    ("r16h = 4", 7, "expected"),
    ("fred", 0, "expected an instruction"),
    ("float 1.5, x", 11, "decimal number"),
    ("int 1, 99999", 7, "-32768..65535"),
    ("byte 256", 5, "-128..255"),
    ("r1: nop", 0, "reserved"),
    ("nop; here: nop; here: nop", 16, "already defined"),
    ("*r3++r15r = a0 = float(*r1)", 0, "bit-reversed"),
    ("org 0x1000000", 4, "0..16777215"),
    ("nop; org 0; nop", 12, "already used"),
    ("if (r5-- >= 0) goto 0x100000", 20, "0x7fff"),
]


@pytest.mark.parametrize("text, column, expected", ERRORS)
def test_errors_point_at_the_trouble(text, column, expected):
    with pytest.raises(AssemblyError) as caught:
        assemble(f"nop\n\t{text} // comment", file="f.s")
    message = str(caught.value)
    first, source, caret = message.split("\n")
    assert first.startswith("f.s:2: ") and expected in first
    assert source == f"    \t{text} // comment"
    assert caret == "    \t" + " " * column + "^"


def test_labels_lines_and_segments():
    code = assemble("""// a comment
start:  goto end ; nop          // another
        byte 1, 2, 3
half:   int -1
end:
        float 1, -0.5
        org 0x800
        long -2 ; int24 0xffffff
        word start + 0x10
""", origin=0x40)
    assert code.labels == {"start": 0x40, "half": 0x4C, "end": 0x50}
    assert code.words == {0x40: 0x00200050, 0x44: 0, 0x48: 0x030201, 0x4C: 0xFFFF,
                          0x50: 0x80, 0x54: 0x8000007E, 0x800: 0xFFFFFFFE, 0x804: 0xFFFFFFFF,
                          0x808: 0x50}
    assert code.lines == {0x40: 2, 0x44: 2, 0x48: 3, 0x4C: 4, 0x50: 6, 0x54: 6, 0x800: 8,
                          0x804: 8, 0x808: 9}
    assert [(address, len(words)) for address, words in code.segments] == [(0x40, 6), (0x800, 3)]
    assert all(words.dtype == np.uint32 for _, words in code.segments)
    memory = np.zeros(1 << 12, np.uint8)
    code.load(memory)
    assert memory[0x48:0x4C].tolist() == [1, 2, 3, 0]


def test_repeated_nops_and_given_symbols():
    code = assemble("3*nop; r1e = table + 4; if (r5-- >= 0) goto near", 0x2000,
                    symbols={"table": 0xFFF800, "near": 0x2004})
    assert [disassemble(word) for word in code.words.values()] == [
        "nop", "nop", "nop", "r1e = 0xfff804", "if (r5-- >= 0) goto 0x2004"]


def test_far_labels_are_reached_relative_to_pc():
    source = "top: nop; if (eq) goto top; if (r5-- >= 0) goto top; goto top"
    texts = [disassemble(word) for word in assemble(source, 0x20000).words.values()]
    assert texts == ["nop", "if (eq) goto pc-12", "if (r5-- >= 0) goto pc-16", "goto 0x20000"]


def test_600_lines_assemble_quickly():
    lines = [f"l{i}: a0 = a{i % 4} + *r{1 + i % 14}++ * *r{1 + i % 7}++r15\n r5e = l{i}\n"
             f" r{1 + i % 14}e = {i * 7}\n if (r5-- >= 0) goto l{i}" for i in range(150)]
    assemble("\n".join(lines[:8]))
    start = time.process_time()
    assemble("\n".join(lines))
    assert time.process_time() - start < 0.15
