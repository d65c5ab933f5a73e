"""The command line: what it prints, and what it leaves behind."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from dsplet.quantize.qdq import from_qdq
from dsplet.train import shipped
from tests.dsplet.commands import dsplet, refusal, started
from tests.quantize.onnx_nets import model, node, random

pytestmark = pytest.mark.slow


def test_a_process_of_its_own_ends_and_prints_alike(folder):
    for words in (("simulate", "small.q.onnx", "--budget", "100cycles", "--json"),
                  ("simulate", "none.q.onnx"), ("compare", "small.onnx", "small.q.onnx")):
        own, here = (run(*words, folder=folder) for run in (started, dsplet))
        assert (own.returncode, own.stdout, own.stderr) == (
            here.returncode, here.stdout, here.stderr)


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
    lines = done.stdout[done.stdout.index("-- x"):done.stdout.index("not shown:")].splitlines()
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


@pytest.mark.parametrize("row", shipped.shipped(), ids=lambda row: row.model)
def test_what_came_trained_is_tried_as_it_says(row, tmp_path):
    got = json.loads(dsplet("zoo", "get", row.model, "--json", folder=tmp_path).stdout)
    own, *words = shlex.split(got["go_on"])
    done = json.loads(dsplet(*words, "--json", folder=tmp_path).stdout)
    assert own == "dsplet" and done["passed"] and done["samples"] == row.first
    assert done["accuracy_percent"] == row.first_right


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
    "simulate": "schema provenance network arithmetic target samples accuracy_percent "
                "differing_integers compared_with layers steps network_layers first_samples items "
                "not_included memory smallest_headroom_bits cycles worst_case_cycles "
                "worst_case_differs_for cycles_per_mac clock_mhz latency_ms ram_bytes "
                "read_only_bytes passed",
    "compare": "schema provenance reference test samples reference_accuracy_percent "
               "test_accuracy_percent agree_percent mcnemar_p output_sqnr_db layer_samples layers "
               "flips confusion_reference confusion_test",
    "quantize": "schema file recipe data calibration_samples input layers notes",
    "ledger": "schema provenance network samples accumulator_bits entries overflows passed",
    "zoo": "schema models accuracy chip trained published",
    "budgets": "schema budgets rates",
    "targets": "schema parts boards memory assumptions roundings",
    "ops": "schema fixed_point read_from_onnx"}
ROWS = {
    ("simulate", "layers"): "layer kernel step op macs cycles worst_case lower_bound mac other nop "
                            "bank_stall wait_stall cycles_per_mac",
    ("simulate", "items"): "item cycles stalls percent",
    ("simulate", "memory"): "region address used_bytes bytes wait_states holds",
    ("simulate", "first_samples"): "index label read_as cycles",
    ("compare", "layers"): "layer value op format bits frac signed sqnr_db at_min at_max elements",
    ("quantize", "layers"): "layer op output bits frac signed weights weight_bits weight_fracs "
                            "accumulator_bits headroom_bits",
    ("ledger", "entries"): "layer value op format bits frac signed low high percentile_1 "
                           "percentile_50 percentile_99 saturated elements clip_loss_db sum_bound "
                           "sum_seen proved_bits headroom_bits",
    ("zoo", "models"): "model title input data weights links macs",
    ("zoo", "accuracy"): "model data train_samples epochs seeds samples float_accuracy_percent "
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
            assert list(report[table][0]) == columns.split()
            assert all(set(row) <= set(columns.split()) for row in report[table])


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
    made = [document.pop("provenance") for document in seen]
    assert made[0]["samples"] | {"data": "mine.npz"} == made[1]["samples"]
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


def test_a_budget_by_name(folder):
    done = dsplet("simulate", "small.q.onnx", "--budget", "zip1989/published", "--json",
                  folder=folder)
    budget, = json.loads(done.stdout)["budget"]
    assert budget["budget"] == "zip1989/published" and budget["allowed_cycles"] == 333_000
    message = refusal("simulate", folder / "small.q.onnx", "--budget=zip1998/published",
                      folder=folder)
    assert "did you mean 'zip1989/published'" in message and "dsplet budgets" in message


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
