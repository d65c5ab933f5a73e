"""Every command, in this process: its happy path, held against its published schema, and a refusal.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields, replace
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest

from dsplet import data
from dsplet.base import render
from dsplet.base.rows import plain
from dsplet.cli import SECTIONS, cli
from dsplet.cli.options import FORMS
from dsplet.cli.outcome import outcome
from dsplet.firmware_sim.optimize import GOALS
from dsplet.firmware_sim.targets import PROGRAMS
from dsplet.schemas import schemas
from dsplet.train.zoo.card import Card
from dsplet.workflows import simulate
from tests.base.readable import assert_readable
from tests.dsplet import other_nets, small_nets
from tests.firmware_sim.dsp32c.test_conformance import ADD

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
COMMANDS = [name for names in SECTIONS.values() for name in names]
FEED = "--data digits --input-scale 1/256"


@dataclass(frozen=True)
class Case:
    """words: that go well; seen: what must be true of the document that they print. refused: words
    that do not, and what they are told."""

    words: str
    seen: Callable[[dict[str, Any]], bool]
    refused: str
    told: str


CASES = {
    "train": Case(
        "lenet1 --data digits --epochs 1 --samples 32 -o new.safetensors",
        lambda d: d["samples"] == 60 and len(d["curve"]) == d["epochs"] == 1,
        "lenet9", "did you mean 'lenet"),
    "export": Case(
        f"nets.py:make --input 1x8x8 -o made.onnx {FEED}",
        lambda d: d["input_shape"] == "1x8x8" and d["max_difference_from_pytorch"] < 1e-4,
        "nets.py:make -o no.onnx", "say what the network reads, such as --input 1x28x28"),
    "quantize": Case(
        f"small.onnx -o new.q.onnx --recipe nearest --calibrate 20 --stability 2 {FEED}",
        lambda d: d["input"] == "UQ0.8" and len(d["draws"]) == 3 and d["calibration_samples"] == 20,
        "small.q.onnx -o no.q.onnx", "is fixed point already"),
    "finetune": Case(
        "small.onnx small.q.onnx -o tuned.q.onnx --epochs 1",
        lambda d: d["training_samples"] == 200 and d["samples"] == 60,
        "small.q.onnx small.onnx -o no.q.onnx", "must be a float network"),
    "compare": Case(
        "small.onnx small.q.onnx --samples 20",
        lambda d: sum(n for row in d["confusion_test"] for k, n in row.items() if k != "label")
        == d["samples"] == 20,
        "small.onnx none.q.onnx", "none.q.onnx: no such file"),
    "diagnose": Case(
        "small.onnx small.q.onnx --samples 20 --calibrate 20",
        lambda d: [r["op"] for r in d["layers"]] == ["Input", "Conv", "Gemm"],
        "small.onnx small.q.onnx --plot no.pdf", "expected one that ends in .svg or .png"),
    "advise": Case(
        "small.onnx small.q.onnx --samples 20 --calibrate 20 --budget 100cycles",
        lambda d: not d["passed"] and d["bounds"][0]["at_least"] == 4 * 36 * 9 + 360 + 4 * 9 * 3,
        "small.onnx small.q.onnx", "there is no budget to meet"),
    "ledger": Case(
        "small.q.onnx --samples 20",
        lambda d: d["overflows"] == [] and d["passed"],
        "small.onnx", "small.onnx: is a float network"),
    "units": Case(
        "small.q.onnx Conv_c --samples 20 --top 2 -o units.png --filters filters.png",
        lambda d: [r["unit"] for r in d["strongest"]] == [0, 0, 1, 1, 2, 2, 3, 3],
        "small.q.onnx Conv_d", "did you mean 'Conv_c'?"),
    "widths": Case(
        f"small.onnx --calibrate 20 --memory 400B --front front.json {FEED}",
        lambda d: d["memory_bytes"] <= 400 and d["points"],
        f"small.onnx -o no.q.onnx {FEED}", "-o needs a budget to choose by"),
    "simulate": Case(
        "small.q.onnx --samples 2 --budget 1ms --map --profile --trace 5",
        lambda d: d["differing_integers"] == 0 and d["layers"][-1]["macs"] == 4 * 36 * 9 + 360
        and len(d["trace"]) >= 5 and d["budget"][0]["met"] and d["latency_ms"] * 1e4 == d["cycles"]
        and d["ram_bytes"] + d["read_only_bytes"] == sum(r["used_bytes"] for r in d["memory"]),
        "small.q.onnx --stream --map", "leave out --map"),
    "report": Case(
        "small.onnx small.q.onnx --samples 20 --executed 2 -o report.html",
        lambda d: d["comparison"]["samples"] == d["diagnosis"]["samples"] == 20
        and d["simulation"]["samples"] == 2 and d["page"] == "report.html",
        "small.q.onnx small.q.onnx -o no.html", "must be a float network"),
    "read": Case(
        "line.png --model line.q.onnx",
        lambda d: d["lines"][0]["text"] == small_nets.LINE and d["passed"],
        "line.png --model small.q.onnx", "has no machine that reads lines"),
    "live": Case(
        "small.q.onnx line.q.onnx -o live.html --samples 3",
        lambda d: [n["reads"] for n in d["networks"]] == ["digits", "lines"] and d["passed"]
        and d["bytes"] == Path("live.html").stat().st_size,
        "small.onnx -o no.html", "small.onnx: is a float network"),
    "emit": Case(
        "small.q.onnx --format c -o out",
        lambda d: [Path(f).name for f in d["written"]] == ["small.h", "small.c"],
        "small.q.onnx --format c --name 3x", "'3x' cannot name C functions"),
    "check": Case(
        "check.toml --junit check.xml",
        lambda d: [r["target"] for r in d["networks"]] == ["dsp32c-40"] and d["passed"]
        and Path("check.xml").exists(),
        "check.toml --junit small.onnx", "small.onnx is what it would be made from"),
    "init": Case(
        ".", lambda d: {"line", "small"} <= {n["network"] for n in d["networks"]}
        and Path("dsplet.toml").exists(),
        "check.toml", "check.toml: there is no such folder"),
    "asm": Case(
        "sum.s",
        lambda d: len([r for r in d["listing"] if r["word"]]) == 14,
        "sum.s --origin ten", "--origin is 'ten'; expected 2048 or 0x800"),
    "disasm": Case(
        "words.txt --origin 16",
        lambda d: d["listing"] == [{"address": "000010", "word": "14400002", "text": "r2 = 2"}],
        "sum.s", "sum.s:2: 'r1e' is neither an S-record nor a hexadecimal word"),
    "run": Case(
        "sum.s --regs --mem x:1",
        lambda d: {r["register"]: r["value"] for r in d["stops"][0]["registers"]}["r4"] == 320,
        "sum.s --until stop", "expected a label of the program, loop, halt, data, x"),
    "demo": Case(
        "--model row_rnn --keep kept",
        lambda d: d["differing_integers"] == 0 and len(d["by_hand"]) == 5,
        "--model none", "no model is named 'none'"),
    "zoo": Case("", lambda d: len(d["models"]) > 30 and d["trained"], "extra", "is not 'get'"),
    "budgets": Case("", lambda d: any(b["name"] == "lenet1/published" and b["latency_ms"] == 33.3
                                      for b in d["budgets"]), "--all", "No such option"),
    "targets": Case("", lambda d: any(p["target"] == "dsp32c-40" and p["clock_mhz"] == 40
                                      for p in d["parts"]), "extra", "unexpected extra argument"),
    "ops": Case("", lambda d: {"Conv", "Gemm"} <= {r["op"] for r in d["fixed_point"]}
                and "Conv" in d["read_from_onnx"].split(", "), "extra",
                "unexpected extra argument"),
    "doctor": Case("", lambda d: d["passed"] and d["simulated_cycles_per_s"] > 1000
                   and {p["part"] for p in d["versions"]} >= {"python", "numpy", "torch"},
                   "extra", "unexpected extra argument"),
    "conformance": Case(
        "dsp32c add.json", lambda d: (d["vectors"], d["failed"]) == (1, []),
        "dsp32c sum.s", "sum.s: not JSON"),
}
SLOW = {"train", "export", "finetune", "demo", "widths", "init", "advise"}
"""What is run once only; as text they are printed by other tests, or tests that take their time."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = small_nets.write(tmp_path_factory.mktemp("commands"))
    (path / "words.txt").write_text("14400002")
    (path / "check.toml").write_text('[networks.small]\nfile = "small.q.onnx"\n'
                                     'reference = "small.onnx"\nsamples = 20\n')
    (path / "add.json").write_text(json.dumps({"schema": "dsp32c-vectors/1", "vectors": [ADD]}))
    return path


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder is the current one; data sets are short, and models learn for one epoch."""
    monkeypatch.chdir(folder)
    load, config = data.load, Card.config

    def short(name: str) -> data.Splits:
        whole = load(name)
        return replace(whole, train=whole.train[:200], calibration=whole.calibration[:40],
                       test=whole.test[:60])

    monkeypatch.setattr(data, "load", short)
    monkeypatch.setattr(import_module("dsplet.data.opening"), "load", short)
    monkeypatch.setattr(Card, "config", lambda card, on: replace(config(card, on), epochs=1))
    return folder


def keys(document: Any) -> Iterator[str]:
    """Of all objects in it."""
    for value in document.values() if isinstance(document, dict) else document:
        if isinstance(value, dict | list):
            yield from keys(value)
    if isinstance(document, dict):
        yield from document


def schema(name: str) -> dict[str, Any]:
    """The published one of a document."""
    found: dict[str, Any] = json.loads((SCHEMAS / f"dsplet.{name}.1.json").read_text())
    return found


def command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found
    return found


def test_the_table_has_every_command():
    assert set(CASES) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_it_works(name, here, capsys, monkeypatch):
    """The document is of the published schema, and the exit code is 1 where a gate failed. As text
    it can be read at any width."""
    case, reports, to_json = CASES[name], [], render.to_json

    def kept(name: str, report: object) -> str:
        reports.append(report)
        return to_json(name, report)

    monkeypatch.setattr(render, "to_json", kept)
    code = outcome(cli, [name, *case.words.split(), "--json"])
    document = json.loads(capsys.readouterr().out)
    assert code == (0 if document.get("passed", True) else 1)
    assert document["schema"] == f"dsplet.{name}/1" and case.seen(document)
    jsonschema.validate(document, schema(name))
    if name == "widths":  # it writes one more
        jsonschema.validate(json.loads((here / "front.json").read_text()), schema("front"))
    if FORMS.keys() <= {p.name for p in command(name).params}:  # others have a text of their own
        report = reports[-1]
        for width in (None, 60, 80, 100, 140):
            assert_readable(render.to_text(report, width), plain(report, printed=True), width)
    if name not in SLOW:
        assert outcome(cli, [name, *case.words.split()]) == code
        assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("name", COMMANDS)
def test_it_refuses(name, here, capsys):
    """In one line, with nothing printed or written."""
    case, before = CASES[name], sorted(here.rglob("*"))
    assert outcome(cli, [name, *case.refused.split()]) == 2
    said = capsys.readouterr()
    assert said.out == "" and case.told in said.err and said.err.count("\n") == 1
    assert said.err.startswith("error: ") and sorted(here.rglob("*")) == before


REPORTED = ("simulate", "compare", "ledger", "diagnose", "units", "quantize")
OTHERS = (
    "compare small.q.onnx small.q.onnx --samples 5",
    "compare line.onnx line.q.onnx --samples 5 " + FEED,
    "compare places.onnx places.q.onnx --data places.npz",
    "compare numbers.onnx numbers.q.onnx --data numbers.npz",
    "quantize own.onnx -o own.q.onnx --data own.npz --weight-bits 2 --activation-bits 2",
    "compare own.onnx own.q.onnx --data own.npz",
    "diagnose own.onnx own.q.onnx --data own.npz --plot ranges.svg",
    "ledger small.q.onnx --samples 5 --accumulator-bits 9 --witness witness.npz",
    f"simulate small.onnx --arithmetic float --beside small.q.onnx {FEED}",
    "simulate numbers.q.onnx --data numbers.npz",
    "simulate small.q.onnx --data random --ram 1KB --flash 8KB --chrome-trace t.json "
    "--trace-file t.txt",
    "simulate own.q.onnx --data own.npz",
    "simulate small.q.onnx --images images.npy --spread --assume bank_busy=1",
    "simulate small.q.onnx --images images.npy --show x -o x.png --dump x.npz",
    "simulate state.q.onnx --stream --step 5ms --data state.npz",
    "simulate places.q.onnx", f"simulate small.q.onnx --spread --rounding adder {FEED}",
    "units small.q.onnx MaxPool_p --samples 1 --unit 2 -o u.png",
    "zoo get zip1989", "asm sum.s -o sum.s28", "emit small.q.onnx --format image -o out")
"""Each changes much of what its command reports."""
UNSEEN = {
    "simulate": "lowest_latency_ms highest_latency_ms model_error least_cycles instructions "
                "compiler flags stack_bytes fault",
    "compare": "mended_by mended_by_layers",
    "diagnose": "reference_error test_error reference_numbers test_numbers",
    "quantize": "original agree_percent"}
"""What only targets have that need another's compiler, and only code that an assumption leads
astray; of flips, what only the other one has; what only networks have that somebody quantized
before."""


@pytest.mark.slow
def test_other_documents_are_of_their_schema(here, capsys):
    """And those of the commands that a report is made of show every field that there is."""
    other_nets.write(here)
    seen: dict[str, set[str]] = {}
    for words in (*(f"{name} {CASES[name].words}" for name in REPORTED), *OTHERS):
        assert outcome(cli, [*words.split(), "--json"]) in (0, 1), words
        name, document = words.split()[0], json.loads(capsys.readouterr().out)
        jsonschema.validate(document, schema(name))
        seen.setdefault(name, set()).update(keys(document))
    for name in REPORTED:
        known = {key for found in schema(name)["$defs"].values() for key in found["properties"]}
        assert known - seen[name] == set(UNSEEN.get(name, "").split()), name


def test_schemas_are_current():
    """`make schemas` writes them."""
    made = {f"dsplet.{name}.1.json": found for name, found in schemas().items()}
    for found in made.values():
        jsonschema.Draft202012Validator.check_schema(found)
    assert {f.name: json.loads(f.read_text()) for f in SCHEMAS.glob("*.json")} == made


def test_a_schema_refuses_what_is_not_in_it(here, capsys):
    outcome(cli, ["simulate", "small.q.onnx", "--json"])
    document = json.loads(capsys.readouterr().out)
    less = {k: v for k, v in document.items() if k != "latency_ms"}
    for wrong in (less, document | {"more": 1}, document | {"cycles": "many"},
                  document | {"budget": None}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema("simulate"))


# --- options and requests -------------------------------------------------------------------------

@pytest.mark.parametrize("name", COMMANDS)
def test_options_are_the_requests_fields(name):
    """By name and by default: a workflow that is called does what the command does."""
    words: list[str] = []
    for needed in (p for p in command(name).params if p.required):
        words += needed.opts[:1] if isinstance(needed, click.Option) else []
        words.append(getattr(needed.type, "choices", ["file"])[0])
    whole = cli.make_context("dsplet", [], resilient_parsing=True)  # knows that -h is help
    with command(name).make_context(name, words, parent=whole) as context:
        given = {k: v for k, v in context.params.items() if k not in FORMS}
    request = import_module(f"dsplet.workflows.{name}").Request
    assert {f.name for f in fields(request)} == set(given)
    assert all(given[f.name] == f.default for f in fields(request) if f.default is not MISSING)


@pytest.mark.parametrize("name, option, known", [
    ("simulate", "goal", GOALS), ("emit", "goal", GOALS), ("conformance", "machine", PROGRAMS)])
def test_the_command_line_knows_what_there_is(name, option, known):
    """It names them itself, so that --help imports nothing."""
    found = next(p for p in command(name).params if p.name == option)
    assert list(found.type.choices) == list(known)


# --- how commands end -----------------------------------------------------------------------------

def raising(error: BaseException) -> Callable[..., None]:
    def run(*given: object) -> None:
        raise error
    return run


def test_a_gate_that_fails_is_1(here, capsys):
    assert outcome(cli, "simulate small.q.onnx --budget 100cycles".split()) == 1
    assert "100cycles" in capsys.readouterr().out


def test_a_fault_of_ours_is_70_and_a_paragraph(here, capsys, monkeypatch):
    monkeypatch.setattr(simulate, "run", raising(ZeroDivisionError("division\nby zero")))
    words = ["simulate", "a file.onnx", "-O", "time"]
    assert outcome(cli, words) == 70
    said = capsys.readouterr()
    assert said.out == "" and "Traceback" not in said.err
    assert said.err.splitlines()[0] == "fault: ZeroDivisionError: division by zero"
    for wanted in (f"dsplet {version('dsplet')}", "dsplet simulate 'a file.onnx' -O time",
                   "please report it with the file that caused it"):
        assert wanted in said.err
    monkeypatch.setenv("DSPLET_DEBUG", "1")
    assert outcome(cli, words) == 70
    said = capsys.readouterr()
    assert said.err.startswith("Traceback") and "raise error" in said.err


@pytest.mark.parametrize("error, code, told", [
    (KeyboardInterrupt(), 130, "interrupted"),
    (FileNotFoundError(2, "No such file or directory", "gone.onnx"), 2,
     "error: gone.onnx: No such file or directory"),
    (ModuleNotFoundError("no torch", name="torch.nn"), 2,
     "error: this needs torch.nn, which is not installed: pip install 'dsplet[train]'"),
    (ModuleNotFoundError("none", name="dsplet.gone"), 70, "fault: ModuleNotFoundError: none")])
def test_what_else_can_happen(error, code, told, capsys, monkeypatch):
    monkeypatch.setattr(simulate, "run", raising(error))
    assert outcome(cli, ["simulate", "x.onnx"]) == code
    assert capsys.readouterr().err.splitlines()[0] == told


def test_who_reads_no_further_is_141():
    """As in `dsplet budgets | head -1`, with nothing said about it."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-m", "dsplet", "budgets", "--json"], stdout=write,
                          stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_help_and_version(capsys):
    assert outcome(cli, ["--help"]) == outcome(cli, ["simulate", "-h"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n{heading}:\n" in said for heading in SECTIONS)
    assert all(f"\n  {name} " in said for name in COMMANDS)
    assert outcome(cli, ["--version"]) == 0
    assert outcome(cli, []) == 2
