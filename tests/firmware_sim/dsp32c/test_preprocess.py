"""The C preprocessor before the assembler: it runs, or it is refused; nothing vanishes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsplet.base.library import NoCompiler
from dsplet.firmware_sim.dsp32c.isa.assembler import AssemblyError, assemble, disassemble
from dsplet.firmware_sim.dsp32c.tools.preprocess import PreprocessError, preprocess

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.s"))


@given(st.text('ab1 \t\n;:*/"\\é', max_size=40))
@settings(max_examples=50, deadline=None)
def test_a_text_without_its_lines_is_left_as_it_is(text):
    assert preprocess(text, "a.s") == text


@pytest.mark.parametrize("text", ["/* \n#define nop\n*/ nop", "// a\nr4 = r4#r5", "x: nop # y",
                                  '# 3 "header.h"\nnop'])
def test_what_is_no_line_of_it(text):
    assert preprocess(text, "a.s") == text


@pytest.mark.parametrize("path", PROGRAMS[:4], ids=lambda path: path.stem)
def test_a_program_without_its_lines_means_the_same_after_it(path):
    """A name that is defined and nowhere used sends it through."""
    text = path.read_text()
    through = preprocess(text, "a.s", ["UNUSED"])
    assert through != text
    before, after = assemble(text, file="a.s"), assemble(through, file="a.s")
    assert (after.words, after.labels, after.lines) == (before.words, before.labels, before.lines)


SOURCE = """#include "sizes.h"
#ifdef FAST
        r1 = FASTER(3)
#elif defined(SLOW) && SLOW > 1
        r1 = 1
#else
        r1 = 2
#endif FAST
#undef TAPS
#ifndef TAPS
#define WORDS 2*nop ; \\
        r2 = unix                       /* no name of the compiler's own */
        WORDS
#endif
        r3 = 4
unix:
"""
HEADER = """#define TAPS 3
#define FASTER(n) (n*TAPS)

#if TAPS != 3
        byte 1000
#endif
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "sizes.h").write_text(HEADER)
    return tmp_path


@pytest.mark.parametrize("defines, first", [((), "r1 = 2"), (("FAST",), "r1 = 9"),
                                            (("SLOW=2",), "r1 = 1"), (("SLOW=1",), "r1 = 2")])
def test_its_lines_run(folder, defines, first):
    file = str(folder / "a.s")
    text = preprocess(SOURCE, file, defines, [str(folder / "include")])
    code = assemble(text, file=file)
    assert [disassemble(word) for word in code.words.values()] == [first, "nop", "nop", "r2 = 20",
                                                                   "r3 = 4"]
    line = {"r1 = 2": 7, "r1 = 9": 3, "r1 = 1": 5}[first]
    assert list(code.lines.values()) == [line, 13, 13, 13, 15]


def test_both_branches_are_never_assembled():
    """As they were once, when # began a comment."""
    text = "#ifdef A\n r1 = 1\n#else\n r1 = 2\n#endif\n"
    with pytest.raises(AssemblyError, match="C preprocessor"):
        assemble(text)
    assert list(assemble(preprocess(text, "a.s")).words.values()) == [0x14200002]


def test_mistakes_name_the_line_that_was_written(folder):
    (folder / "include" / "bad.h").write_text('\n#define BAD \\\n   r1 = r2e\n BAD\n nop 4\n')
    file = str(folder / "a.s")
    text = preprocess('#include "bad.h"\n nop\n BAD', file, folders=[str(folder / "include")])
    with pytest.raises(AssemblyError) as caught:
        assemble(text, file=file)
    assert [(Path(f.line.file).name, f.line.number) for f in caught.value.faults] == [
        ("bad.h", 4), ("bad.h", 5), ("a.s", 3)]


@pytest.mark.parametrize("text, said", [
    ('nop\n#include "none.h"\n', ["a.s:2: none.h: No such file or directory"]),
    ("#ifdef X\nnop\n", ["a.s:1: unterminated"]),
    ("#define F(a) a\nF(1, 2)\n#if 1 +\n#endif\n", ['a.s:2: macro "F" passed 2', "a.s:3: "]),
    ("#error so\n", ["a.s:1: #error so"]),
])
def test_what_it_refuses(text, said):
    with pytest.raises(AssemblyError) as caught:
        preprocess(text, "a.s")
    found = [str(fault) for fault in caught.value.faults]
    assert len(found) == len(said)
    assert all(wanted in fault for wanted, fault in zip(said, found, strict=True)), found


def test_what_it_does_not_know(monkeypatch):
    with pytest.raises(AssemblyError, match="no line of the C preprocessor that it knows"):
        assemble(preprocess("#foo\n", "a.s"))
    with pytest.raises(PreprocessError, match="-D is '3x'; expected NAME or NAME=VALUE"):
        preprocess("nop", "a.s", ["3x"])
    monkeypatch.setenv("CC", "no-such-compiler")
    assert preprocess("nop", "a.s") == "nop"
    with pytest.raises(NoCompiler, match="lines for the C preprocessor: there is no C compiler"):
        preprocess("#define X\n", "a.s")
