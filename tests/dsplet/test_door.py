"""Anyone's network with anyone's samples, by the command line and by `import dsplet`: two inputs,
no labels, colours, numbers wanted, several outputs, a state that goes in and out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import dsplet
from dsplet.cli import cli
from dsplet.cli.outcome import outcome
from tests.dsplet.test_architectures import differing_in_c
from tests.quantize import recurrent_nets
from tests.quantize.onnx_nets import model, node, random
from tests.quantize.onnx_nets import run as onnx_runtime

EXAMPLES = Path(__file__).parents[2] / "examples"


def said(capsys, *words: object) -> dict:
    """What a command that goes well prints as --json."""
    assert outcome(cli, [*map(str, words), "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def told(capsys, *words: object) -> str:
    """What a command says that it cannot do."""
    assert outcome(cli, [*map(str, words)]) == 2
    seen = capsys.readouterr()
    assert seen.out == "" and seen.err.count("\n") == 1
    return seen.err


def write(net: onnx.ModelProto, name: str = "net.onnx") -> str:
    onnx.save(net, name)
    return name


def two_inputs() -> onnx.ModelProto:
    """A sequence through a convolution, a vector through a layer, scores of both."""
    return model([node("Conv", "a wa", "c"), node("Relu", "c", "r"),
                  node("GlobalAveragePool", "r", "p"), node("Flatten", "p", "f"),
                  node("Gemm", "b wb", "g"), node("Concat", "f g", "j", axis=1),
                  node("Gemm", "j wy", "y")], {"a": (2, 20), "b": (4,)},
                 {"wa": random("wa", 8, 2, 5), "wb": random("wb", 4, 3), "wy": random("wy", 11, 3)})


def gru_cell(units: int = 5) -> onnx.ModelProto:
    """One step: reading x and state h in; state k and an answer y out."""
    constants = {k: random(k, n, units) for g in "zrn" for k, n in ((f"w{g}", 3), (f"u{g}", units))}
    gates = [node("Sigmoid", f"{g}s", g) for g in "zr"]
    sums = [n for g in "zr" for n in (node("MatMul", f"x w{g}", f"{g}x"),
                                      node("MatMul", f"h u{g}", f"{g}h"),
                                      node("Add", f"{g}x {g}h", f"{g}s"))]
    new = [node("MatMul", "x wn", "nx"), node("MatMul", "h un", "nh"), node("Mul", "r nh", "nr"),
           node("Add", "nx nr", "ns"), node("Tanh", "ns", "n")]
    state = [node("Sub", "h n", "d"), node("Mul", "z d", "zd"), node("Add", "n zd", "k"),
             node("MatMul", "k v", "y")]
    return model([*sums, *gates, *new, *state], {"x": (3,), "h": (units,)},
                 constants | {"v": random("v", units, 2)}, outputs=("y", "k"))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_two_inputs_without_labels(here, capsys):
    net = write(two_inputs())
    x = {"a": random("a", 60, 2, 20), "b": random("b", 60, 4)}
    np.savez("mine.npz", **x)
    made = said(capsys, "quantize", net, "-o", "net.q.onnx", "--data", "mine.npz")
    assert made["input"].startswith("a Q") and ", b Q" in made["input"]
    seen = said(capsys, "compare", net, "net.q.onnx")
    y, z = (onnx_runtime(onnx.load(path), x)[0] for path in (net, "net.q.onnx"))
    assert seen["agree_percent"] == pytest.approx(100 * np.mean(y.argmax(1) == z.argmax(1)))
    assert seen["reference_accuracy_percent"] is None and len(seen["layers"]) > 5
    row, = seen["outputs"]
    assert row["largest_difference"] == pytest.approx(np.abs(y - z).max(), abs=1e-6)
    assert row["rms_difference"] == pytest.approx(np.sqrt(np.mean((y - z)**2)), abs=1e-6)
    assert (row["low"], row["high"]) == pytest.approx((y.min(), y.max()), abs=1e-6)
    worst = seen["differences"][0]
    assert np.abs(y - z)[worst["index"], worst["number"]] == pytest.approx(
        abs(worst["difference"]), abs=1e-6)
    assert said(capsys, "simulate", "net.q.onnx", "--samples", 5)["differing_integers"] == 0
    assert said(capsys, "ledger", "net.q.onnx")["samples"] == 60
    for words in (("diagnose", net, "net.q.onnx"), ("widths", net, "--data", "mine.npz"),
                  ("quantize", net, "-o", "no", "--data", "mine.npz", "--stability", 2)):
        assert "works with networks of one input, and" in told(capsys, *words)


def test_without_data_inputs_are_chance(here, capsys):
    net = write(two_inputs())
    np.savez("mine.npz", a=random("a", 60, 2, 20), b=random("b", 60, 4))
    assert "does not say which data" in told(capsys, "quantize", net, "-o", "net.q.onnx")
    said(capsys, "quantize", net, "-o", "net.q.onnx", "--data", "mine.npz")
    words = "simulate", "net.q.onnx", "--data", "random", "--samples", 3
    first, same, other = (said(capsys, *words, "--seed", seed) for seed in (7, 7, 8))
    assert first == same and first["inputs"] == "random over the inputs' formats, seed 7"
    assert first["first_samples"] != other["first_samples"] and first["differing_integers"] == 0
    assert "expected a positive number or all" in told(capsys, *words[:-1], "none")
    assert dsplet.load("net.q.onnx").simulate(seed=7).inputs == first["inputs"]
    bare = dsplet.load(net).quantize({k: random(k, 60, *s) for k, s in
                                      (("a", (2, 20)), ("b", (4,)))})
    bare.save("bare.q.onnx")  # of which nobody says what it was made for
    assert said(capsys, "simulate", "bare.q.onnx")["inputs"].startswith("random")
    floats = said(capsys, "simulate", net, "--arithmetic", "float")
    assert floats["inputs"] == "random from -1 to 1, seed 0" and floats["differing_numbers"] == 0


def test_numbers_are_wanted(here, capsys):
    net = write(model(
        [node("Gemm", "x w b", "h"), node("Tanh", "h", "t"), node("Gemm", "t v", "y")],
        {"x": (3,)}, {"w": random("w", 3, 8), "b": random("b", 8), "v": random("v", 8, 2)}))
    x = random("x", 80, 3)
    y, = onnx_runtime(onnx.load(net), {"x": x})
    wanted = y + np.random.default_rng(1).normal(0, 0.1, y.shape)
    np.savez("mine.npz", **{"calibration.x": x[:50], "test.x": x[50:], "test.labels": wanted[50:]})
    said(capsys, "quantize", net, "-o", "net.q.onnx", "--data", "mine.npz")
    seen = said(capsys, "compare", net, "net.q.onnx")
    assert seen["samples"] == 30 and "calibrated_on" not in seen and "agree_percent" not in seen
    errors = y[50:] - wanted[50:]
    assert seen["reference_rms_error"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-4)
    assert seen["reference_largest_error"] == pytest.approx(np.abs(errors).max(), rel=1e-4)
    assert seen["reference_accuracy_percent"] is None and seen["test_rms_error"] < 0.2
    ran = said(capsys, "simulate", "net.q.onnx", "--samples", 2)
    assert ran["differing_integers"] == 0 and ran["accuracy_percent"] is None
    assert ran["first_samples"][0]["largest_error"] < 0.5
    assert "the labels are numbers" in told(capsys, "diagnose", net, "net.q.onnx")


def test_one_number_is_no_class(here, capsys):
    net = write(model([node("Gemm", "x w", "y")], {"x": (3,)}, {"w": random("w", 3, 1)}))
    Path("mine.csv").write_text("a,b,c\n" + "\n".join(
        ",".join(map(str, row)) for row in random("x", 40, 3)))
    said(capsys, "quantize", net, "-o", "net.q.onnx", "--data", "mine.csv")
    seen = said(capsys, "compare", net, "net.q.onnx")
    assert "agree_percent" not in seen and seen["flips"] == [] and len(seen["differences"]) == 3
    ran = said(capsys, "simulate", "net.q.onnx")
    assert float(ran["first_samples"][0]["output"]) == pytest.approx(
        onnx_runtime(onnx.load(net), {"x": random("x", 40, 3)[:1]})[0][0, 0], abs=0.1)
    Path("classes.csv").write_text("label,b,c,d\n1,0.5,0.25,0\n0,1,1,1\n")
    assert "one number where classes would have a score each" in told(
        capsys, "compare", net, "net.q.onnx", "--data", "classes.csv")
    assert "the samples have no labels" in told(capsys, "widths", net, "--data", "mine.csv")


def test_colours_from_a_folder(here, capsys):
    net = write(model([node("Conv", "x w b", "c", strides=[2, 2]), node("Relu", "c", "r"),
                       node("GlobalAveragePool", "r", "p"), node("Flatten", "p", "f"),
                       node("Gemm", "f v", "y")], {"x": (3, 10, 10)},
                      {"w": random("w", 6, 3, 3, 3), "b": random("b", 6), "v": random("v", 6, 2)}))
    levels = np.random.default_rng(3).integers(0, 256, (12, 10, 10, 3), np.uint8)
    for i, pixels in enumerate(levels):
        folder = Path("shots") / ("cat", "dog")[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{i:02}.png")
    scale = "--input-scale", "1/58,1/57,1/57", "--input-offset", "-2.1,-2,-1.8"
    assert "--input-scale" in told(capsys, "quantize", net, "-o", "n.q.onnx", "--data", "shots")
    said(capsys, "quantize", net, "-o", "net.q.onnx", "--data", "shots", *scale)
    seen = said(capsys, "compare", net, "net.q.onnx")
    by_class = levels[[*range(0, 12, 2), *range(1, 12, 2)]] * [1 / 58, 1 / 57, 1 / 57]
    x = np.moveaxis(by_class - [2.1, 2, 1.8], 3, 1).astype(np.float32)
    read = onnx_runtime(onnx.load(net), {"x": x})[0].argmax(1)
    assert seen["reference_accuracy_percent"] == pytest.approx(
        100 * np.mean(read == np.repeat([0, 1], 6)))
    assert said(capsys, "simulate", "net.q.onnx", "--samples", "all")["differing_integers"] == 0
    assert said(capsys, "diagnose", net, "net.q.onnx", "--samples", 3)["calibrated_on"] == (
        "3 of these 3 samples")
    Image.fromarray(levels[0, :8]).save("shots/cat/odd.png")
    assert "8 rows of 10 pixels, the network reads 10 of 10: --resize" in told(
        capsys, "compare", net, "net.q.onnx", "--data", "shots/cat")
    assert said(capsys, "compare", net, "net.q.onnx", "--data", "shots/cat",
                "--resize")["samples"] == 7


@pytest.mark.slow
def test_a_state_in_and_out(here, capsys):
    """Step after step: what the chip gives as state goes in as state again."""
    net = write(gru_cell())
    x, states = random("x", 40, 3), [np.zeros((1, 5), np.float32)]
    for i in range(40):
        _, state = onnx_runtime(onnx.load(net), {"x": x[i:i + 1], "h": states[-1]})
        states.append(state)
    np.savez("steps.npz", x=x, h=np.concatenate(states[:-1])[None])  # (1, N, units)
    said(capsys, "quantize", net, "-o", "net.q.onnx", "--data", "steps.npz")
    seen = said(capsys, "compare", net, "net.q.onnx")
    assert [row["output"] for row in seen["outputs"]] == ["y", "k"]
    assert min(row["sqnr_db"] for row in seen["outputs"]) > 25
    said(capsys, "emit", "net.q.onnx", "--format", "c", "--name", "net")
    given = {"x": x[:9], "h": np.concatenate(states[:9])}
    assert differing_in_c(here, here / "net.q.onnx", given) == 0
    fixed, h = dsplet.load("net.q.onnx"), np.zeros((1, 5))
    assert fixed.output_shapes == {"y": (2,), "k": (5,)}
    for i in range(5):
        h = fixed.outputs({"x": x[i:i + 1], "h": h})["k"]
        assert fixed.simulate({"x": x[i:i + 1], "h": h}).differing_integers == 0
    np.testing.assert_allclose(h, states[5], atol=0.06)


def test_a_sequence_element_by_element(here, capsys):
    """A loop over time, one step a call on the chip and in C."""
    net = write(recurrent_nets.cell("GRU", output="last"))
    shape = dsplet.load(net).input_shape
    np.save("mine.npy", random("mine", 30, *shape))
    said(capsys, "quantize", net, "-o", "net.q.onnx", "--data", "mine.npy")
    ran = said(capsys, "simulate", "net.q.onnx", "--stream", "--samples", 3)
    assert (ran["differing_integers"], ran["steps"], ran["samples"]) == (0, shape[0], 3)
    assert ran["calibrated_on"] == "3 of these 3 samples"
    drawn = said(capsys, "simulate", "net.q.onnx", "--stream", "--data", "random")
    assert drawn["differing_integers"] == 0 and drawn["inputs"].endswith("seed 0")
    said(capsys, "emit", "net.q.onnx", "--format", "c", "--stream", "--name", "net")
    header = Path("net.h").read_text()
    assert "net_reset(" in header and "net_step(" in header


@pytest.mark.slow
def test_three_more_of_somebodys_networks(here, capsys):
    """As docs/data.md tells it."""
    pytest.importorskip("torch")
    subprocess.run([sys.executable, EXAMPLES / "others.py"], check=True, capture_output=True)
    for name, data, *scaling in (("fusion", "fusion.npz"), ("gestures", "gestures.npz"),
                                 ("colours", "colours", "--input-scale", "2/255",
                                  "--input-offset", "-1")):
        said(capsys, "quantize", f"{name}.onnx", "-o", f"{name}.q.onnx", "--data", data, *scaling)
        seen = said(capsys, "compare", f"{name}.onnx", f"{name}.q.onnx")
        assert seen["agree_percent"] > 98 and seen["output_sqnr_db"] > 30
        assert said(capsys, "simulate", f"{name}.q.onnx", "--samples", 3)["differing_integers"] == 0
    steps = said(capsys, "simulate", "gestures.q.onnx", "--stream", "--samples", 3)
    assert steps["differing_integers"] == 0 and steps["steps"] == 24
    words = "emit", "gestures.q.onnx", "--format", "c", "--stream", "--with", "makefile"
    assert [Path(f).name for f in said(capsys, *words, "-o", "out")["written"]] == [
        "gestures.h", "gestures.c", "Makefile", "gestures_test.c"]
    done = subprocess.run(["make", "-C", "out"], capture_output=True, text=True)
    assert done.returncode == 0 and "gestures: ok" in done.stdout
