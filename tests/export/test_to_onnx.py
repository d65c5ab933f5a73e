"""Export: what ONNX Runtime computes is what PyTorch computes, in the same bytes every time."""

import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from bench.networks import network
from dsplet.base.errors import UserError
from dsplet.export import factory, to_onnx
from dsplet.export.to_onnx import ExportError
from dsplet.export.weights import WeightsError
from dsplet.train import zoo

pytestmark = pytest.mark.slow  # torch traces a network in almost every test

FACTS = to_onnx.metadata(model="m", input_scale=1 / 256, input_offset=0.0, classes=["a", "b"])


def seeded(name: str) -> nn.Module:
    torch.manual_seed(1)
    return zoo.get(name).build()


@pytest.mark.parametrize("card", zoo.cards(), ids=lambda card: card.name)
def test_every_model_of_the_zoo_agrees_with_pytorch(card):
    path, x = network(card.name)
    torch.manual_seed(0)  # as `network` does
    module = card.build().eval()
    session = onnxruntime.InferenceSession(path)
    (x_info,), (y_info,) = session.get_inputs(), session.get_outputs()
    assert (x_info.name, x_info.shape) == ("x", ["N", *card.input_shape])
    with torch.no_grad():
        expected = module(torch.from_numpy(x[:7])).numpy()
    assert (y_info.name, y_info.shape) == ("y", ["N", *expected.shape[1:]])
    for batch in (1, 7):
        found = session.run(None, {"x": x[:batch]})[0]
        np.testing.assert_allclose(found, expected[:batch], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["zip1989", "row_gru"])
def test_what_is_said_of_an_export(name, tmp_path):
    card = zoo.get(name)
    images = np.random.default_rng(2).integers(0, 256, (40, *card.input_shape[1:]), np.uint8)
    done = to_onnx.export(seeded(name), card.input_shape, tmp_path / "m.onnx", FACTS,
                          samples=card.inputs(images))
    assert done.samples == 40 and done.dynamic_batch
    assert 0 <= done.relative_difference <= to_onnx.TOLERANCE


def test_names_come_from_the_modules(tmp_path):
    to_onnx.export(seeded("zip1989"), (1, 16, 16), tmp_path / "m.onnx", FACTS)
    graph = onnx.load(tmp_path / "m.onnx").graph
    names = [node.name for node in graph.node]
    assert names[:6] == ["h1/Pad", "h1/Conv", "h1/Add", "f1/Mul", "f1/Tanh", "f1/Mul_1"]
    assert len(set(names)) == len(names)
    assert all(node.output[0] in (node.name, "y") for node in graph.node)
    stored = {tensor.name for tensor in graph.initializer}
    assert {"h1.weight.0", "h2.weight.2", "h2.bias", "out.weight"} <= stored
    (h1,) = (node for node in graph.node if node.name == "h1/Conv")
    assert list(h1.input) == ["h1/Pad", "h1.weight.0"]


def test_another_process_writes_the_same_bytes(tmp_path):
    code = (
        "import sys, torch; from pathlib import Path; from train import zoo; "
        "from export import to_onnx; torch.manual_seed(1); m = zoo.get('zip1989').build(); "
        "f = to_onnx.metadata(model='m', input_scale=1/256, input_offset=0.0, classes=['a', 'b']); "
        "print(to_onnx.export(m, (1, 16, 16), Path(sys.argv[1]), f).sha256)"
    )
    to_onnx.export(seeded("zip1989"), (1, 16, 16), tmp_path / "first.onnx", FACTS)
    first = (tmp_path / "first.onnx").read_bytes()
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "second.onnx"], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert first == (tmp_path / "second.onnx").read_bytes()
    assert run.stderr == "" and len(run.stdout.split()) == 1  # the exporter is quiet
    for trace in (b"/site-packages/", b"forward", b".py", b"torch", b"aten"):
        assert trace not in first


def test_metadata(tmp_path):
    facts = to_onnx.metadata(
        model="zip1989",
        data="digits",
        input_scale=2 / 255,
        input_offset=-1,
        classes="01",
        checkpoint_sha256="c" * 64,
        data_sha256="d" * 64,
    )
    to_onnx.export(seeded("zip1989"), (1, 16, 16), tmp_path / "m.onnx", facts)
    stored = {p.key: p.value for p in onnx.load(tmp_path / "m.onnx").metadata_props}
    assert stored == facts
    assert float(stored["dsplet.input_scale"]) == 2 / 255
    assert stored["dsplet.input_offset"] == "-1.0"
    assert json.loads(stored["dsplet.classes"]) == ["0", "1"]
    assert set(stored) == {
        "dsplet.model",
        "dsplet.data",
        "dsplet.input_scale",
        "dsplet.input_offset",
        "dsplet.classes",
        "dsplet.checkpoint_sha256",
        "dsplet.data_sha256",
        "dsplet.version",
    }


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_by_name(tmp_path, value):
    module = seeded("zip1989")
    with torch.no_grad():
        module.h2.bias[3, 1, 2] = value
    with pytest.raises(ExportError, match="tensor 'h2.bias': has 1 of 192 values that are NaN or"):
        to_onnx.export(module, (1, 16, 16), tmp_path / "m.onnx", FACTS)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_input_shape_is_refused(tmp_path):
    with pytest.raises(ExportError, match=r"refuses an input of \(16, 1, 28, 28\)"):
        to_onnx.export(seeded("zip1989"), (1, 28, 28), tmp_path / "m.onnx", FACTS)


def test_a_module_that_changes_in_the_translation_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(to_onnx, "_run_onnx", lambda content, x, free: [np.zeros((len(x), 10))])
    with pytest.raises(ExportError, match="ONNX Runtime and PyTorch differ by .* on 16 samples"):
        to_onnx.export(seeded("zip1989"), (1, 16, 16), tmp_path / "m.onnx", FACTS)
    assert list(tmp_path.iterdir()) == []


class TwoOutputs(nn.Module):
    def forward(self, x):
        return x, x


class Bessel(nn.Module):
    def forward(self, x):
        return torch.special.bessel_j0(x)


def test_modules_without_an_onnx_form(tmp_path):
    with pytest.raises(ExportError, match="returns a tuple; expected one tensor"):
        to_onnx.export(TwoOutputs(), (4,), tmp_path / "m.onnx", FACTS)
    with pytest.raises(ExportError, match="has no ONNX form: .*bessel_j0"):
        to_onnx.export(Bessel(), (4,), tmp_path / "m.onnx", FACTS)


class Looped(nn.Module):
    def forward(self, x):
        return torch.cat([2 * x[i : i + 1] for i in range(len(x))])


def test_a_module_that_fixes_its_batch_is_exported_for_one_input(tmp_path):
    done = to_onnx.export(Looped(), (4,), tmp_path / "m.onnx", FACTS)
    assert not done.dynamic_batch and done.max_abs_difference == 0
    assert onnxruntime.InferenceSession(tmp_path / "m.onnx").get_inputs()[0].shape == [1, 4]


def test_dropout_and_batch_norm_are_exported_as_in_evaluation(tmp_path):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5), nn.Flatten())
    module.train()
    done = to_onnx.export(module, (1, 4, 4), tmp_path / "m.onnx", FACTS)
    assert done.relative_difference <= to_onnx.TOLERANCE


# --- the user's own network ----------------------------------------------------------------------

NET = """
from torch import nn
from sizes import HIDDEN

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(16, HIDDEN)
    def forward(self, x):
        return self.inner(x).relu()

def make():
    return nn.Sequential(nn.Flatten(), Block(), nn.Linear(HIDDEN, 3))
"""


@pytest.fixture
def net(tmp_path):
    (tmp_path / "sizes.py").write_text("HIDDEN = 5")
    (tmp_path / "net.py").write_text(NET)
    return tmp_path / "net.py"


def test_a_factory_of_the_user_is_exported_with_its_weights(net, tmp_path):
    trained = factory.load_factory(f"{net}:make")()
    save_file(trained.state_dict(), tmp_path / "w.safetensors")
    module = factory.load_factory(f"{net}:make")()
    to_onnx.load_weights(module, tmp_path / "w.safetensors")
    shape = factory.parse_shape("1x4x4")
    to_onnx.export(module, shape, tmp_path / "m.onnx", FACTS)
    x = np.random.default_rng(0).standard_normal((2, 1, 4, 4), np.float32)
    found = onnxruntime.InferenceSession(tmp_path / "m.onnx").run(None, {"x": x})[0]
    with torch.no_grad():
        np.testing.assert_allclose(found, trained(torch.from_numpy(x)), atol=1e-6)
    names = [node.name for node in onnx.load(tmp_path / "m.onnx").graph.node]
    assert names == ["0/Reshape", "1.inner/Gemm", "1/Relu", "2/Gemm"]


def test_a_factory_imports_its_neighbours_whatever_they_are_called_and_when(tmp_path):
    (tmp_path / "train.py").write_text("SIZE = 3\n")
    (tmp_path / "quantize.py").write_text("SIZE = 5\n")
    (tmp_path / "nets.py").write_text(
        "import torch, train\n"
        "def make():\n    import quantize\n    return torch.nn.Linear(train.SIZE, quantize.SIZE)\n")
    before = list(sys.path)
    for name in ("train", "quantize"):  # which another test may have left behind
        sys.modules.pop(name, None)
    try:
        module = factory.make(f"{tmp_path / 'nets.py'}:make")
    finally:
        for name in ("train", "quantize"):
            sys.modules.pop(name, None)
    assert module.weight.shape == (5, 3) and sys.path == before


def test_factories_that_do_not_exist(net, tmp_path):
    for spec, message in {
        f"{net}:mak": "has no function 'mak': did you mean 'make'?",
        f"{tmp_path}/absent.py:make": "absent.py: no such file",
        str(net): "expected path/to/file.py:function",
        "net:make": "expected path/to/file.py:function",
    }.items():
        with pytest.raises(UserError) as caught:
            factory.load_factory(spec)
        assert message in str(caught.value)
    net.write_text("1 / 0")
    with pytest.raises(factory.FactoryError, match="importing it failed: ZeroDivisionError"):
        factory.load_factory(f"{net}:make")


def test_weights_must_fit_exactly(net, tmp_path):
    module = factory.load_factory(f"{net}:make")()
    path = tmp_path / "w.safetensors"
    with pytest.raises(UserError, match="w.safetensors: no such file"):
        to_onnx.load_weights(module, path)
    torch.save(module.state_dict(), path)
    with pytest.raises(ExportError, match="pickled weights are never opened"):
        to_onnx.load_weights(module, path)
    weights = module.state_dict()
    del weights["2.bias"]
    save_file(weights | {"1.inner.weight": torch.zeros(4, 4), "extra": torch.zeros(1)}, path)
    with pytest.raises(WeightsError) as caught:
        to_onnx.load_weights(module, path)
    for part in (
        "'2.bias' is missing",
        "'extra' is not in the module",
        "'1.inner.weight' is (4, 4), the module's (5, 16)",
    ):
        assert part in str(caught.value)


def test_parse_shape():
    assert factory.parse_shape("1x28X28") == (1, 28, 28)
    for bad in ("", "1x", "1x-2", "28,28", "0x4"):
        with pytest.raises(factory.FactoryError, match="expected sizes of one input"):
            factory.parse_shape(bad)
