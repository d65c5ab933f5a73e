"""`dsplet check`: three networks on two targets, and what turns them red."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import jsonschema
import junitparser
import numpy as np
import onnxruntime
import pytest

from dsplet.quantize.fixed.graph import Graph
from dsplet.quantize.fixed.ops.gemm import Gemm
from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import Recipe, quantize
from dsplet.quantize.qdq import to_qdq
from tests.dsplet.commands import dsplet
from tests.dsplet.small_nets import FACTS, digit_net
from tests.quantize.onnx_nets import model, node, random

pytestmark = pytest.mark.slow  # each runs three networks on two targets

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
X = np.random.default_rng(1).uniform(0, 1, (60, 1, 8, 8)).astype(np.float32)
PROJECT = """\
baseline = "base.json"

[budget]
latency = "5ms"

[networks.eight]
file = "eight.q.onnx"
reference = "digit.onnx"
data = "samples.npz"
budget = {agree_percent = 50, accuracy_drop_points = 50, sqnr_db = 5}
[networks.four]
file = "four.q.onnx"
data = "samples.npz"
samples = 20
executed = 2
[networks.dense]
file = "dense.q.onnx"
on.fast = {latency = "1ms", ram = "4KB", flash = "8KB"}

[targets.dsp32c-40]
[targets.fast]
part = "dsp32c-50"
"""
NETWORKS, TARGETS = ["eight", "four", "dense"], ["dsp32c-40", "fast"]


def made(folder: Path, net: object, recipe: Recipe, facts: dict[str, str]) -> Graph:
    (folder / "net.onnx").write_bytes(net.SerializeToString())
    graph = from_onnx.load(folder / "net.onnx")
    first = next(iter(graph.shapes))
    shape = graph.shapes[first]
    return quantize(graph, X.reshape(60, *shape)[:40], recipe, metadata=facts)


def answers(file: Path) -> np.ndarray:
    """By ONNX Runtime."""
    session = onnxruntime.InferenceSession(file)
    return session.run(None, {"x": X})[0].reshape(60, -1).argmax(1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "digit.onnx").write_bytes(digit_net().SerializeToString())
    for name, bits in (("eight", 8), ("four", 4)):
        to_qdq.save(made(folder, digit_net(), Recipe(bits, bits), FACTS), folder / f"{name}.q.onnx")
    dense = model([node("Gemm", "x v", "y", transB=1)], {"x": (64,)}, {"v": random("v", 10, 64)})
    to_qdq.save(made(folder, dense, Recipe(), {}), folder / "dense.q.onnx")
    np.savez(folder / "samples.npz", x=X, labels=answers(folder / "digit.onnx"))
    (folder / "dsplet.toml").write_text(PROJECT)
    assert dsplet("check", "--update", folder=folder).returncode == 0
    return folder


@pytest.fixture
def project(whole: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    for file in whole.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def failed(folder: Path, code: int = 1) -> dict[tuple, dict]:
    """What failed, by network, target and check, as the JSON has it, which is of its schema; the
    JUnit file says the same to a reader of somebody else."""
    done = dsplet("check", "--json", "--junit", "found.xml", folder=folder)
    assert done.returncode == code, done.stdout + done.stderr
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads((SCHEMAS / "dsplet.check.1.json").read_text()))
    suites = junitparser.JUnitXml.fromfile(str(folder / "found.xml"))
    assert [suite.name for suite in suites] == NETWORKS
    cases = [(case.classname, case.name, [r.message for r in case.result])
             for suite in suites for case in suite]
    assert cases == [(".".join(filter(None, (c["network"], c.get("target")))), c["check"],
                      [] if c["passed"] else [c["said"]]) for c in document["checks"]]
    assert (suites.tests, suites.failures) == (len(cases), sum(bool(r) for *_, r in cases))
    assert document["passed"] == (code == 0)
    return {(c["network"], c.get("target"), c["check"]): c for c in document["checks"]
            if not c["passed"]}


def test_what_has_not_changed_passes_and_is_written_alike(project):
    before = (project / "base.json").read_bytes()
    assert failed(project, 0) == {}
    said = dsplet("check", folder=project).stdout
    rows = [line.split() for line in said.splitlines() if line.endswith(" passed")]
    assert [row[:2] for row in rows] == [[n, t] for n in NETWORKS for t in TARGETS]
    assert "dense: nobody says which data it reads" in said
    first = (project / "found.xml").read_bytes()
    assert failed(project, 0) == {} and (project / "found.xml").read_bytes() == first
    assert dsplet("check", "--update", folder=project).returncode == 0
    assert (project / "base.json").read_bytes() == before
    jsonschema.validate(json.loads(before), json.loads(
        (SCHEMAS / "dsplet.baseline.1.json").read_text()))


def test_a_changed_weight_bit_width(project):
    recipe = Recipe(layers={"Conv_c": {"weight_bits": 7}})
    to_qdq.save(made(project, digit_net(), recipe, FACTS), project / "eight.q.onnx")
    found = failed(project)[("eight", None, "baseline formats")]
    assert found["layer"] == "Conv_c"
    assert found["said"].startswith("Conv_c: weights of 8 bits, Q") and (
        "in the baseline, now of 7 bits, Q" in found["said"])
    assert not [key for key in failed(project) if key[0] != "eight"]


def cycles(file: str, folder: Path) -> dict[str, float]:
    found = json.loads(dsplet("simulate", file, "--json", folder=folder).stdout)
    return {row["layer"]: row["cycles"] for row in found["layers"]}


def test_one_slower_layer(project):
    """5x5 windows over a border of zeros in place of 3x3: as many outputs, from more products."""
    before = cycles("four.q.onnx", project)
    net = digit_net(w=random("w", 4, 1, 5, 5))
    net.graph.node[0].attribute.extend([node("Conv", "x", "y", pads=[1] * 4).attribute[0]])
    to_qdq.save(made(project, net, Recipe(4, 4), FACTS), project / "four.q.onnx")
    after, found = cycles("four.q.onnx", project), failed(project)
    slower = next(n for n in after if n.startswith("Conv_c"))
    for target in TARGETS:
        row = found["four", target, "baseline cycles"]
        assert row["layer"] == slower
        assert row["said"].startswith(f"{after[slower] - before[slower]:+,.10g} cycles in {slower}")


def keep(folder: Path, rows: np.ndarray) -> None:
    """Only these samples, in a new baseline."""
    labels = answers(folder / "digit.onnx")
    np.savez(folder / "samples.npz", x=X[rows], labels=labels[rows])
    assert dsplet("check", "--update", folder=folder).returncode == 0


def test_one_more_flip(project):
    """Of samples of which ONNX Runtime reads all but one as before."""
    eight, wanted = project / "eight.q.onnx", answers(project / "digit.onnx")
    before, graph = answers(eight), made(project, digit_net(), Recipe(), FACTS)
    for power in range(8, 20):  # formats stay as they were
        nodes = [replace(n, bias=n.bias + (np.arange(10) == 3) * 2**power)
                 if isinstance(n, Gemm) else n for n in graph.nodes]
        to_qdq.save(replace(graph, nodes=tuple(nodes)), project / "other.q.onnx")
        if not (same := answers(project / "other.q.onnx") == before).all():
            break
    flipped = np.flatnonzero(~same & (before == wanted))[-1]
    rows = np.sort([*np.flatnonzero(same), flipped])
    keep(project, rows)
    assert failed(project, 0) == {}
    eight.write_bytes((project / "other.q.onnx").read_bytes())
    found = failed(project)
    flip, = (c for c in found.values() if c["check"] == "baseline flips")
    place = rows.tolist().index(flipped)
    assert flip["said"] == (f"sample {place} (label {wanted[flipped]}) is read as 3, by the "
                            f"reference as {wanted[flipped]}: Gemm_y")
    assert flip["layer"] == "Gemm_y"
    assert {key[2] for key in found} <= {"baseline flips", "baseline accuracy", "baseline SQNR"}


def test_the_page_does_what_it_says(whole, tmp_path):
    """docs/check.md: its commands, in order, with the project that it shows."""
    page = (SCHEMAS.parent / "check.md").read_text()
    for name in ("digit.onnx", "samples.npz"):
        (tmp_path / name).write_bytes((whole / name).read_bytes())
    for language, block in re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL):
        if language == "toml":
            assert tomllib.loads((tmp_path / "dsplet.toml").read_text())["networks"][
                "digit"]["on"] == tomllib.loads(block)["networks"]["digit"]["on"]
            (tmp_path / "dsplet.toml").write_text(block)
        for part in block.split("$ dsplet ")[1:] if language == "console" else ():
            command, *said = part.partition("\n$ ")[0].splitlines()
            words, _, remark = command.partition("  # exit code ")
            done = dsplet(*words.split(), folder=tmp_path)
            assert done.returncode == int(remark or 0), done.stderr
            printed = [" ".join(line.split()) for line in done.stdout.splitlines()]
            assert [line for line in said if " ".join(line.split()) not in printed] == []


ONE = """\
[networks.dense]
file = "dense.q.onnx"
[targets.dsp32c-40]
"""


def test_what_moved_since_the_baseline_is_told_to_the_unit(project):
    """A baseline of other numbers: more fails, less is told, other conditions are refused."""
    (project / "dsplet.toml").write_text(ONE)
    base = project / "dsplet.baseline.json"
    assert dsplet("check", "--update", folder=project).returncode == 0
    whole = base.read_text()
    run, = json.loads(whole)["runs"]
    gemm = next(n for n in run["layers"] if n["layer"] == "Gemm_y")

    def checked(**changes) -> tuple[int, dict]:
        document = json.loads(whole)
        document["runs"][0] |= changes
        base.write_text(json.dumps(document))
        done = dsplet("check", "--json", folder=project)
        return done.returncode, json.loads(done.stdout)

    def layers(more: float) -> list[dict]:
        return [n | {"cycles": n["cycles"] + more * (n == gemm)} for n in run["layers"]]

    total, ram = run["cycles"], run["ram_bytes"]
    code, found = checked(cycles=total - 312, layers=layers(-312))
    assert (code, found["failed"]) == (1, [
        "dense on dsp32c-40, baseline cycles: +312 cycles in Gemm_y since the baseline, "
        f"{total:,.10g} in all"])
    code, found = checked(cycles=total + 0.5, layers=layers(0.5))
    assert code == 0 and found["better"] == [
        f"dense on dsp32c-40: -0.5 cycles in Gemm_y since the baseline, {total:,.10g} in all"]
    assert found["notes"][-1] == "to hold on to what is better: dsplet check --update"
    code, found = checked(worst_case_cycles=run["worst_case_cycles"] - 1)
    assert code == 1 and found["failed"][0].startswith(
        "dense on dsp32c-40, baseline cycles: +1 cycles since the baseline, ")
    code, found = checked(ram_bytes=ram - 2, read_only_bytes=run["read_only_bytes"] + 3)
    assert code == 1 and [c["said"] for c in found["checks"] if not c["passed"]] == [
        f"+2 bytes since the baseline, {ram:,} in all"] and "-3 bytes" in found["better"][0]
    code, found = checked(on=run["on"].replace("40 MHz", "41 MHz"))
    assert code == 1 and found["failed"][0].startswith("dense on dsp32c-40, baseline target: ")
    code, found = checked(target="other")
    assert code == 0 and found["notes"][1:] == [
        "dense on dsp32c-40 is not in the baseline: dsplet check --update",
        "the baseline has dense on other, which was not run: dsplet check --update"]


@pytest.mark.parametrize("budget, check, layer", [
    ("accuracy_drop_points = 0", "accuracy drop", "Gemm_y"), ("sqnr_db = 90", "SQNR", "Gemm_y"),
    ("agree_percent = 100", "agreement", "Gemm_y")])
def test_a_missed_budget_names_who_loses_most(budget, check, layer, project):
    """A dense layer of 2 bits behind a convolution of 8."""
    recipe = Recipe(layers={"Gemm_y": {"weight_bits": 2}})
    to_qdq.save(made(project, digit_net(), recipe, FACTS), project / "eight.q.onnx")
    right = answers(project / "eight.q.onnx") == answers(project / "digit.onnx")
    assert 0 < right.sum() < 60
    (project / "dsplet.toml").write_text(
        '[networks.eight]\nfile = "eight.q.onnx"\nreference = "digit.onnx"\n'
        f'data = "samples.npz"\nbudget.{budget}\n')
    found = json.loads(dsplet("check", "--json", folder=project).stdout)
    missed, = (c for c in found["checks"] if not c["passed"])
    assert (missed["check"], missed["layer"]) == (check, layer)
    if check == "agreement":
        assert missed["said"].startswith(f"{100 * right.mean():.4g} % of 60 samples, of 100 %")


def test_code_of_a_target_may_round_otherwise(project):
    toml, base = project / "dsplet.toml", project / "dsplet.baseline.json"
    toml.write_text(ONE + 'rounding = "conversion"\n')
    assert dsplet("check", "--update", folder=project).returncode == 0
    run, = json.loads(base.read_text())["runs"]
    assert run["on"] == "dsp32c-40, board 1989, rounding by conversion, 40 MHz, time"
    toml.write_text(ONE + 'rounding = "up"\n')
    assert "targets.dsp32c-40: code for dsp32c-40 cannot round by 'up'; expected adder or " in (
        dsplet("check", folder=project).stderr)


def test_what_does_not_fit_is_a_row_that_failed(project):
    """32,768 weights of 16 bits, beside 32 KB and the chip's own 8."""
    net = model([node("Gemm", "x v", "y", transB=1)], {"x": (64,)}, {"v": random("v", 512, 64)})
    to_qdq.save(made(project, net, Recipe(weight_bits=16), {}), project / "dense.q.onnx")
    (project / "dsplet.toml").write_text(ONE + "board = '32kb'\n")
    done = dsplet("check", folder=project)
    assert done.returncode == 1 and " failed: fits" in done.stdout
    assert "; the largest layer is Gemm_y" in done.stdout
