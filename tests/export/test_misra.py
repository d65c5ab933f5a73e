"""What a checker finds against MISRA C:2012 in emitted C, by the numbers of its rules."""

import re
import shutil
import subprocess

import pytest

from dsplet.export.c.printer import print_c
from dsplet.firmware_sim.compile.optimize import optimize
from dsplet.firmware_sim.compile.streaming import streaming
from tests.quantize.fixed.cases import GRAPHS, lowered

NETS = {"tanh_net": "time", "separable": "memory", "lstm": "balanced", "attention": "time",
        "elman": "stream"}
"""Convolutions and tables, rolling rows, a recurrent one, softmax, and steps -> what for."""
ADVISORY = {"2.5", "12.1", "12.3", "15.5", "19.2"}
LISTED = [("10.1", "return acc < 0 ? ~(~acc >> shift) : acc >> shift;")]
"""Both as docs/c.md lists them."""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("cppcheck"), reason="no cppcheck")
def test_no_required_rule_but_the_listed_one(tmp_path):
    graphs = {g.name: g for g in GRAPHS}
    for name, goal in NETS.items():
        program = lowered(graphs[name])
        header, source = print_c(optimize(streaming(program)) if goal == "stream" else
                                 optimize(program, goal), name, tested=True)
        (tmp_path / f"{name}.h").write_text(header)
        (tmp_path / f"{name}.c").write_text(source)
        done = subprocess.run(["cppcheck", "-q", "--enable=style", "--addon=misra", "--std=c99",
                               "-DPTRDIFF_MAX=2147483647", f"{name}.c"], cwd=tmp_path,
                              capture_output=True, text=True, timeout=60)
        found = re.findall(r"\[misra-c2012-([\d.]+)\]\n(.*)", done.stderr)
        assert {rule for rule, _ in found} & ADVISORY, done.stdout + done.stderr
        assert [(rule, line.strip()) for rule, line in found if rule not in ADVISORY] == LISTED
