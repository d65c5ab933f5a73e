"""Assembly programs worked out by hand from docs/dsp32c.md, and the README's own examples."""

import re
from pathlib import Path

import pytest

from tests.firmware_sim.dsp32c.asm_programs import check

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.s"))
README = (Path(__file__).parents[3] / "firmware_sim" / "dsp32c" / "README.md").read_text()
EXAMPLES = re.findall(r"```asm\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_program(path):
    assert check(path.read_text(), path.name) >= 2


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_readme_example(number):
    assert check(EXAMPLES[number], f"README example {number + 1}") >= 1


def test_there_are_programs_and_examples():
    assert len(PROGRAMS) >= 8 and len(EXAMPLES) >= 4


def test_a_wrong_expectation_fails():
    with pytest.raises(AssertionError, match="r1"):
        check("r1 = 2\nhalt: goto halt\nnop\n//= r1 = 3")
