"""What the chip's memory held, as files: arrays and pictures, against the reference."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from dsplet.cli import cli
from dsplet.cli.outcome import outcome
from dsplet.quantize.qdq import from_qdq
from tests.dsplet import small_nets


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_nets.write(tmp_path_factory.mktemp("held"))


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


def said(capsys, words: str) -> str:
    assert outcome(cli, words.split()) == 2
    return capsys.readouterr().err


def reference(folder) -> dict[str, np.ndarray]:
    """Of the three images, whose pixels the net reads / 256."""
    graph = from_qdq.load(folder / "small.q.onnx")
    x = np.load(folder / "images.npy")[:, None] / 256
    found = graph.run(np.floor(x * 2.0**graph.inputs[0].format.frac + 0.5).astype(int).clip(
        graph.inputs[0].format.min, graph.inputs[0].format.max))
    return {v.name: (found[v.name], 2.0**-v.format.frac) for v in graph.values()}


def test_every_layer_as_arrays(here, capsys):
    words = "simulate small.q.onnx --images images.npy --dump held.npz --json"
    assert outcome(cli, words.split()) == 0
    rows = {r["value"]: r for r in json.loads(capsys.readouterr().out)["held"]}
    wanted = reference(here)
    with np.load("held.npz") as held:
        assert set(held) == {f"{kind}/{v}" for v in wanted for kind in ("integers", "reals")}
        for name, (integers, step) in wanted.items():
            assert np.array_equal(held[f"integers/{name}"], integers), name
            assert np.array_equal(held[f"reals/{name}"], integers * step), name
            assert (rows[name]["lowest"], rows[name]["highest"]) == (integers.min(),
                                                                     integers.max())
    assert rows["p"]["shape"] == "4x3x3"


def test_maps_as_a_picture(here, capsys):
    """Maps of 6x6 in cells of ten pixels, a row for each image."""
    assert outcome(cli, "simulate small.q.onnx --images images.npy --show Conv_c -o c.png"
                   .split()) == 0
    assert "picture: c.png" in capsys.readouterr().out
    maps, _ = reference(here)["r"]  # what the convolution gives, with its ReLU
    pixels = np.asarray(Image.open("c.png"))[..., 0]
    low, high = maps.min(), maps.max()
    levels = np.floor((maps - low) / (high - low) * 255 + 0.5)
    for n, m, i, j in np.ndindex(maps.shape):
        assert pixels[n * 70 + 2 + 10 * i + 5, m * 62 + 2 + 10 * j + 5] == levels[n, m, i, j]


def test_a_picture_is_a_sample(here, capsys):
    image = np.load("images.npy")[1]
    Image.fromarray(image).save("digit.png")
    answers = []
    for file in ("digit.png", "images.npy"):
        assert outcome(cli, f"simulate small.q.onnx --images {file} --json".split()) == 0
        samples = json.loads(capsys.readouterr().out)["first_samples"]
        answers.append([s["read_as"] for s in samples])
    assert answers[0] == answers[1][1:2]


def test_what_cannot_be_shown(here, capsys):
    simulate = "simulate small.q.onnx --samples 1 --data random"
    assert "--show draws a picture: say where with -o" in said(capsys, f"{simulate} --show p")
    assert "did you mean 'p'?" in said(capsys, f"{simulate} --show pp -o p.png")
    assert "-o is p.svg; expected" in said(capsys, f"{simulate} --show p -o p.svg")
    assert "-o does nothing without --show" in said(capsys, f"{simulate} -o p.png")
    assert "a fixed-point program: leave out --dump" in said(
        capsys, "simulate small.onnx --arithmetic float --data random --dump held.npz")
    assert "leave out --dump" in said(capsys, f"{simulate} --stream --dump held.npz")
    assert "is what it would be made from" in said(capsys, f"{simulate} --dump small.q.onnx")
