"""Attention and recurrent layers as PyTorch's two exporters write them: read, they compute what
PyTorch does."""

import numpy as np
import pytest
import torch
from torch import nn

from dsplet.quantize.float import from_onnx
from dsplet.quantize.float import model as float_model
from tests.quantize import onnx_nets
from tests.quantize.onnx_nets import random

pytestmark = [pytest.mark.slow,  # torch traces a network in every test
              pytest.mark.filterwarnings("ignore")]  # what its exporters say of themselves

LENGTH, WIDTH = 6, 8
BATCHES = {"free": 3, "one": 1, "four": 4}
"""The batch that a file is exported with; free: its axis is dynamic."""


class Net(nn.Module):
    """Parts, and what is computed with them."""

    def __init__(self, compute, *parts: nn.Module) -> None:
        super().__init__()
        self.compute, self.parts = compute, nn.ModuleList(parts)

    def forward(self, x):
        return self.compute(self.parts, x)


def _causal(parts, x):
    q, k, v = (part(x).view(x.shape[0], LENGTH, 2, 4).transpose(1, 2) for part in parts[:3])
    y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    return parts[3](y.transpose(1, 2).reshape(x.shape[0], LENGTH, WIDTH))


def nets() -> dict[str, tuple[nn.Module, int]]:
    """Modules, and the axis of their batch."""
    torch.manual_seed(0)
    mask = torch.triu(torch.full((LENGTH, LENGTH), -torch.inf), 1)
    mha = nn.MultiheadAttention(WIDTH, 2, batch_first=True)
    line = [nn.Linear(WIDTH, WIDTH) for _ in range(4)]
    return {
        "attention": (Net(lambda m, x: m[0](x, x, x, need_weights=False)[0], mha), 0),
        "attention_masked": (Net(lambda m, x: m[0](x, x, x, attn_mask=mask)[0], mha), 0),
        "attention_causal": (Net(_causal, *line), 0),
        "mixer": (Net(lambda m, x: m[1](m[0](x.transpose(1, 2)).transpose(1, 2)) + x,
                      nn.Linear(LENGTH, LENGTH), line[0]), 0),
        "einsum": (Net(lambda m, x: torch.einsum("bik,bjk->bij", m[0](x), x), line[0]), 0),
        "gru": (Net(lambda m, x: m[0](x)[0][:, -1],
                    nn.GRU(WIDTH, 5, 2, batch_first=True, bidirectional=True)), 0),
        "gru_time_first": (Net(lambda m, x: m[0](x)[0], nn.GRU(WIDTH, 5)), 1),
        "lstm_state": (Net(lambda m, x: m[0](x)[1][1][0], nn.LSTM(WIDTH, 5, batch_first=True)), 0),
    }


NETS = nets()


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("dynamo", [False, True], ids=["torchscript", "dynamo"])
@pytest.mark.parametrize("name", NETS)
def test_what_pytorch_exports(name, dynamo, batch, tmp_path):
    module, axis = NETS[name]
    shape, free = [LENGTH, WIDTH], batch == "free"
    shape.insert(axis, BATCHES[batch])
    sizes = {}
    if free and dynamo:
        sizes = {"dynamic_shapes": (({axis: torch.export.Dim("batch")}),)}
    elif free:
        sizes = {"dynamic_axes": {"x": {axis: "batch"}}}
    path = tmp_path / "net.onnx"
    torch.onnx.export(module.eval(), (torch.zeros(shape),), path, input_names=["x"],
                      output_names=["y"], dynamo=dynamo, **sizes)
    graph = from_onnx.load(path)
    x = random(name, 5, LENGTH, WIDTH)
    y, = onnx_nets.run(float_model.to_model(graph), {"x": x})
    with torch.no_grad():
        wanted = module(torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, 0, axis)))).numpy()
    assert np.allclose(y, np.moveaxis(wanted, axis, 0), atol=1e-5)
