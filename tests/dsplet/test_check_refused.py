"""What a dsplet.toml, or a baseline, may not say: one line that names the place."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import junitparser
import pytest

from dsplet.workflows.check_junit import junit
from dsplet.workflows.check_verdicts import Check
from tests.dsplet.commands import dsplet, refusal
from tests.each import each

NET = '[networks.a]\nfile = "small.q.onnx"\n'
REFUSED = {  # what the file says: what is said of it, behind its name
    "": "networks is missing",
    "networks = 3": "networks is 3; expected a table of 1 to 100",
    "[networks]": "networks is {}; expected a table of 1 to 100",
    "[networks.a\n": "not a TOML file: Expected ']' at the end of a table declaration (at line 1, "
                     "column 12)",
    "[networks.'a b']\nfile = 'x'": "networks: 'a b' is a key; expected a name of letters, digits, "
                                    "'.', '_' and '-'",
    NET + "sample = 3": "networks.a: unknown key 'sample'; expected file, reference, data, "
                        "input_scale, input_offset, resize, samples, executed, targets, budget, on:"
                        " did you mean 'samples'?",
    NET + "samples = 0": "networks.a.samples is 0; expected a whole number from 1 to 1000000 or "
                         "all",
    NET + "budget.latncy = '1ms'": "networks.a.budget: unknown key 'latncy'; expected "
                                   "latency, ram, flash, accuracy_drop_points, sqnr_db, "
                                   "agree_percent: did you mean 'latency'?",
    NET + "[targets.dsp32c-41]": "targets.dsp32c-41: unknown target 'dsp32c-41': expected one of "
                                 "dsp32c-40, ",
    NET + "[targets.x]\npart = 'dsp32c-40'\ngoal = 'size'":
        "targets.x.goal is 'size'; expected time or memory or balanced",
    NET + "[targets.dsp32c-40.budget]\nsqnr_db = 3": "targets.dsp32c-40.budget: unknown key "
                                                     "'sqnr_db'; expected latency, ram, flash",
    NET + "targets = ['dsp32c-50']": "networks.a: targets: no target of it is called 'dsp32c-50'; "
                                     "expected dsp32c-40: did you mean 'dsp32c-40'?",
    NET + "on.m4 = {ram = '1KB'}": "networks.a: on: no target of it is called 'm4'; expected "
                                   "dsp32c-40",
    NET + "budget.latency = '1 second'": "networks.a: on dsp32c-40: budget '1 second' is not "
                                         "understood; expected a positive number",
    NET + "budget.ram = '16'": "networks.a: on dsp32c-40: ram '16' is not understood; expected a ",
    NET + "budget.sqnr_db = 30": "networks.a: its budget has sqnr_db, and no network to hold it "
                                 "against: name the float network that it was made from: "
                                 'reference = "FILE.onnx"',
    "[networks.a]\nfile = 'no.q.onnx'": "networks.a: no.q.onnx: no such file",
    "[networks.a]\nfile = 'small.onnx'": "networks.a: small.onnx: is a float network: make it "
                                         "fixed point first, with `dsplet quantize ",
    NET + "reference = 'small.q.onnx'": "networks.a: reference: small.q.onnx is fixed point; "
                                        "expected the float network that it was made from",
    NET + "data = 'no.npz'": "networks.a: no.npz: no such file",
    "baseline = 'none.json'\n" + NET: ": none.json: no such file: write it with dsplet check "
                                      "--update"}


@each("text", REFUSED)
def test_what_a_project_may_not_say(text, folder):
    (folder / "p.toml").write_text(text)
    said = refusal("check", "p.toml", folder=folder)
    told = REFUSED[text]
    told = told.removeprefix(": ") if told.startswith(": ") else f"p.toml: {told}"
    assert said.startswith(f"error: {told}")


def test_a_project_that_is_not_there(folder):
    assert refusal("check", "none.toml", folder=folder) == (
        "error: none.toml: no such file: write a first one with dsplet init")


def test_what_a_baseline_may_not_be(folder):
    (folder / "p.toml").write_text("baseline = 'b.json'\n" + NET)
    base = folder / "b.json"
    for text, told in (
            ("{", "not JSON: Expecting property name enclosed in double quotes"),
            ("[]", "its schema is None; expected dsplet.baseline/1: write it anew with dsplet "
                   "check --update"),
            ('{"schema": "dsplet.baseline/1"}', "networks is missing"),
            ('{"schema": "dsplet.baseline/1", "networks": [{"network": 3}], "runs": []}',
             "networks[0].network is 3; expected a text")):
        base.write_text(text)
        assert refusal("check", "p.toml", folder=folder).startswith(f"error: b.json: {told}")


def test_a_baseline_is_not_what_the_report_goes_to(folder):
    (folder / "p.toml").write_text(NET)
    said = refusal("check", "p.toml", "--junit", "p.toml", folder=folder)
    assert said == "error: p.toml is what it would be made from: name another file"


def test_tools_that_are_missing_are_one_line(folder, monkeypatch):
    (folder / "p.toml").write_text(NET + "[targets.cortex-m4]\n")
    monkeypatch.setenv("PATH", str(folder))
    said = refusal("check", "p.toml", folder=folder)
    assert said.startswith("error: p.toml: networks.a on cortex-m4: arm-none-eabi-gcc is not on "
                           "the PATH: apt-get install ")


def test_a_layer_may_be_called_anything(tmp_path):
    """Whoever makes a network names its layers; XML holds no control characters."""
    said = "\x00<&\u2028\udc80é]]>"
    (tmp_path / "found.xml").write_bytes(junit([Check(network="a", check="c", passed=False,
                                                      said=said, layer="\x1b[1m")]))
    suite, = junitparser.JUnitXml.fromfile(str(tmp_path / "found.xml"))
    case, = suite
    result, = case.result
    assert result.message == "\\x00<&\\u2028\\udc80é]]>"
    assert result.text.endswith("layer: \\x1b[1m")


# --- dsplet init ----------------------------------------------------------------------------------

@pytest.mark.slow
def test_a_first_project_keeps_its_own_budgets(folder, tmp_path):
    shutil.copy(folder / "small.onnx", tmp_path / "any name.onnx")
    shutil.copy(folder / "small.q.onnx", tmp_path / "a small one.q.onnx")
    (tmp_path / "notes.onnx").write_text("none")
    done = dsplet("init", "--target", "dsp32c-50", "--rounding", "conversion", "--json",
                  folder=tmp_path)
    row, = (document := json.loads(done.stdout))["networks"]
    assert (row["network"], row["reference"]) == ("a_small_one", "any name.onnx")
    assert document["not_read"] == ["notes.onnx: not an ONNX file"]
    text = (tmp_path / "dsplet.toml").read_text()
    assert tomllib.loads(text)["targets"] == {"dsp32c-50": {"rounding": "conversion"}}
    table = tomllib.loads(text)["networks"]["a_small_one"]
    assert (table["file"], table["reference"]) == ("a small one.q.onnx", "any name.onnx")
    costs = table["on"]["dsp32c-50"]
    taken = row["latency_ms"], row["ram_bytes"] / 1024, row["read_only_bytes"] / 1024
    units = {"latency": "ms", "ram": "KB", "flash": "KB"}
    for used, (key, unit) in zip(taken, units.items(), strict=True):
        assert used <= float(costs[key].removesuffix(unit)) < 1.11 * used
    done = dsplet("check", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert refusal("init", folder=tmp_path) == ("error: dsplet.toml: is there already: edit it, or "
                                                "remove it first")


def test_every_key_that_is_told_of_is_one(folder, tmp_path):
    """The comments of a first project, taken at their word."""
    for name in ("small.onnx", "small.q.onnx"):
        shutil.copy(folder / name, tmp_path)
    assert dsplet("init", folder=tmp_path).returncode == 0
    lines = (tmp_path / "dsplet.toml").read_text().splitlines()
    keys = [line.removeprefix("# ") for line in lines]
    told = "\n".join(keys[i] if " = " in keys[i] and "`" not in keys[i].split("=")[0] else line
                     for i, line in enumerate(lines))
    found = tomllib.loads(told)
    assert found["baseline"] == "dsplet.baseline.json" and found["budget"]["flash"] == "64KB"
    assert found["targets"]["dsp32c-40"].keys() == {"part", "board", "clock", "rounding",
                                                    "goal"}
    assert found["networks"]["small"].keys() == {"file", "reference", "data", "resize", "samples",
                                                 "executed", "on"}


@pytest.mark.parametrize("words, told", [
    ("none", "none: there is no such folder"),
    (".", ".: has no fixed-point network; expected a .q.onnx: make one with dsplet quantize, or "
          "copy one with dsplet zoo get"),
    (". --target m4", "unknown target 'm4': expected one of dsp32c-40, ")])
def test_init_refuses(words, told, tmp_path: Path):
    assert refusal("init", *words.split(), folder=tmp_path).startswith(f"error: {told}")
