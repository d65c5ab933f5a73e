"""`action.yml`: a composite GitHub Action, whose shell steps run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import junitparser
import pytest
import yaml

from tests.dsplet import small_nets

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "action.yml").read_text()
ACTION = yaml.safe_load(TEXT)
STEPS = ACTION["runs"]["steps"]
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
"""How GitHub runs a step whose shell is bash."""


def test_it_is_a_composite_action():
    """As GitHub's page on the metadata of actions has it."""
    assert ACTION.keys() == {"name", "description", "inputs", "runs"}
    assert ACTION["runs"].keys() == {"using", "steps"} and ACTION["runs"]["using"] == "composite"
    assert all(i.keys() == {"description", "default"} and isinstance(i["default"], str)
               for i in ACTION["inputs"].values())
    for step in STEPS:
        if "run" in step:
            assert step["shell"] == "bash" and "${{" not in step["run"]  # nothing is spliced in
        else:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])
    named = re.findall(r"\$\{\{ inputs\.([\w-]+) \}\}", TEXT)
    assert TEXT.count("${{") == len(named) and set(named) == ACTION["inputs"].keys()


def environment(step: dict, folder: Path) -> dict[str, str]:
    """What a step finds, with the inputs' defaults."""
    given = {name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}",
                          lambda m: ACTION["inputs"][m[1]]["default"], value)
             for name, value in step["env"].items()}
    return os.environ | given | {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "RUNNER_TEMP": str(folder / "temp"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"), "GITHUB_ACTION_PATH": "/the/action"}


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A runner's machine: dsplet on its PATH, python and sudo that only say how they were called.
    """
    for name in ("bin", "temp", "project"):
        (tmp_path / name).mkdir()
    for name, line in (("dsplet", f'exec {shlex.quote(sys.executable)} -m dsplet "$@"'),
                       ("python", 'echo python "$@"'), ("sudo", 'echo sudo "$@"')):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def test_what_it_installs(scratch):
    step = next(s for s in STEPS if s.get("name") == "Install")
    found = environment(step, scratch)
    for extras, packages, wanted in (
            ("cores", "", ["python -m pip install --quiet /the/action[cores]"]),
            ("", "a b", ["python -m pip install --quiet /the/action", "sudo apt-get -qq update",
                         "sudo apt-get -qq install --no-install-recommends -y a b"])):
        done = subprocess.run([*BASH, step["run"]], env=found | {
            "EXTRAS": extras, "PACKAGES": packages}, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines() == wanted


@pytest.mark.slow
def test_what_it_checks(scratch):
    """The table is in the summary, and the step fails as the check does."""
    step = next(s for s in STEPS if s.get("name") == "Check")
    project = small_nets.write(scratch / "project")
    net = '[networks.small]\nfile = "small.q.onnx"\nsamples = 9\nbudget.latency = '
    summary = scratch / "summary.md"
    for text, code, said in ((net + '"1us"', 1, "small on dsp32c-40, latency: "),
                             ("", 2, "error: dsplet.toml: networks is missing")):
        (project / "dsplet.toml").write_text(text)
        done = subprocess.run([*BASH, step["run"]], cwd=project, capture_output=True, text=True,
                              env=environment(step, scratch))
        assert done.returncode == code and said in done.stdout
        assert summary.read_text().endswith(f"```text\n{done.stdout}```\n")
    assert summary.read_text().count("### dsplet check") == 2  # it is added to
    assert junitparser.JUnitXml.fromfile(str(project / "dsplet-check.xml")).failures == 1
