"""What docs/command-line.md says of shells: bash completes after its line, others get a script."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
ASKED = """\
%s
COMP_WORDS=(dsplet %s); COMP_CWORD=%d
_dsplet_completion dsplet
echo "${COMPREPLY[@]}"
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """In which `dsplet` is a command, wherever it is installed."""
    command = tmp_path / "dsplet"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m dsplet "$@"\n')
    command.chmod(0o755)
    return os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


@pytest.mark.slow
@pytest.mark.parametrize("words, offered", [
    (("sim",), "simulate"), (("emit", "net.q.onnx", "--for"), "--format"),
    (("emit", "net.q.onnx", "--format", "li"), "listing")])
def test_bash_completes(words, offered, environment):
    line = re.findall(r"^    (eval .*bash_source.*?) +#", PAGE, re.MULTILINE)[0]
    done = subprocess.run(["bash", "-c", ASKED % (line, " ".join(words), len(words))],
                          capture_output=True, text=True, env=environment)
    assert done.stdout == f"{offered}\n", done.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script(shell):
    assert f"_DSPLET_COMPLETE={shell}_source dsplet" in PAGE
    done = subprocess.run([sys.executable, "-m", "dsplet"], capture_output=True, text=True,
                          env=os.environ | {"_DSPLET_COMPLETE": f"{shell}_source"})
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_DSPLET_COMPLETE={shell}_complete" in done.stdout
