"""Emitted C on a processor of 16-bit int, whose constants lie in an address space of their own."""

import re
import shutil
import subprocess

import pytest

from dsplet.export.c.printer import print_c
from dsplet.firmware_sim.compile.optimize import optimize
from tests.export.together import joined
from tests.quantize.fixed.cases import GRAPHS, lowered

TOOLS = ("avr-gcc", "avr-size", "simavr")
NETS = {"tanh_net": "balanced", "conv_left_shift": "time", "conv_16_bit": "time",
        "attention": "balanced", "lstm": "memory"}
"""Bytes and pairs of 16 bits by the helpers, shifts to the left in 64 bits, sums of activations
times activations, and states -> what for."""
QUIET = "-Wno-uninitialized"
"""avr-gcc 5.4 takes some arrays in flash for uninitialized, wrongly: what is compiled is right."""
FLASH = ("-std=gnu99", "-DNET{}_CONST=static const __memx", "-DNET{}_SPACE=__memx")
MAIN = """
#include <avr/interrupt.h>
#include <avr/sleep.h>
static void say(char c) { while (!(UCSR0A & 1 << UDRE0)) { } UDR0 = c; }
int main(void)
{
    UCSR0B = 1 << TXEN0;
%s
    say('\\n');
    cli();
    sleep_mode();
    return 0;
}
"""


@pytest.mark.slow
@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason="no avr-gcc or simavr")
def test_self_tests_pass_with_constants_in_flash(tmp_path):
    """Each layer's integers are the interpreter's; RAM has no constants but expected checksums."""
    graphs = {g.name: g for g in GRAPHS}
    programs = [optimize(lowered(graphs[name]), goal) for name, goal in NETS.items()]
    source = joined([print_c(p, "net", tested=True) for p in programs], tmp_path)
    calls = ["say('s');"]
    for i, p in enumerate(programs):
        borders = [(p.buffers[b], f"b{i}_{b}") for _, b in (*p.inputs, *p.outputs)]
        calls += [f"static net{i}_context c{i};",
                  *(f"static {b.dtype}_t {name}[{b.size}];" for b, name in borders),
                  f"say('0' + (char)net{i}_selftest(&c{i}, {', '.join(n for _, n in borders)}));"]
    (tmp_path / "all.c").write_text("#include <avr/io.h>\n" + source + MAIN % "\n".join(calls))
    compiler = ["avr-gcc", "-mmcu=atmega1284p", "-Os", "-Wall", "-Werror", QUIET]
    flash = [flag.format(i) for i in range(len(programs)) for flag in FLASH]
    subprocess.run([*compiler, *flash, "all.c", "-o", "all.elf"], cwd=tmp_path, check=True)
    sizes = subprocess.run(["avr-size", "-A", "all.elf"], cwd=tmp_path, capture_output=True,
                           text=True, check=True).stdout
    layers = sum(len(p.kernels) for p in programs)
    assert int(re.search(r"\.data +(\d+)", sizes)[1]) <= 4 * layers + 16
    done = subprocess.run(["simavr", "-m", "atmega1284p", "-f", "16000000", "all.elf"],
                          cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert "s" + "0" * len(programs) in done.stdout + done.stderr
