"""Emitted C: its text is known, compilers and sanitizers are silent, and its integers are ours."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest

from dsplet.base.library import NoCompiler
from dsplet.export.c import host
from dsplet.export.c.printer import MACROS, PAIRS, PRELUDE, print_c
from dsplet.quantize.fixed.kernel import Kernel, Loop, Requantize, Set, Store
from dsplet.quantize.fixed.program import lower
from dsplet.quantize.fixed.statement import Affine, Ref
from tests.each import each
from tests.quantize.fixed.cases import GRAPHS, lowered
from tests.quantize.fixed.samples import samples

BY_NAME = {g.name: g for g in GRAPHS}
needs_cc = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")


@pytest.mark.parametrize("name", ["conv_pad_31", "gemm_per_channel", "softmax_many",
                                  "two_in_two_out"])
def test_text(name, golden):
    header, source = print_c(lower(BY_NAME[name]), name, [("source", f"the case {name}")])
    golden(f"{name}.h", header)
    golden(f"{name}.c", source)


@each("graph", GRAPHS)
def test_only_integers_and_stdint(graph):
    header, source = print_c(lowered(graph))
    code = re.sub(r"/\*.*?\*/", "", header + source, flags=re.DOTALL)
    assert set(re.findall(r"#include (\S+)", code)) == {"<stdint.h>", f'"{graph.name}.h"'}
    assert not re.search(r"\b(double|malloc|free|char|long)\b", code)
    code = re.sub(r"/\*.*?\*/|^static inline .*?^}", "", header + source, flags=re.DOTALL | re.M)
    assert not re.search(r"\bfloat\b|\d\.\d", code)  # but for helpers that nobody need call


@each("graph", GRAPHS)
def test_kernels_get_shared_memory_as_parameters(graph):
    """Two buffers of one object in one function is what gcc 12 got wrong: it took the function for
    one without effect."""
    _, source = print_c(lowered(graph), "net")
    kernels = source.partition("void net_init(")[0]
    assert "context" not in kernels


@pytest.mark.slow
def test_text_does_not_depend_on_the_process():
    script = ("import hashlib; from dsplet.export.c.printer import print_c;"
              "from dsplet.quantize.fixed.program import lower;"
              "from tests.quantize.fixed.cases import GRAPHS;"
              "text = ''.join(''.join(print_c(lower(g))) for g in GRAPHS);"
              "print(hashlib.sha256(text.encode()).hexdigest())")
    here = "".join("".join(print_c(lower(g))) for g in GRAPHS)
    there = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2],
                           capture_output=True, text=True, check=True,
                           env=os.environ | {"PYTHONHASHSEED": "7"})
    assert there.stdout.strip() == hashlib.sha256(here.encode()).hexdigest()


def test_metadata_cannot_leave_its_comment():
    header, _ = print_c(lower(BY_NAME["relu"]), metadata=[("model", "a */ int x; /*\nb")])
    assert " * model: a * / int x; / * b\n" in header


@pytest.mark.parametrize("name", ["", "5net", "a-b", "é"])
def test_a_name_that_c_cannot_spell_is_refused(name):
    with pytest.raises(ValueError, match=f"'{name}' cannot name C functions"):
        print_c(lower(BY_NAME["relu"]), name)


def test_a_shift_beyond_int32_is_refused():
    program = lower(BY_NAME["relu"])
    body = (Set("acc", 1), Requantize("acc", (32,), Affine(), 0, 1, (0, 1)))
    kernels = (*program.kernels, Kernel("k9", "far", "Requantize", body))
    with pytest.raises(ValueError, match=r"'far' shifts by \(32,\); int32_t has at most 31"):
        print_c(replace(program, kernels=kernels))


def test_index_expressions():
    """Loops of one turn vanish; negative, unit and zero coefficients are spelt as people do."""
    program = lower(BY_NAME["identity"])
    i, j, once = (Affine(0, ((v, 1),)) for v in ("i", "j", "once"))
    at = {"7": Affine(7), "0": once, "-i + 3 * j - 2": 3 * j + -1 * i + -2, "i + 4": i + once + 4}
    body = Loop("once", 1, (Loop("i", 2, (Loop("j", 3, tuple(
        s for a in at.values() for s in (Set("d", Ref("v_x", a)), Store(Ref("v_x", a), "d")))),)),))
    _, source = print_c(replace(program, kernels=(Kernel("k0", "n", "Test", (body,)),)))
    for text in at:
        assert f"d = v_x[{text}];" in source and f"v_x[{text}] = (int8_t)d;" in source
    assert not re.search(r"\bonce\b", source)


# --- the helpers, against fractions ----------------------------------------------------------

@pytest.fixture(scope="module")
def helpers(tmp_path_factory):
    """requantize and divide_half_up over arrays."""
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    import ctypes
    folder = tmp_path_factory.mktemp("helpers")
    loop = "void {0}_all(const int32_t *a, const int32_t *b, int32_t *y, int n)\n" \
           "{{ for (int i = 0; i < n; i++) y[i] = {1}; }}\n"
    (folder / "h.c").write_text(
        "#include <stdint.h>\n#define SPACE\n" + MACROS + PAIRS.read_text() + PRELUDE.read_text()
        + loop.format("requantize", "requantize(a[i], b[i], -32768, 65535)")
        + loop.format("divide", "divide_half_up(a[i], b[i])")
        + loop.format("larger", "larger(a[i], b[i])"))
    subprocess.run(["cc", *host.WARNINGS, "-O2", "-shared", "-fPIC", "-o", "h.so", "h.c"],
                   cwd=folder, check=True)
    library = ctypes.CDLL(folder / "h.so")

    def call(function: str, a: list[int], b: list[int]) -> list[int]:
        xs = [np.array(x, np.int32) for x in (a, b)]
        y = np.zeros(len(a), np.int32)
        library[f"{function}_all"](*(ctypes.c_void_p(x.ctypes.data) for x in (*xs, y)), len(y))
        return y.tolist()

    return call


def half_up(x: Fraction) -> int:
    return floor(x + Fraction(1, 2))


def test_requantize_in_c(helpers):
    pairs = []
    for shift in range(-31, 32):
        half = 1 << shift - 1 if shift > 0 else 0
        edges = {s * (k << max(shift, 0)) // 2 + d for s in (-1, 1) for d in (-1, 0, 1)
                 for k in (0, 1, 2, 3, 255, 32767, 65535, 131070, 131071)}
        edges |= {-(1 << 31) + 1, (1 << 31) - 1 - half, *range(-40, 41)}
        pairs += [(a, shift) for a in edges if -(1 << 31) < a < (1 << 31) - half]
    expected = [min(max(half_up(a / Fraction(2) ** s), -32768), 65535) for a, s in pairs]
    assert helpers("requantize", *zip(*pairs, strict=True)) == expected


def test_divide_in_c(helpers):
    pairs = [(n, d) for d in (1, 2, 3, 4, 7, 16384, 1 << 23) for n in
             {*range(-30, 31), *(k * d // 2 + e for k in range(-9, 10) for e in (-1, 0, 1)),
              1 << 29, -(1 << 29)}]
    assert helpers("divide", *zip(*pairs, strict=True)) == [half_up(Fraction(n, d))
                                                            for n, d in pairs]


def test_larger_in_c(helpers):
    assert helpers("larger", [-5, 3, 2, 2], [3, -5, 2, 1]) == [3, 3, 2, 2]


# --- compiled --------------------------------------------------------------------------------

def checking_main(names: list[str]) -> str:
    """A C program that runs the named cases over their samples and counts wrong integers."""
    lines = ["#include <stdint.h>", "#include <stdio.h>", "static int wrong;"]
    for name in names:
        graph = BY_NAME[name]
        program, xs = lowered(graph), samples(graph)
        env = graph.run(*xs)
        known = [*zip(program.inputs, xs, strict=True), *((o, env[o[0].name])
                                                          for o in program.outputs)]
        lines += [f'#include "{name}.h"', f"static {name}_context context_{name};"]
        arguments, checks = [f"&context_{name}"], []
        for i, ((v, b), rows) in enumerate(known):
            dtype, array = f"{program.buffers[b].dtype}_t", f"{name}_{i}"
            table = ",".join("{" + ",".join(map(str, row.tolist())) + "}"
                             for row in rows.reshape(len(rows), -1))
            lines.append(f"static const {dtype} {array}[{len(rows)}][{v.size}] = {{{table}}};")
            arguments.append(f"{array}[n]")
            if i >= len(xs):
                lines.append(f"static {dtype} {array}_y[{v.size}];")
                arguments[-1] = f"{array}_y"
                checks.append(f"for (int e = 0; e < {v.size}; e++) "
                              f"wrong += {array}_y[e] != {array}[n][e];")
        lines += [f"static void check_{name}(void) {{ {name}_init(&context_{name});",
                  f"for (int n = 0; n < {len(xs[0])}; n++) {{",
                  f"{name}_run({', '.join(arguments)});", *checks, "} }"]
    calls = [f"check_{name}();" for name in names]
    return "\n".join([*lines, "int main(void) {", *calls, 'printf("%d wrong\\n", wrong);',
                      "return wrong != 0; }", ""])


@needs_cc
@pytest.mark.slow
def test_sanitizers_find_nothing_and_networks_share_a_program(tmp_path):
    """Every case in one executable, over its samples, under -fsanitize=undefined,address."""
    flags = ["-std=c99", "-O1", "-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
    (tmp_path / "probe.c").write_text("int main(void) { return 0; }\n")
    probe = subprocess.run(["cc", *flags, "-o", "probe", "probe.c"], cwd=tmp_path,
                           capture_output=True)
    if probe.returncode or subprocess.run([tmp_path / "probe"]).returncode:
        pytest.skip("this compiler has no sanitizers")
    for name, graph in BY_NAME.items():
        header, source = print_c(lowered(graph))
        (tmp_path / f"{name}.h").write_text(header)
        (tmp_path / f"{name}.c").write_text(source)
    (tmp_path / "main.c").write_text(checking_main(list(BY_NAME)))
    sources = ["main.c", *(f"{name}.c" for name in BY_NAME)]
    subprocess.run(["cc", *flags, "-o", "all", *sources], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "all"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 wrong\n", "")


@needs_cc
def test_one_sample_and_a_batch():
    graph = BY_NAME["conv_pad_31"]
    (x,) = samples(graph)
    compiled = host.compile(lower(graph))
    y = graph.run(x)["y"]
    assert (compiled(x) == y).all() and (compiled(x[3]) == y[3]).all()
    assert compiled(x).dtype == np.int64
    assert {f.name for f in compiled.library.parent.iterdir()} == {"net.c", "net.h", "net.so"}


@needs_cc
def test_inputs_that_do_not_fit_are_refused():
    compiled = host.compile(lower(BY_NAME["relu"]))
    with pytest.raises(ValueError, match=r"input 'x' has shape \(3, 5\), got \(5, 3\)"):
        compiled(np.zeros((2, 5, 3), int))
    with pytest.raises(ValueError, match=r"input 'x' holds -128..127, got -1..128"):
        compiled(np.array([[-1, 128, 0, 0, 0]] * 3))


def test_a_missing_compiler_is_named(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(NoCompiler, match="there is no C compiler 'no-such-compiler' on the PATH"):
        host.compile(lower(BY_NAME["relu"]))


@pytest.mark.skipif(not shutil.which("c++"), reason="no C++ compiler")
def test_the_header_serves_cpp(tmp_path):
    header, _ = print_c(lower(BY_NAME["two_in_two_out"]), "net")
    (tmp_path / "net.h").write_text(header)
    (tmp_path / "main.cpp").write_text('#include "net.h"\n#include "net.h"\n')
    subprocess.run(["c++", "-Wall", "-Wextra", "-pedantic", "-Werror", "-c", "main.cpp"],
                   cwd=tmp_path, check=True)
