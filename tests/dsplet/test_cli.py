"""The command line: what it prints, what it refuses, and what it leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from dsplet.cli import cli
from dsplet.cli.outcome import outcome
from dsplet.quantize.float import from_onnx
from dsplet.quantize.ptq.recipe import Recipe, quantize
from dsplet.quantize.qdq import from_qdq, to_qdq
from tests.dsplet.small_nets import FACTS, digit_net
from tests.quantize.onnx_nets import model, node, random

pytestmark = pytest.mark.slow


def dsplet(*words, folder: Path) -> subprocess.CompletedProcess:
    """How the command ends and what it prints, in this process: most of what a new one takes would
    be its imports. `started` has one."""
    out, err = StringIO(), StringIO()
    with chdir(folder), redirect_stdout(out), redirect_stderr(err):
        code = outcome(cli, [*map(str, words)])
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def started(*words, folder: Path) -> subprocess.CompletedProcess:
    """The same in a process of its own."""
    return subprocess.run([sys.executable, "-m", "dsplet", *map(str, words)], cwd=folder,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)


def refusal(*words, folder: Path) -> str:
    """The one line that a refused command prints; exit code 2, nothing else, nothing written."""
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    done = dsplet(*words, folder=folder)
    assert done.returncode == 2, done.stderr
    assert done.stdout == "" and "Traceback" not in done.stderr
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
    return done.stderr.rstrip("\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """small.onnx and small.q.onnx."""
    path = tmp_path_factory.mktemp("cli")
    (path / "small.onnx").write_bytes(digit_net().SerializeToString())
    x = np.random.default_rng(0).uniform(0, 1, (50, 1, 8, 8)).astype(np.float32)
    fixed = quantize(from_onnx.load(path / "small.onnx"), x, Recipe(), metadata=FACTS)
    to_qdq.save(fixed, path / "small.q.onnx")
    return path


def test_a_process_of_its_own_ends_and_prints_alike(folder):
    for words in (("simulate", "small.q.onnx", "--budget", "100cycles", "--json"),
                  ("simulate", "none.q.onnx"), ("compare", "small.onnx", "small.q.onnx")):
        own, here = (run(*words, folder=folder) for run in (started, dsplet))
        assert (own.returncode, own.stdout, own.stderr) == (
            here.returncode, here.stdout, here.stderr)


# --- what works -----------------------------------------------------------------------------------

def test_help_is_quick_and_imports_nothing_heavy():
    code = ("import sys; from dsplet import cli; from click.testing import CliRunner; "
            "r = CliRunner().invoke(cli.cli, ['--help']); assert r.exit_code == 0; "
            "print(sorted({m.split('.')[0] for m in sys.modules} & "
            "{'torch', 'onnx', 'onnxruntime', 'sklearn', 'scipy', 'numpy', 'rich'}))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_simulate_as_json(folder):
    done = dsplet("simulate", "small.q.onnx", "--samples", 7, "--budget", "1ms", "--json",
                  folder=folder)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["schema"] == "dsplet.simulate/1"
    assert report["samples"] == 7 and report["differing_integers"] == 0
    *layers, total = report["layers"]
    assert total["cycles"] == pytest.approx(report["cycles"]) == sum(r["cycles"] for r in layers)
    assert total["macs"] == total["mac"] == 4 * 36 * 9 + 360
    assert report["latency_ms"] == pytest.approx(report["cycles"] * 1e-4)  # 100 ns a cycle
    assert report["budget"][0]["met"] and {r["region"] for r in report["memory"]} == {
        "RAM0", "RAM1", "RAM2", "MEM A"}


def test_a_missed_budget_is_exit_code_1(folder):
    done = dsplet("simulate", "small.q.onnx", "--budget", "100cycles", folder=folder)
    assert done.returncode == 1 and "100cycles" in done.stdout
    faster = dsplet("simulate", "small.q.onnx", "--target", "dsp32c-50", "--json", folder=folder)
    assert json.loads(faster.stdout)["clock_mhz"] == 50


def test_simulate_traces(folder):
    done = dsplet("simulate", "small.q.onnx", "--trace", 50, folder=folder)
    lines = done.stdout[done.stdout.index("-- x"):].splitlines()
    assert sum(not line.startswith("--") for line in lines) == 50
    assert lines[1].split()[:2] == ["0.00", "000000"]


def test_compare_float_with_fixed_and_fixed_with_itself(folder):
    same = dsplet("compare", "small.q.onnx", "small.q.onnx", "--json", folder=folder)
    report = json.loads(same.stdout)
    assert report["flips"] == [] and report["mcnemar_p"] == 1 and report["samples"] == 360
    done = dsplet("compare", "small.onnx", "small.q.onnx", "--samples", 100, "--json",
                  folder=folder)
    report = json.loads(done.stdout)
    assert report["schema"] == "dsplet.compare/1"
    assert {r["op"] for r in report["layers"]} >= {"Conv", "Gemm", "MaxPool"}
    assert sum(sum(v for k, v in row.items() if k != "label")
               for row in report["confusion_test"]) == 100


def test_quantize_takes_the_word_of_the_options(folder, tmp_path):
    words = ("quantize", folder / "small.onnx", "--data", "digits", "--input-scale", "1/256",
             "--calibrate", 60, "--json", "-o")
    a = dsplet(*words, tmp_path / "a.q.onnx", folder=tmp_path)
    assert a.returncode == 0, a.stderr
    assert json.loads(a.stdout)["input"] == "UQ0.8"
    dsplet(*words, tmp_path / "b.q.onnx", folder=tmp_path)
    assert (tmp_path / "a.q.onnx").read_bytes() == (tmp_path / "b.q.onnx").read_bytes()
    done = dsplet("simulate", "a.q.onnx", "--samples", 20, "--json", folder=tmp_path)
    assert json.loads(done.stdout)["differing_integers"] == 0


def test_emit_writes_the_same_bytes_twice(folder, tmp_path):
    for run in ("one", "two"):
        for form in ("c", "kernels", "image", "listing", "symbols"):
            done = dsplet("emit", folder / "small.q.onnx", "--format", form, "-o", tmp_path / run,
                          folder=folder)
            assert done.returncode == 0, done.stderr
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / r).iterdir()} for r in ("one", "two"))
    assert one == two
    assert set(one) == {"small.c", "small.h", "small.kernels", "small.s28", "small.listing",
                        "small.symbols"}


@pytest.mark.parametrize("command, schema", [("zoo", "dsplet.zoo/1"), ("ops", "dsplet.ops/1"),
                                             ("targets", "dsplet.targets/1")])
def test_lists(command, schema, tmp_path):
    assert json.loads(dsplet(command, "--json", folder=tmp_path).stdout)["schema"] == schema
    assert dsplet(command, folder=tmp_path).returncode == 0


def test_conformance(shared, tmp_path):
    done = dsplet("conformance", "dsp32c", shared / "conformance/dsp32c_vectors.json",
                  folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "469 passed, 0 failed\n")


def test_a_vector_that_fails_is_shown(shared, tmp_path):
    vectors = json.loads((shared / "conformance/dsp32c_vectors.json").read_text())
    vectors["vectors"] = vectors["vectors"][:3]
    vectors["vectors"][1]["final"]["pc"] = "000004"
    (tmp_path / "v.json").write_text(json.dumps(vectors))
    done = dsplet("conformance", "dsp32c", "v.json", folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "2 passed, 1 failed"
    assert "pc is 000114, expected 000004" in done.stdout


KEYS = {
    "simulate": "schema network arithmetic target samples first_samples accuracy_percent "
                "differing_integers compared_with layers items not_included memory "
                "smallest_headroom_bits cycles worst_case_cycles worst_case_differs_for "
                "cycles_per_mac clock_mhz latency_ms passed",
    "compare": "schema reference test samples reference_accuracy_percent test_accuracy_percent "
               "agree_percent mcnemar_p output_sqnr_db flips confusion_reference confusion_test "
               "layer_samples layers",
    "quantize": "schema file recipe data calibration_samples input layers notes",
    "ledger": "schema network samples accumulator_bits entries overflows passed",
    "zoo": "schema models accuracy chip published",
    "budgets": "schema budgets rates",
    "targets": "schema parts boards memory assumptions",
    "ops": "schema fixed_point read_from_onnx"}
ROWS = {
    ("simulate", "layers"): "layer op macs cycles worst_case lower_bound mac other nop bank_stall "
                            "wait_stall cycles_per_mac",
    ("simulate", "items"): "item cycles stalls percent",
    ("simulate", "memory"): "region used_bytes bytes wait_states holds",
    ("simulate", "first_samples"): "index label read_as cycles",
    ("compare", "layers"): "value op format sqnr_db at_min at_max elements",
    ("quantize", "layers"): "layer op output weights accumulator_bits headroom_bits",
    ("ledger", "entries"): "value op format low high saturated elements clip_loss_db sum_bound "
                           "sum_seen proved_bits headroom_bits",
    ("zoo", "models"): "model title input data weights links macs",
    ("zoo", "accuracy"): "model data train_samples epochs samples float_accuracy_percent "
                         "fixed_accuracy_percent executed differing_integers",
    ("zoo", "chip"): "model data board bytes cycles cycles_per_mac latency_ms budget budget_ms met",
    ("budgets", "budgets"): "name kind latency_ms links macs source system",
    ("ops", "fixed_point"): "op meaning"}


@pytest.mark.parametrize("command", KEYS)
def test_json_keys(command, folder, tmp_path):
    words = {"simulate": [folder / "small.q.onnx"], "ledger": [folder / "small.q.onnx"],
             "compare": [folder / "small.onnx", folder / "small.q.onnx", "--samples", 9],
             "quantize": [folder / "small.onnx", "-o", "a.q.onnx", "--data", "digits",
                          "--input-scale", "1/256"]}.get(command, [])
    report = json.loads(dsplet(command, *words, "--json", folder=tmp_path).stdout)
    assert list(report) == KEYS[command].split() and report["schema"] == f"dsplet.{command}/1"
    for (of, table), columns in ROWS.items():
        if of == command:
            assert all(list(row) == columns.split() for row in report[table])


def test_a_ledger_that_does_not_balance_names_the_input(folder, tmp_path):
    words = ("ledger", folder / "small.q.onnx", "--accumulator-bits", 12, "--witness", "w.npz")
    done = dsplet(*words, "--json", folder=tmp_path)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["overflows"] and not report["passed"] and report["samples"] == 360
    nodes = {n.name: n for n in from_qdq.load(folder / "small.q.onnx").nodes}
    with np.load(tmp_path / "w.npz") as inputs:
        for row in report["overflows"]:
            x = inputs[f"{row['layer']}/{nodes[row['layer']].inputs[0].name}"]
            acc = nodes[row["layer"]].accumulate(x[None])
            assert np.abs(acc).max() == row["reached"] >= 2**11
    assert "overflows" in dsplet(*words, folder=tmp_path).stdout


def test_quantize_follows_a_recipe_file_and_says_how_stable_it_is(folder, tmp_path):
    (tmp_path / "mine.toml").write_text('rounding = {algorithm = "adaround", sweeps = 1}\n'
                                        'weight_bits = 3\n')
    words = ("quantize", folder / "small.onnx", "-o", "a.q.onnx", "--data", "digits",
             "--input-scale", "1/256", "--recipe", "mine.toml", "--calibrate", 60,
             "--stability", 2, "--json")
    done = dsplet(*words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["recipe"] == "mine.toml"
    assert [r["calibration"] for r in report["draws"]] == ["all samples", "draw 1", "draw 2"]
    assert report["draws"][0]["flips_from_all_samples"] is None and report["samples"] == 360
    assert {r["of"] for r in report["formats_drawn"]} >= {"x", "y"}
    recipe = json.loads(dict(from_qdq.load(tmp_path / "a.q.onnx").metadata)["dsplet.recipe"])
    assert recipe["rounding"]["sweeps"] == 1 and recipe["weight_bits"] == 3
    again = json.loads(dsplet(*words, folder=tmp_path).stdout)
    assert again == report


def test_images_of_ones_own(folder, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8), np.uint8)
    np.save(tmp_path / "mine.npy", images)
    np.savez(tmp_path / "mine.npz", images=images)
    seen = [json.loads(dsplet("simulate", folder / "small.q.onnx", "--images", name, "--json",
                              folder=tmp_path).stdout) for name in ("mine.npy", "mine.npz")]
    assert seen[0] == seen[1] and seen[0]["samples"] == 3 and seen[0]["differing_integers"] == 0
    assert seen[0]["accuracy_percent"] is None
    assert [r["label"] for r in seen[0]["first_samples"]] == [None] * 3


def test_a_listing_and_a_trace_in_files(folder, tmp_path):
    done = dsplet("simulate", folder / "small.q.onnx", "--listing", "a.lst", "--trace", 30,
                  "--trace-file", "a.trace", "--json", folder=tmp_path)
    assert done.returncode == 0 and json.loads(done.stdout)["trace_file"] == "a.trace"
    lines = (tmp_path / "a.trace").read_text().splitlines()
    assert sum(not line.startswith("--") for line in lines) == 30
    dsplet("emit", folder / "small.q.onnx", "--format", "listing", folder=tmp_path)
    assert (tmp_path / "a.lst").read_text() == (tmp_path / "small.listing").read_text()


# --- what is refused ------------------------------------------------------------------------------

def test_files_that_are_no_networks(folder, tmp_path):
    (tmp_path / "text.onnx").write_text("hello")
    whole = (folder / "small.onnx").read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[:len(whole) // 2])
    to = ("-o", "out.q.onnx", "--data", "digits")
    assert refusal("quantize", "text.onnx", *to, folder=tmp_path) == (
        "error: text.onnx: not an ONNX file")
    assert "cut.onnx: the file is cut short or damaged" in refusal(
        "quantize", "cut.onnx", *to, folder=tmp_path)
    assert refusal("quantize", "none.onnx", *to, folder=tmp_path) == (
        "error: none.onnx: no such file")


def test_unsupported_ops_are_all_listed(tmp_path):
    net = model([node("Det", "x", "d"), node("Sin", "d", "s"), node("NonZero", "s", "y")],
                {"x": (1, 8, 8)})
    (tmp_path / "odd.onnx").write_bytes(net.SerializeToString())
    message = refusal("quantize", "odd.onnx", "-o", "o.q.onnx", folder=tmp_path)
    for op, name in (("Det", "Det_d"), ("NonZero", "NonZero_y")):
        assert op in message and name in message


def test_a_file_quantized_by_others_needs_no_data(tmp_path):
    scales = {"a": np.float32(1 / 32), "az": np.uint8(100), "b": np.float32(1 / 64),
              "bz": np.uint8(0), "w": random("w", 4, 3)}
    net = model([node("QuantizeLinear", "x a az", "q"), node("DequantizeLinear", "q a az", "d"),
                 node("MatMul", "d w", "h"), node("QuantizeLinear", "h b bz", "p"),
                 node("DequantizeLinear", "p b bz", "y")], {"x": (4,)}, scales)
    (tmp_path / "their.onnx").write_bytes(net.SerializeToString())
    words = ("quantize", "their.onnx", "-o", "a.q.onnx")
    done = dsplet(*words, "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["data"].startswith("none") and report["calibration_samples"] == 0
    assert report["input"] == "Q3.4" and report["original"][0]["samples"] == 256
    assert report["original"][0]["sqnr_db"] > 25 and report["original"][0]["agree_percent"] > 80
    jsonschema.validate(report, json.loads(
        Path("docs/schemas/dsplet.quantize.1.json").read_text()))
    assert "leave out --stability" in refusal(*words, "--stability", 2, folder=tmp_path)
    found = json.loads(dsplet("ops", "--check", "their.onnx", "--json", folder=tmp_path).stdout)
    assert [n["op"] for n in found["needs"]] == ["DequantizeLinear", "MatMul", "QuantizeLinear"]


def test_a_dynamic_shape(tmp_path):
    net = model([node("Relu", "x", "y")], {"x": (1, "height", 8)})
    (tmp_path / "free.onnx").write_bytes(net.SerializeToString())
    assert "axis 2 of the input 'x' is not fixed (height)" in refusal(
        "quantize", "free.onnx", "-o", "o.q.onnx", folder=tmp_path)


def test_weights_that_are_no_numbers(tmp_path):
    w = random("w", 4, 1, 3, 3)
    w[1, 0, 2, 2] = np.nan
    (tmp_path / "nan.onnx").write_bytes(digit_net(w=w).SerializeToString())
    message = refusal("quantize", "nan.onnx", "-o", "o.q.onnx", folder=tmp_path)
    assert "'w'" in message and "NaN" in message


def test_inputs_that_are_no_images(tmp_path):
    net = model([node("Gemm", "x w", "y", transB=1)], {"x": (12,)}, {"w": random("w", 4, 12)})
    (tmp_path / "flat.onnx").write_bytes(net.SerializeToString())
    assert "samples of shape (8, 8), the network reads (12,)" in refusal(
        "quantize", "flat.onnx", "-o", "o.q.onnx", "--data", "digits", "--input-scale", "1",
        folder=tmp_path)


def test_data_that_is_missing_empty_or_odd(folder, tmp_path):
    q = folder / "small.q.onnx"
    np.savez(tmp_path / "empty.npz", images=np.zeros((0, 8, 8), np.uint8),
             labels=np.zeros(0, np.uint8))
    np.savez(tmp_path / "odd.npz", images=np.zeros((3, 8), np.uint8), labels=np.zeros(3, np.uint8))
    assert "has no test samples" in refusal("simulate", q, "--data", "empty.npz", folder=tmp_path)
    assert "samples of shape (8,), the network reads (1, 8, 8)" in refusal(
        "simulate", q, "--data", "odd.npz", folder=tmp_path)
    assert "none.npz: no such file" in refusal("simulate", q, "--data", "none.npz",
                                               folder=tmp_path)
    assert "no data set is named 'digit'" in refusal("simulate", q, "--data", "digit",
                                                     folder=tmp_path)
    assert "name it with --data" in refusal("quantize", folder / "small.onnx", "-o", "o.q.onnx",
                                            folder=tmp_path)


def test_a_budget_by_name(folder):
    done = dsplet("simulate", "small.q.onnx", "--budget", "zip1989/published", "--json",
                  folder=folder)
    budget, = json.loads(done.stdout)["budget"]
    assert budget["budget"] == "zip1989/published" and budget["allowed_cycles"] == 333_000
    message = refusal("simulate", folder / "small.q.onnx", "--budget=zip1998/published",
                      folder=folder)
    assert "did you mean 'zip1989/published'" in message and "dsplet budgets" in message


def test_targets_boards_and_budgets_that_are_unknown(folder, tmp_path):
    q = folder / "small.q.onnx"
    assert refusal("simulate", q, "--target", "dsp56k", folder=tmp_path) == (
        "error: unknown target 'dsp56k': expected one of dsp32c-40, dsp32c-50")
    assert "expected one of 1989, 1991" in refusal("simulate", q, "--board", "2001",
                                                   folder=tmp_path)
    for budget in ("12", "fastms", "-3ms", "ms"):
        message = refusal("simulate", q, f"--budget={budget}", folder=tmp_path)
        assert f"budget '{budget}' is not understood" in message


def test_a_float_network_is_not_simulated(folder, tmp_path):
    net = folder / "small.onnx"
    assert f"`dsplet quantize {net} -o small.q.onnx`" in refusal("simulate", net, folder=tmp_path)


def test_models_and_checkpoints_that_do_not_exist(tmp_path):
    assert "did you mean 'zip1989'?" in refusal("train", "zip1988", folder=tmp_path)
    assert "no such file: `dsplet train` makes one" in refusal(
        "export", "none.safetensors", "-o", "o.onnx", folder=tmp_path)
    assert refusal("emit", "none.q.onnx", "--format", "c", folder=tmp_path) == (
        "error: none.q.onnx: no such file")


def test_a_folder_that_does_not_exist(folder, tmp_path):
    assert "there is no folder" in refusal(
        "quantize", folder / "small.onnx", "-o", "nowhere/o.q.onnx", "--data", "digits",
        "--input-scale", "1/256", folder=tmp_path)


def test_a_stream_refuses_what_it_does_not_report(folder):
    """A budget least of all may go unheeded."""
    for option in (("--budget", "1ms"), ("-O", "memory"), ("--profile",), ("--map",),
                   ("--listing", "l.txt"), ("--arithmetic", "float")):
        message = refusal("simulate", folder / "small.q.onnx", "--stream", *option, folder=folder)
        assert f"leave out {' '.join(option) if option[-1] == 'float' else option[0]}" in message
    assert not (folder / "l.txt").exists()


def test_a_network_that_is_too_large_for_the_board(tmp_path):
    net = model([node("Flatten", "x", "f"), node("Gemm", "f w", "h", transB=1),
                 node("Gemm", "h v", "y", transB=1)], {"x": (1, 16, 16)},
                {"w": random("w", 2000, 256), "v": random("v", 10, 2000)})
    (tmp_path / "big.onnx").write_bytes(net.SerializeToString())
    x = np.random.default_rng(0).uniform(0, 1, (8, 1, 16, 16)).astype(np.float32)
    to_qdq.save(quantize(from_onnx.load(tmp_path / "big.onnx"), x, Recipe(), metadata=FACTS),
                tmp_path / "big.q.onnx")
    message = refusal("simulate", "big.q.onnx", folder=tmp_path)
    assert "B too little" in message and "weight of Gemm_h 512,000 B (packed as bytes)" in message


def test_files_survive_a_failure(folder, tmp_path):
    (tmp_path / "keep.q.onnx").write_bytes(b"precious")
    refusal("quantize", folder / "small.onnx", "-o", "keep.q.onnx", "--weight-bits", 40, "--data",
            "digits", "--input-scale", "1", folder=tmp_path)
    assert (tmp_path / "keep.q.onnx").read_bytes() == b"precious"


def test_one_line_says_it_all(folder, tmp_path):
    """Word for word."""
    q = folder / "small.q.onnx"
    np.savez(tmp_path / "empty.npz", images=np.zeros((0, 8, 8), np.uint8),
             labels=np.zeros(0, np.uint8))
    np.save(tmp_path / "rgb.npy", np.zeros((2, 8, 8, 3), np.uint8))
    (tmp_path / "nets.py").write_text("def three():\n    return 3\ndef fails():\n    1 / 0\n")
    for words, wanted in (
            (("simulate", q, "--images", "rgb.npy"),
             "rgb.npy: 'x' has samples of shape (8, 8, 3), the network reads (1, 8, 8)"),
            (("simulate", q, "--data", "empty.npz"),
             "empty.npz: has no test samples: name data that have some with --data (digits, mnist, "
             "usps or a file of your own)"),
            (("simulate", q, "--samples", 0),
             "--samples is '0'; expected a positive number or all"),
            (("simulate", q, "--target", "dsp32c40"),
             "unknown target 'dsp32c40': expected one of dsp32c-40, dsp32c-50; did you mean "
             "'dsp32c-40'?"),
            (("quantize", q, "-o", "o.q.onnx"), f"{q}: is fixed point already"),
            (("quantize", folder / "small.onnx", "-o", "o.q.onnx", "--data", "digits",
              "--input-scale", "1/0"), "'1/0' is not a number; expected one such as 0.5 or 1/256"),
            (("emit", q, "--format", "c", "--name", "3x"),
             "'3x' cannot name C functions; expected letters, digits and _, a letter first, at "
             "most 100, and no word of the language: give one with --name"),
            (("export", "nets.py:three", "--input", "1x8x8", "-o", "o.onnx"),
             "nets.py:three: gives a int; expected a torch.nn.Module"),
            (("export", "nets.py:fails", "--input", "1x8x8", "-o", "o.onnx"),
             "nets.py:fails: the function failed: ZeroDivisionError: division by zero"),
            (("export", "nets.py:three", "-o", "o.onnx"),
             "say what the network reads, such as --input 1x28x28"),
            (("simulate",), "Missing argument 'SOURCE'. See dsplet simulate --help.")):
        assert refusal(*words, folder=tmp_path) == f"error: {wanted}"


def test_a_list_of_problems_is_one_line(tmp_path):
    net = model([node("Det", "x", "d"), node("NonZero", "d", "y")], {"x": (1, 8, 8)})
    (tmp_path / "odd.onnx").write_bytes(net.SerializeToString())
    message = refusal("quantize", "odd.onnx", "-o", "o.q.onnx", folder=tmp_path)
    assert message == (
        "error: odd.onnx: 2 node(s) are not supported: Det 'Det_d'; NonZero 'NonZero_y': "
        "`dsplet ops` lists what is, `dsplet ops --check odd.onnx` says it node by node")


def test_a_file_is_checked_without_quantizing_it(tmp_path):
    nodes = [node("Relu", "x", "r"), node("Det", "r", "d"), node("ReduceMean", "r", "y")]
    net = model(nodes, {"x": (1, 8, 8)}, outputs=("d", "y"))
    (tmp_path / "odd.onnx").write_bytes(net.SerializeToString())
    done = dsplet("ops", "--check", "odd.onnx", "--json", folder=tmp_path)
    found = json.loads(done.stdout)
    assert done.returncode == 1 and not found["passed"] and found["opset"] == 21
    assert found["needs"] == [{"op": "Det", "nodes": 1, "refused": 1},
                              {"op": "ReduceMean", "nodes": 1, "refused": 1},
                              {"op": "Relu", "nodes": 1, "refused": 0}]
    assert [(r["op"], r["node"]) for r in found["refused"]] == [
        ("Det", "Det_d"), ("ReduceMean", "ReduceMean_y")]
    schema = json.loads(Path("docs/schemas/dsplet.ops.1.json").read_text())
    jsonschema.validate(found, schema)
    net = model(nodes[:1], {"x": (1, 8, 8)}, outputs=("r",))
    (tmp_path / "plain.onnx").write_bytes(net.SerializeToString())
    done = dsplet("ops", "--check", "plain.onnx", folder=tmp_path)
    assert done.returncode == 0 and "refused: none" in done.stdout and "passed: yes" in done.stdout
    assert "none.onnx: no such file" in refusal("ops", "--check", "none.onnx", folder=tmp_path)


def test_pytorch_that_is_not_installed(tmp_path):
    code = ("import sys; sys.modules['torch'] = None; sys.argv = ['dsplet', 'train', 'zip1989']; "
            "from dsplet import cli; cli.main()")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (
        2, "", "error: this needs torch, which is not installed: pip install 'dsplet[train]'\n")


def test_simulate_in_float_beside_fixed(folder):
    done = dsplet("simulate", "small.onnx", "--arithmetic", "float", "--beside", "small.q.onnx",
                  "--samples", 20, "--data", "digits", "--input-scale", "1/256", "--json",
                  folder=folder)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["arithmetic"] == "float" and report["passed"]
    assert report["differing_numbers"] == report["differing_answers"] == 0
    assert report["cycles"] == report["worst_case_cycles"]
    ours, theirs = report["side_by_side"]
    assert (ours["arithmetic"], theirs["arithmetic"]) == ("float", "fixed")
    assert ours["cycles"] == report["cycles"] and theirs["samples"] == 20
    fixed = json.loads(dsplet("simulate", "small.q.onnx", "--samples", 20, "--json",
                              folder=folder).stdout)
    assert theirs["cycles"] == fixed["cycles"]
    assert theirs["accuracy_percent"] == fixed["accuracy_percent"]


def test_float_arithmetic_wants_a_float_network(folder):
    line = refusal("simulate", "small.q.onnx", "--arithmetic", "float", folder=folder)
    assert line.startswith("error: small.q.onnx: is fixed point") and "\n" not in line
