"""Kernels as text: what is printed is read back equal, what is read means what it says."""

import numpy as np
import pytest
from hypothesis import given

from dsplet.base.errors import UserError
from dsplet.quantize.fixed import kernel as K
from dsplet.quantize.fixed.interpret import interpret
from dsplet.quantize.fixed.kernel_reader import UnreadableKernels, from_text, kernel_from_text
from dsplet.quantize.fixed.kernel_text import COLUMNS, to_text
from dsplet.quantize.fixed.program import lower, run
from dsplet.quantize.fixed.statement import Affine, Ref
from tests.each import each
from tests.quantize.fixed.cases import GRAPHS, lowered
from tests.quantize.fixed.kernels import Odd, assert_equal, kernels, programs
from tests.quantize.fixed.samples import samples

BY_NAME = {g.name: g for g in GRAPHS}
i, j = Affine(0, (("i", 1),)), Affine(0, (("j", 1),))


@pytest.mark.slow
@each("graph", GRAPHS)
def test_a_program_is_read_back_equal_and_runs_alike(graph):
    program = lowered(graph)
    text = to_text(program)
    again = from_text(text)
    assert_equal(program, again)
    assert to_text(again) == text
    assert max(map(len, text.splitlines())) <= COLUMNS + 60  # (an address may be long)
    xs = [x[-1] for x in samples(graph, 3)]
    assert all(map(np.array_equal, run(program, *xs), run(again, *xs)))


@given(programs())
def test_any_program_is_read_back_equal(program):
    assert_equal(program, from_text(to_text(program), (Odd,)))


@given(kernels())
def test_any_kernel_is_read_back_equal(kernel):
    assert kernel_from_text(to_text(kernel), (Odd,)) == kernel


STATEMENTS = {  # text -> what it means, both written by hand
    "d = x[3]": K.Set("d", Ref("x", Affine(3))),
    "d = -7": K.Set("d", -7),
    "d = e": K.Set("d", "e"),
    "d += x[2*i + j - 3]": K.Add("d", Ref("x", 2 * i + j + -3)),
    "d -= e << 4": K.Add("d", "e", 4, True),
    "d += 5 << 1": K.Add("d", 5, 1),
    "acc += x[4 + i] * w[-i]": K.Mac("acc", Ref("x", i + 4), Ref("w", i * -1)),
    "d *= x[0]": K.Mul("d", Ref("x", Affine())),
    "d = max(d, 0)": K.Max("d", 0),
    "requantize d >> 7 clamp [-128, 127] of [-3000, 3000]":
        K.Requantize("d", (7,), Affine(), -128, 127, (-3000, 3000)),
    "requantize d >> (7, -1)[2*i] clamp [0, 1] of [0, 9]":
        K.Requantize("d", (7, -1), 2 * i, 0, 1, (0, 9)),
    "d = tanh(d + 128)": K.Lookup("d", "tanh", -128),
    "d = tanh(d)": K.Lookup("d", "tanh", 0),
    "d = tanh(d - 5)": K.Lookup("d", "tanh", 5),
    "d = interpolate(t, s, d + 8, 3)": K.Interpolate("d", "t", "s", -8, 3),
    "d = x[3*i][p]": K.Fetch("d", Ref("x", 3 * i), "p"),
    "divide d by n[0] up to (256, 16384)": K.Divide("d", Ref("n", Affine()), (256, 16384)),
    "y[i + 28*j - 1] = d": K.Store(Ref("y", i + 28 * j + -1), "d"),
}


@pytest.mark.parametrize("text", STATEMENTS)
def test_a_statement_means_what_it_says(text):
    statement = STATEMENTS[text]
    body = f"for i < 4 {{\n{text}  # so it is\n\n}}"
    kernel = kernel_from_text(f'# one kernel\nkernel k "n" Test {{\n{body}\n}}\n')
    assert kernel == K.Kernel("k", "n", "Test", (K.Loop("i", 4, (statement,)),))
    (printed,) = to_text(statement).splitlines()
    assert kernel_from_text(f'kernel k "" Test {{\n{printed}\n}}').body == (statement,)


def test_every_statement_has_a_case():
    assert {type(s) for s in STATEMENTS.values()} == set(K.SIMPLE)


def test_a_kernel_written_by_hand_runs():
    """The largest of three numbers, doubled and halved again by a rounding shift, then tabulated:
    max(-4, 5, 3) = 5, (2 * 5 + 1 + 1) >> 1 = 6, table[6 - 4] = 30."""
    memory = {"x": np.array([-4, 5, 3]), "t": np.array([10, 20, 30]), "y": np.zeros(2, np.int64)}
    interpret(kernel_from_text("""
        kernel k00_test "by hand" Test {
          m = x[0]
          for i < 3 { # every one
            m = max(m, x[i])
          }
          d = 1
          d += m << 1
          requantize d >> 1 clamp [-128, 127] of [-300, 300]
          d = t(d - 4)
          y[1] = d
        }
    """), memory)
    assert memory["y"].tolist() == [0, 30]


READS = {  # statement -> registers read, registers written, places read, places written, tables
    "d = x[3]": ("", "d", "x", "", ""),
    "d = e": ("e", "d", "", "", ""),
    "d -= e << 4": ("d e", "d", "", "", ""),
    "acc += x[4 + i] * w[-i]": ("acc", "acc", "x w", "", ""),
    "d = max(d, 0)": ("d", "d", "", "", ""),
    "requantize d >> (7, -1)[2*i] clamp [0, 1] of [0, 9]": ("d", "d", "", "", ""),
    "d = interpolate(t, s, d + 8, 3)": ("d", "d", "", "", "t s"),
    "d = x[3*i][p]": ("p", "d", "x", "", ""),
    "divide d by n[0] up to (256, 16384)": ("d", "d", "n", "", ""),
    "y[i + 28*j - 1] = d": ("d", "", "", "y", ""),
}


@pytest.mark.parametrize("text", READS)
def test_what_a_statement_reads_and_writes(text):
    s, (read, written, loaded, stored, tables) = STATEMENTS[text], map(str.split, READS[text])
    for t in (s, K.Loop("i", 2, (s,))):
        assert [r for r in t.reads() if isinstance(r, str)] == read
        assert [r for r in t.writes() if isinstance(r, str)] == written
        assert [r.buffer for r in t.reads() if isinstance(r, Ref)] == loaded
        assert [r.buffer for r in t.writes() if isinstance(r, Ref)] == stored
        assert [*t.tables()] == tables
        assert t.buffers() == {*loaded, *stored, *tables}
        assert [*t.flat()] == [s]


HEAD = 'program p\nbuffer x[3] const [-9, 9] = 1 -2 3\nkernel k "n" Test {\n'
REFUSED = {  # text -> the words of the error
    "": "line 1: the line ends too early; expected 'program'",
    "kernel k": "line 1: 'kernel' cannot be read; expected 'program'",
    "program 1": "line 1: '1' cannot be read; expected a name",
    HEAD + "  d = \n}": "line 4: the line ends too early; expected a buffer or a register or an",
    HEAD + "  d = x[2*]\n}": "line 4: ']' cannot be read; expected a variable",
    HEAD + "  d = x[i\n}": "line 4: the line ends too early; expected '+' or '-' or ']'",
    HEAD + "  d = 1 x\n}": "line 4: 'x' cannot be read; expected the end of the line",
    HEAD + "  requantize d >> 7 clamp [0, 1]\n}": "line 4: the line ends too early; expected 'of'",
    HEAD + "  d = t(e - 4)\n}": "line 4: 'e' cannot be read; expected 'd'",
    HEAD + "  Round(d=d)\n}": "line 4: '(' cannot be read; expected '=' or '+=' or '-='",
    HEAD + "  d = 1\n": "line 5: the line ends too early; expected",
    HEAD + "  d = y[0]\n}": "kernel 'k': there is no buffer 'y'",
    HEAD + '}\nkernel k "n" Test {\n}': "two kernels are called 'k'",
    HEAD + "}\nprogram q":
        "line 5: 'program' cannot be read; expected 'repeat' or 'resume' or 'kernel' or the end",
    HEAD + '}\nrepeat t < 3 "n" {\n}': "nothing is repeated over 't'; expected a kernel",
    f"program p\nbuffer x[1] input [0, {'9' * 5000}]": f"line 2: '{'9' * 59}... cannot be read; "
                                                        "expected an integer",
    f"program p\nbuffer x[1] const [0, 1] = {1 << 63}": "line 2: 'x' has 0 numbers; expected 1",
    'program p\ninput x "v" -3 Q0.7': "line 2: the value 'v' has the shape (-3,)",
    'program p\ninput x "v" 3 Q-40.48': "line 2: a QFormat has the step 2**-48; expected 2**-40",
    'program p\ninput x "v" 3 Q99999.0': "line 2: 'Q99999.0' cannot be read; expected a format",
    "program p\nbuffer x[3] const [0, 1] = 1 0": "line 2: 'x' has 2 numbers; expected 3",
    "program p\nbuffer x[1] const [0, 1] = 1 0": "line 2: 'x' has 2 numbers; expected 1",
    "program p\nbuffer x[2] const [0, 1] = 0.5 1": "line 2: 'x' has 0 numbers; expected 2",
    "program p\nbuffer x[1] input [0, 1]\nbuffer x[1] input [0, 1]":
        "two buffers are called 'x'",
    'program p\ninput x "v" 3 Q9.9': "line 2: Q9.9 has 19 bits; expected 2 to 16",
    "program p reals\nreals x = 1.0": "line 2: there is no buffer 'x'",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused_names_the_line_and_what_was_expected(text):
    with pytest.raises(UnreadableKernels) as error:
        from_text(text)
    assert REFUSED[text] in str(error.value)
    assert isinstance(error.value, UserError)


def test_a_shortened_text_is_for_people():
    text = to_text(lower(BY_NAME["tanh_net"]), shorten=True)
    assert len(text.splitlines()) < 120 and "= 43 -45 117 -2 13 62 -73 -56 ...\n" in text
    with pytest.raises(UnreadableKernels, match="of 'k01_conv_weight' are shortened; expected all"):
        from_text(text)


@pytest.mark.parametrize("name", ["tanh_net", "elman", "conv_of_slices"])
def test_the_text_reads_well(name, golden):
    graph = next(g for g in GRAPHS if g.name.startswith(name))
    golden(f"{name}.kernels", to_text(lower(graph), shorten=True))
