"""Files that become a program: directives, sections, names, constants, and all that is refused."""

from __future__ import annotations

import itertools
import random
import subprocess

import pytest

from dsplet.base.library import compiler
from dsplet.firmware_sim import targets
from dsplet.firmware_sim.dsp32c.isa import expressions, floats
from dsplet.firmware_sim.dsp32c.isa.assembler import (
    AssemblyError,
    Place,
    assemble,
    disassemble,
    link,
)
from dsplet.firmware_sim.dsp32c.isa.source import Refused
from dsplet.firmware_sim.dsp32c.sim.machine import Machine


def words(text: str, origin: int = 0, **places: int) -> dict[int, int]:
    sections = {f".{name}": Place(start) for name, start in places.items()}
    return link([("a.s", text)], origin, sections).words


def faults(*texts: str, **places: Place) -> list[str]:
    """`file:line: message` of each mistake, in order."""
    with pytest.raises(AssemblyError) as caught:
        link([(f"{name}.s", text) for name, text in zip("abc", texts, strict=False)],
             sections={f".{name}": place for name, place in places.items()})
    return [str(fault).split("\n")[0] for fault in caught.value.faults]


# --- what people write ----------------------------------------------------------------------------

@pytest.mark.parametrize("text, same", [
    ("r5e = r6", "r5e = r6e"), ("r5e = r6 + r7", "r5e = r6e + r7e"), ("r5e = -r6", "r5e = -r6e"),
    ("r5e = r5 - r7", "r5e = r5e - r7e"), ("r5e = r5 & 3", "r5e = r5e & 3"),
    ("r5e = 9 - r5", "r5e = 9 - r5e"), ("r5e = r6 * 2", "r5e = r6e * 2"),
    ("r5e = r6/2", "r5e = r6e / 2"), ("r5e = r6e + r7", "r5e = r6e + r7e"),
    ("r5e = r6 + 4", "r5e = r6e + 4"), ("r5e - r6", "r5e - r6e"), ("r5e & r6", "r5e & r6e"),
    ("r5e = pcsh", "r5e = pcshe"), ("r4 = r5 - 2", "r4 = r5 + -2"),
    ("r4e = r5 - 2", "r4e = r5e + -2"), ("r4 = r5 - -127", "r4 = r5 + 127"),
    ("if (lt) r5 = r6", "if (lt) r5 = r6 + r0"), ("if(ge) r5e = r6e", "if (ge) r5e = r6e + r0e"),
    ("r4 = r4#r18", "r4 = r4 + r18r"), ("r4e = r5 # r6", "r4e = r5e + r6r"),
    ("if (eq) r4 = r5#r6", "if (eq) r4 = r5 + r6r"), ("r4 = r4 # 16", "r4 = r4 +r 16"),
    ("if (ireq1_hi) goto 8", "if (ireq1hi) goto 8"), ("r3 = 0xFFF7F0", "r3 = -2064"),
    ("A0 = A0 + *R1++ * *R2++R15", "a0 = a0 + *r1++ * *r2++r15"), ("NOP", "nop"),
    ("IF (NE) GOTO 0x20", "if (ne) goto 0x20"), ("R5E = R6 + 1", "r5e = r6e + 1"),
    ("if(r15-->=0)goto 8", "if (r15-- >= 0) goto 8"), ("a0=a0**r2", "a0 = a0 * *r2"),
    ("r6=r6+1-128", "r6 = r6 + -127"), ("r5 = r5 & 7 + 8", "r5 = r5 & 15"),
    ("r5 = r5 | 6 & 3", "r5 = r5 | 2"), ("r5 = r5 & ~7", "r5 = r5 & -8"),
    ("r5 = r5 - (1 + 2)", "r5 = r5 - 3"), ("goto r14+2*4", "goto r14+8"),
    ("goto r14-(-4)", "goto r14+4"), ("do 2-1,(3)*4-1", "do 1,11"),
    ("r5 = *(256 + 4)", "r5 = *260"),
    ("r5 = 7/2*-2", "r5 = -6"), ("r5 = -7 % 3", "r5 = -1"), ("r5 = 1 << 4 | 3", "r5 = 19"),
    ("goto .", "goto 0x0"), ("goto $ + 8", "goto 0x8"),
])
def test_spellings(text, same):
    assert disassemble(words(text)[0]) == disassemble(words(same)[0])
    assert words(text) == words(same)


def test_wide_left_sides_need_their_suffix():
    """Its width is the destination's: nothing else is read as 24 bits."""
    assert words("r5 = r5 + r6") != words("r5e = r5 + r6")
    for text in ("r5 = r6e", "r5 = r5 + r6e", "r5 - r6e"):
        with pytest.raises(AssemblyError):
            assemble(text)


def test_data_and_directives():
    code = assemble("""
M       equ 1
N       equ 2*M
Z       equ last - here         // names of what comes later
        .GLOBAL here, N /* of
   two lines */
        byte 1 ; .align 4
here:   N*int 1, -1
        (M+1)*float 1.0/4, -.5
at = .
at = at + 0x10
        word at ; word Z ; .page
        .=0x40
        int24 0xffffff, -(3-1)
        .=.+4
last:   LONG here
""")
    quarter, minus_half = (floats.nearest_word(x) for x in (0.25, -0.5))
    assert code.labels == {"here": 4, "last": 0x4C}
    assert code.words == {
        0: 1, 4: 0xFFFF0001, 8: 0xFFFF0001, 12: quarter, 16: minus_half, 20: quarter,
        24: minus_half, 28: 28 + 0x10, 32: 0x48, 0x40: 0xFFFFFFFF, 0x44: 0xFFFFFFFE, 0x4C: 4}


def test_constants_are_known_before_they_are_set():
    """But for those that are set twice; and a label is where its datum is, once that is aligned."""
    text = "word x, y\nbyte 1\nz: y equ z\nx = y + 1\nint24 5"
    assert list(words(text).values()) == [13, 12, 1, 5]
    assert list(words("x = 1\nword x\nx = x + 1\nword x").values()) == [1, 2]


def test_a_label_before_a_move_stays():
    code = assemble("a: .=.+8\nb: .align 16\nc: org 0x40\nd: byte 1")
    assert code.labels == {"a": 0, "b": 16, "c": 0x40, "d": 0x40}


def test_sections_have_their_places_and_go_on():
    text = """
        r1 = 1
        .rsect ".ram"
        r2 = 2 ; .=0x10 ; x: word x
        .rsect ".ext"
y:      byte 5
        .rsect ".ram"
z:      word y
"""
    code = link([("a.s", text)], 0x100, {".ram": Place(0xFFF000), ".ext": Place(0x2000)})
    assert code.labels == {"x": 0xFFF010, "y": 0x2000, "z": 0xFFF014}
    assert set(code.words) == {0x100, 0xFFF000, 0xFFF010, 0xFFF014, 0x2000}
    assert code.words[0xFFF014] == 0x2000


CALLER = """
        .extern twice, twelve
        .global result
first:  r1 = twelve
        call twice (r14)
        nop
        r2e = result
        *r2 = r1
halt:   goto halt
        nop
        .rsect ".data"
result: int 0
"""
TWICE = """
        .global twice
again:  r1 = r1 * 2
twice = again
        return (r14)
        nop
"""
NUMBERS = "        .global twelve\ntwelve  equ 3 << 2\n        .rsect \".data\"\nnone:   int 7\n"


def test_the_order_of_files_changes_no_meaning():
    """Addresses move with it where files share a section; what the program does, does not."""
    texts = {"caller.s": CALLER, "twice.s": TWICE, "numbers.s": NUMBERS}
    seen = set()
    for order in itertools.permutations(texts):
        code = link([(name, texts[name]) for name in order], 0x40, {".data": Place(0x800)})
        machine = Machine(targets.get("dsp32c-40"))
        code.load(machine.memory)
        machine.reset(code.labels["first"])
        machine.run(code.labels["halt"], 1000)
        assert machine.memory[code.labels["result"]] == 24
        seen.add((code.labels["first"], code.labels["result"]))
        assert code.imports == {"caller.s": ["twelve", "twice"], "twice.s": [], "numbers.s": []}
    assert len(seen) > 2


def test_files_in_sections_of_their_own_do_not_move():
    texts = [("a.s", '.rsect ".one"\n.global f\nf: r1e = g\n'),
             ("b.s", '.rsect ".two"\n.global g\nx: nop\ng: r2e = f\n')]
    places = {".one": Place(0x800), ".two": Place(0x1000)}
    assert link(texts, 0, places).words == link(texts[::-1], 0, places).words


def test_a_label_of_each_file_is_its_own():
    code = link([(f, "loop: goto loop ; nop") for f in ("a.s", "b.s")])
    assert [disassemble(word) for word in code.words.values()] == ["goto 0x0", "nop", "goto 0x8",
                                                                   "nop"]
    assert code.labels == {}  # which of the two?


# --- what is refused ------------------------------------------------------------------------------

def test_all_mistakes_are_told_at_once():
    assert faults("nop\nr1 = r2 +\nx: x: nop\ngoto nowhere\n.foo 4\ngoto nowhere",
                  "byte 256\n.global q\nq: nop", ".global q\nq: nop") == [
        "a.s:2: expected an integer in -32768..65535 or a 16-bit register (r1..r22) or a "
        "bit-reversed increment (r1r..r22r)",
        "a.s:3: label `x` is already defined",
        "a.s:4: unknown name `nowhere`: expected a number or a label (and 1 more)",
        "a.s:5: no directive .foo: expected .align, .extern, .global, .page, .rsect, .=",
        "b.s:1: 256 does not fit: expected -128..255",
        "c.s:1: `q` is .global in b.s already"]


@pytest.mark.parametrize("text, message", [
    ("#define X 1", "no line of the C preprocessor that it knows"),
    ("/* nop", "a comment without an end: expected */"),
    ("nop # three", "expected"),
    ("r5 = r6 - 1 - 2", "expected parentheses around the constant"),
    ("r5 = r5 & 1 | 2", "expected parentheses around the constant"),
    ("r5 = 4 & 2 - r5", "expected parentheses around the constant"),
    ("r5 = 010", "begins with 0, octal in C: expected 0x or no 0"),
    ("r5 = 1/0", "division by zero"), ("word 1 << 64", "a shift by 64: expected 0..63"),
    ("float 1/3", "a quotient of whole numbers: expected a decimal point in one"),
    ("float 1.0 +", "expected a decimal number"), ("int 3 +", "expected a number or a label"),
    ("int (3", "expected a number or a label"),
    (".align 3", "3 is no alignment: expected a power of two"),
    (".align later\nlater equ 4", "unknown name `later`: expected a number or a label, known at"),
    (".rsect .ram", 'expected the name of a section, .rsect ".ram0"'),
    ('.rsect ".ram"', "section .ram has no address: expected a memory map, --section .ram=ADDRESS"),
    ("x: .=x", "label `x` is an address: expected a distance from the beginning"),
    (".=-8", "the program passes the last address"),
    (".global r1", "expected names with commas between them"),
    (".extern x\nx: nop", "`x` is .extern, and defined in this file"),
    ("x equ 1\nx equ 2", "`x` is already defined"), ("x: nop\nx = 2", "`x` is already defined"),
    ("x equ y\ny equ x\nword x", "unknown name `y`"), ("x = 1\nx equ 2", "already defined"),
    ("word x\nx = 1\nx = 2", "unknown name `x`"), ("x = y\nx: y: nop", "already defined"),
    (".global x\nx = 1\nx = 2", "`x` is .global, and set more than once"),
    ("70000*nop", "70,000 times is not possible: expected at most 65,536 in one statement"),
    ("(-1)*float 0", "times is not possible"), (f"word {'(' * 5000}1", "nested too deeply"),
    (f"float {'(' * 5000}1", "nested too deeply"), ("R1: nop", "label `R1` is reserved"),
    ("PCW = r5", "expected a number or a label"), ("r99 = 5", "expected a 16-bit register"),
    ("byte 1\norg 0\nbyte 2", "address 0x000000 is already used, by a.s:1"),
])
def test_refused(text, message):
    said = faults(text)
    assert any(message in line for line in said), said


def test_sections_that_are_refused():
    assert faults('.rsect ".ran"\nnop', ram=Place(0x800)) == [
        "a.s:1: section .ran has no address: expected one of .ram. did you mean '.ram'?"]
    assert faults('.rsect ".ram"\n3*nop', ram=Place(0x800, 8)) == [
        "a.s:2: section .ram passes its last address, 0x807"]
    assert faults('.rsect ".ram"\norg 0x900', ram=Place(0x800)) == [
        "a.s:2: org inside section .ram: expected .=, which counts from its beginning"]


def test_names_of_other_files():
    assert faults("goto x", "x: nop") == [
        "a.s:1: unknown name `x`: expected a number or a label; b.s has it, but not as .global"]
    assert faults(".extern x\nx: nop", ".global x\nx: nop") == [
        "a.s:1: `x` is .extern, and defined in this file"]
    assert link([("a.s", "goto x"), ("b.s", ".global x\nx: nop")]).words == {0: 0x00200004, 4: 0}


def test_markers_name_the_line():
    """As the preprocessor leaves them: the header's third line, then the file's own sixth."""
    text = '# 3 "in \\"h\\".h" 1\nfoo\n#line 6 "p.s"\nnop\n bar\n'
    assert faults(text) == ['in "h".h:3: expected an instruction, a directive or a label',
                            "p.s:7: expected an instruction, a directive or a label"]


# --- constants ------------------------------------------------------------------------------------

def random_expression(chance: random.Random, depth: int) -> str:
    if depth == 0:
        return str(chance.choice([chance.randrange(1, 9), hex(chance.randrange(1, 300))]))
    if chance.random() < 0.25:
        return f"{chance.choice('-~+')}({random_expression(chance, depth - 1)})"
    left, right = (random_expression(chance, depth - 1) for _ in range(2))
    sign = chance.choice(["|", "^", "&", "+", "-", "*", "<<", ">>", "/", "%"])
    right = str(chance.randrange(1, 5)) if sign in ("<<", ">>", "/", "%") else right
    text = f"{left} {sign} {right}"
    return f"({text})" if chance.random() < 0.5 else text


def test_expressions_mean_what_they_mean_in_c():
    """The C preprocessor says so: #if computes in 64 bits."""
    chance = random.Random(5)
    texts = [random_expression(chance, 3) for _ in range(300)]
    lines = []
    for number, text in enumerate(texts):
        try:
            value = expressions.integer(text, lambda name: 0)
        except Refused:
            continue
        if abs(value) < 1 << 40:
            lines.append(f"#if ({text}) != ({value})\n#error {number}\n#endif\n")
    assert len(lines) > 250
    done = subprocess.run([*compiler(), "-E", "-w", "-"], input="".join(lines), text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr.split("\n")[:3]
