"""What a product asks of the C beside its integers: contexts, a self-test, steps, helpers."""

import ctypes
import re
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest

from dsplet.data.resample import Normalization
from dsplet.export.c import host
from dsplet.export.c.context import context
from dsplet.export.c.printer import Unprintable, print_c
from dsplet.export.c.project import BUILDS, print_build, print_vectors
from dsplet.firmware_sim.compile.optimize import optimize
from dsplet.firmware_sim.compile.streaming import streaming
from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.program import Program, lower
from dsplet.quantize.fixed.qformat import QFormat
from tests.export.together import self_tests_together
from tests.quantize.fixed.cases import GRAPHS, lowered
from tests.quantize.fixed.samples import samples
from tests.quantize.fixed.words import conv, graph, value, weight

BY_NAME = {g.name: g for g in GRAPHS}
pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")


Q7 = QFormat(8, 7)


def small(fmt: QFormat = Q7) -> Graph:
    first = conv("c", value("x", 1, 5, 5, fmt=fmt), weight("w", 2, 1, 2, 2), "c", fmt=QFormat(8, 4))
    return graph("small", first, conv("d", first.output, weight("v", 3, 2, 4, 4), "y",
                                      fmt=QFormat(8, 3)))


def built(folder, program: Program, main: str = "", edit=lambda source: source, flags=(), **asked):
    """The program as a library, with a few lines of C beside it."""
    header, source = print_c(program, "net", **asked)
    (folder / "net.h").write_text(header)
    (folder / "net.c").write_text(edit(source))
    (folder / "main.c").write_text(f'#include "net.h"\n{main}')
    subprocess.run(["cc", *host.WARNINGS, "-O1", *flags, "-shared", "-fPIC", "-o", "net.so",
                    "net.c", "main.c"], cwd=folder, check=True)
    return ctypes.CDLL(folder / "net.so")


@dataclass
class Memory:
    """A context and the arrays of a program, for calls through ctypes."""

    program: Program

    def __post_init__(self) -> None:
        self.context = np.zeros(context(self.program).bytes // 8 + 1, np.int64)
        self.arrays = [np.zeros(v.size, self.program.buffers[b].dtype)
                       for v, b in (*self.program.inputs, *self.program.outputs)]

    def __call__(self, function, *xs: np.ndarray):
        for a, x in zip(self.arrays, xs, strict=False):
            a[:] = x.reshape(-1)
        return function(*(ctypes.c_void_p(a.ctypes.data) for a in (self.context, *self.arrays)))


@pytest.mark.slow
@pytest.mark.parametrize("passes", [lambda p: p, optimize], ids=["lowered", "optimized"])
def test_the_self_test_passes(passes, tmp_path):
    programs = [passes(lowered(g)) for g in GRAPHS]
    for program, (wrong, size) in zip(programs, self_tests_together(programs, tmp_path),
                                      strict=True):
        assert wrong == 0 and size == context(program).bytes, program.name


@pytest.mark.parametrize("layer, old", [(0, "k01_conv_weight"), (1, "k02_conv_weight"),
                                        (1, "k02_conv_bias")])
def test_the_self_test_names_the_layer_of_a_flipped_bit(layer, old, tmp_path):
    program = optimize(lower(small()))

    def flip(source: str) -> str:
        return re.sub(rf"({old}\[\d+\] = {{\s+)(-?\d+)", lambda m: f"{m[1]}{int(m[2]) ^ 1}", source)

    net = built(tmp_path, program, edit=flip, tested=True)
    assert Memory(program)(net.net_selftest) == layer + 1


def test_the_self_test_notices_a_wrong_machine(tmp_path):
    """One that rounds down: constants are right, values not."""
    program = optimize(lower(small()))
    def down(source: str) -> str:
        return source.replace("acc + (int32_t)half", "acc + 0 * (int32_t)half")

    net = built(tmp_path, program, edit=down, tested=True)
    assert Memory(program)(net.net_selftest) == 1


def test_two_contexts_do_not_meet(tmp_path):
    """Every layer of one run stands between two layers of the other."""
    g = small()
    program = optimize(lower(g))
    x = samples(g)[0][:2]
    net = built(tmp_path, program, flags=["-DNET_LAYER(number, name)=hook(number)", "-include",
                                          "hook.h"], main=(
        "static net_context other; static const int8_t *x2; static int8_t *y2;\n"
        "int calls; void hook(int number) { if (x2 != 0) { const int8_t *x = x2; x2 = 0;"
        " net_run(&other, x, y2); x2 = x; } else { calls += number; } }\n"
        "void both(net_context *c, const int8_t *a, const int8_t *b, int8_t *ya, int8_t *yb);\n"
        "void both(net_context *c, const int8_t *a, const int8_t *b, int8_t *ya, int8_t *yb)"
        " { x2 = b; y2 = yb; net_run(c, a, ya); }\n")
        if (tmp_path / "hook.h").write_text("void hook(int number);\n") else "")
    ys = np.zeros((2, 3), np.int8)
    memory = Memory(program)
    rows = [np.ascontiguousarray(row, np.int8) for row in x]
    net.both(*(ctypes.c_void_p(a.ctypes.data) for a in (memory.context, *rows, *ys)))
    assert (ys == g.run(x)["y"].reshape(2, 3)).all()
    layers = len(program.kernels)
    assert ctypes.c_int.in_dll(net, "calls").value == layers * sum(range(1, layers + 1))


@pytest.mark.parametrize("fmt", [QFormat(8, 8, signed=False), QFormat(8, 4), QFormat(16, 12),
                                 QFormat(6, -3), QFormat(4, 20)], ids=str)
def test_the_helpers_are_the_formats_own(fmt, tmp_path):
    """quantize and dequantize as Python has them, halves and their neighbours included."""
    pixels = fmt.quantize(Normalization(1 / 128, -0.5).table)
    net = built(tmp_path, lower(small(fmt)), pixels=pixels.tolist(), main="""
int q(float x); int q(float x) { return net_quantize(x); }
int s(int x); int s(int x) { return net_saturate(x); }
int p(int x); int p(int x) { return net_from_pixel((uint8_t)x); }
float d(int x); float d(int x) { return net_dequantize((net_output)x); }
int m(const net_output *y); int m(const net_output *y) { return net_dequantize(y[0]) >= 0; }
""")
    net.q.argtypes, net.d.restype = [ctypes.c_float], ctypes.c_float
    steps = np.unique(np.clip(np.arange(fmt.min - 4, fmt.max + 5), -300, 300))
    halves = ((steps + 0.5) * 2.0**-fmt.frac).astype(np.float32)
    reals = np.concatenate([halves, np.nextafter(halves, np.float32(np.inf)),
                            np.nextafter(halves, np.float32(-np.inf)), np.float32([1e12, -1e12])])
    assert [net.q(x) for x in reals] == fmt.quantize(reals).tolist()
    assert net.q(float("nan")) == fmt.min
    assert [net.s(i) for i in (-70000, fmt.min, 1, fmt.max, 70000)] == [
        fmt.min, fmt.min, 1, fmt.max, fmt.max]
    assert [net.p(i) for i in range(256)] == pixels.tolist()
    assert [net.d(i) for i in (-128, 0, 127)] == [-16.0, 0.0, 15.875]


@pytest.mark.parametrize("name", ["elman", "elman_one_step"])
def test_steps_give_what_the_whole_gives(name, tmp_path):
    """A sequence one element a call, twice: reset forgets the first one."""
    g = BY_NAME[name]
    program = streaming(lower(g))
    for done in (program, optimize(program)):
        net = built(tmp_path, done, tested=True)
        memory = Memory(done)
        assert memory(net.net_selftest) == 0
        x = samples(g)[0][3:5]
        for sequence, y in zip(x, g.run(x)[g.outputs[0].name], strict=True):
            net.net_reset(ctypes.c_void_p(memory.context.ctypes.data))
            for element in sequence.reshape(-1, memory.arrays[0].size):
                memory(net.net_step, element)
            assert (memory.arrays[1] == y.reshape(-1)).all()


@pytest.mark.slow
@pytest.mark.parametrize("build", BUILDS)
def test_build_files(build, tmp_path):
    g = small()
    program = optimize(lower(g))
    header, source = print_c(program, "net", tested=True)
    x = samples(g)[0][:4]
    files = {"net.h": header, "net.c": source, **print_build(program, "net", build, True),
             "net_vectors.h": print_vectors(program, "net", [x], [g.run(x)["y"]], "four samples")}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        assert all(len(line) <= 110 for line in text.splitlines())
    if build == "arduino":
        stub = ("struct String { String(int); String(const char *); };"
                "struct Port { void begin(int); operator bool(); void print(const char *);"
                " void print(unsigned long); void println(String); void println(const char *); }"
                " extern Serial; unsigned long micros();")
        (tmp_path / "sketch.cpp").write_text(f'{stub}\n#include "net.ino"\n')
        subprocess.run(["c++", "-Wall", "-Wextra", "-Werror", "-c", "sketch.cpp"], cwd=tmp_path,
                       check=True)
        return
    commands = {"makefile": [["make"]], "cmake": [["cmake", "-B", "b"], ["cmake", "--build", "b"],
                                                  ["ctest", "--test-dir", "b", "-V"]]}[build]
    for command in commands:
        if not shutil.which(command[0]):
            pytest.skip(f"no {command[0]}")
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "net: ok" in done.stdout
    before, rows = files["net_vectors.h"].split("net_vectors_out_y[4][3] = {\n    {")
    (tmp_path / "net_vectors.h").write_text(
        f"{before}net_vectors_out_y[4][3] = {{\n    {{1 + {rows}")
    for command in commands:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode and "wrong in sample 0" in done.stdout


@pytest.mark.parametrize("name", ["int", "class", "main"])
def test_words_of_the_language_name_nothing(name):
    with pytest.raises(Unprintable, match=f"'{name}' cannot name C functions"):
        print_c(lower(small()), name)


def test_an_array_that_16_bit_addresses_cannot_reach_is_named(tmp_path):
    """The preprocessor's own error, as a machine of such addresses would give it."""
    first = conv("c", value("x", 40, 5, 5), weight("w", 40, 40, 5, 5), "y")
    header, source = print_c(lower(graph("large", first)), "net")
    (tmp_path / "net.h").write_text(header + "#undef PTRDIFF_MAX\n#define PTRDIFF_MAX 32767\n")
    (tmp_path / "net.c").write_text(source)
    done = subprocess.run(["cc", "-c", "net.c"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode
    assert "k01_conv_weight has 40000 bytes, more than one object" in done.stderr
