"""Files of weights: what fits a module, and what is said of what does not."""

import warnings

import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import nn

from dsplet.export import to_onnx
from dsplet.export.weights import WeightsError
from dsplet.train import checkpoint
from dsplet.train.config import TrainConfig


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.b.weight = self.a.weight


def refused(module: nn.Module, tensors: dict, folder) -> str:
    save_file(tensors, folder / "w.safetensors")
    with pytest.raises(WeightsError) as caught:
        to_onnx.load_weights(module, folder / "w.safetensors")
    return str(caught.value)


def test_a_tensor_of_two_names_needs_one_in_the_file(tmp_path):
    trained, path = Tied(), tmp_path / "w.safetensors"
    save_model(trained, str(path))  # which leaves one of them out
    to_onnx.load_weights(module := Tied(), path)
    assert torch.equal(module.a.weight, trained.a.weight) and module.a.weight is module.b.weight
    for name in ("a.weight", "b.weight"):
        save_file({k: v for k, v in trained.state_dict().items() if k != name}, path)
        to_onnx.load_weights(module := Tied(), path)
        assert torch.equal(module.b.weight, trained.a.weight)
    two = trained.state_dict() | {"b.weight": torch.zeros(4, 4)}
    assert "'a.weight' and 'b.weight' are one tensor in the module and two in the file" in refused(
        Tied(), two, tmp_path)


def test_any_width_of_float_is_taken(tmp_path):
    for kind in (torch.float16, torch.bfloat16, torch.float64):
        given = {k: v.to(kind) if v.is_floating_point() else v
                 for k, v in Net().state_dict().items()}
        save_file(given, tmp_path / "w.safetensors")
        to_onnx.load_weights(module := Net(), tmp_path / "w.safetensors")
        assert torch.equal(module.net[0].weight, given["net.0.weight"].float())


@pytest.mark.parametrize("kind", [torch.complex64, torch.int8, torch.bool])
def test_numbers_of_another_kind_are_refused(kind, tmp_path):
    own = Net().state_dict()
    said = f"'net.0.weight' holds {str(kind)[6:]}, the module's float32"
    assert said in refused(Net(), own | {"net.0.weight": own["net.0.weight"].to(kind)}, tmp_path)


def test_a_prefix_is_named_not_every_key(tmp_path):
    whole = Net()
    inner, outer = whole.net.state_dict(), {f"module.{k}": v for k, v in whole.state_dict().items()}
    assert "every key lacks the prefix 'net.'" in refused(Net(), inner, tmp_path)
    assert "every key has the prefix 'module.' too many" in refused(Net(), outer, tmp_path)
    assert "every key has the prefix 'net.' too many" in refused(whole.net, whole.state_dict(),
                                                                 tmp_path)


def test_of_many_faults_some_are_listed(tmp_path):
    deep = nn.Sequential(*(nn.Linear(2, 2) for _ in range(20)))
    text = refused(deep, {"x": torch.zeros(1)}, tmp_path)
    assert "'0.weight' is missing; '0.bias' is missing;" in text and text.endswith("and 37 more")


def test_modules_that_no_file_fits(tmp_path):
    sparse = nn.Linear(4, 4)
    own = sparse.state_dict()
    sparse.weight = nn.Parameter(sparse.weight.to_sparse())
    assert "tensor 'weight': is sparse" in refused(sparse, own, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch is about to retire it
        dynamic = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4)),
                                                         {nn.Linear})
    assert "quantized by PyTorch; expected the float module" in refused(dynamic, own, tmp_path)
    for module in (sparse, dynamic):
        with pytest.raises(WeightsError):
            to_onnx.export(module, (4,), tmp_path / "m.onnx", {})


def test_a_checkpoint_holds_floats():
    from dsplet.train import zoo
    weights = zoo.get("lenet1").build().state_dict()
    name = next(iter(weights))
    bad = checkpoint.Checkpoint("lenet1", "digits", "", TrainConfig(1, 1, 0.1), (),
                                weights | {name: weights[name].to(torch.complex64)})
    with pytest.raises(checkpoint.CheckpointError, match=f"'{name}' holds torch.complex64"):
        bad.module()
