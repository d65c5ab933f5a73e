"""Brevitas' post-training quantization of a network below, run by the Python of .venv-bench.

    python brevitas_peer.py NETWORK IN.npz OUT.npz

IN holds the float weights by layer (`conv1.weight` ...), images `calibration` and `test`, and
`rows`, (weight bits, activation bits) each. OUT gets `W/A float` and `W/A po2`: the logits with
float and with power-of-two scales, per channel. The settings are those of the best runs in
Brevitas' own table for ImageNet: MSE ranges, 20 sweeps of equalization, GPTQ, bias correction. It
quantizes the network's input to the activations' bits.
"""

import sys
import warnings

import numpy as np
import torch
from torch import nn

SCALES = {"float": "float_scale", "po2": "po2_scale"}
SWEEPS = 20


class LeNet5(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5), \
            nn.Conv2d(16, 120, 5)
        self.fc1, self.fc2 = nn.Linear(120, 84), nn.Linear(84, 10)
        self.relu1, self.relu2, self.relu3, self.relu4 = (nn.ReLU() for _ in range(4))
        self.pool1, self.pool2 = nn.MaxPool2d(2), nn.MaxPool2d(2)

    def forward(self, x):
        x = self.pool1(self.relu1(self.conv1(x)))
        x = self.pool2(self.relu2(self.conv2(x)))
        x = torch.flatten(self.relu3(self.conv3(x)), 1)
        return self.fc2(self.relu4(self.fc1(x)))


class MNIST1D(nn.Module):
    """`mnist1d_cnn` of dsplet's zoo."""

    def __init__(self) -> None:
        super().__init__()
        self.c1, self.c2, self.c3 = (
            nn.Conv2d(planes, 25, (1, taps), stride=(1, 2), padding=(0, 1))
            for planes, taps in ((1, 5), (25, 3), (25, 3)))
        self.relu1, self.relu2, self.relu3 = (nn.ReLU() for _ in range(3))
        self.out = nn.Linear(125, 10)

    def forward(self, x):
        x = self.relu2(self.c2(self.relu1(self.c1(x))))
        return self.out(torch.flatten(self.relu3(self.c3(x)), 1))


NETWORKS = {"lenet5-mnist": LeNet5, "mnist1d_cnn": MNIST1D}


def quantized(make: type[nn.Module], weights: dict, images: torch.Tensor, weight_bits: int,
              activation_bits: int, scale: str) -> nn.Module:
    from brevitas.graph.quantize import preprocess_for_quantize
    from brevitas_examples.imagenet_classification.ptq import ptq_common as ptq
    ptq.tqdm = lambda steps: steps
    torch.manual_seed(0)
    net = make().eval()
    net.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    net = preprocess_for_quantize(net, equalize_iters=SWEEPS, equalize_merge_bias=True)
    batches = [(part, None) for part in images.split(64)]
    net = ptq.quantize_model(
        net, "fx", weight_bits, activation_bits, 32, "per_channel", 99.999, "sym", scale, "int",
        weight_param_method="mse", act_param_method="mse")
    net.eval()
    with torch.no_grad():
        net(images[:64])
    ptq.calibrate(batches, net)
    ptq.apply_gptq(batches, net, act_order=True, use_quant_activations=True)
    ptq.apply_bias_correction(batches, net)
    return net


def main(network: str, source: str, out: str) -> None:
    warnings.filterwarnings("ignore")
    facts = dict(np.load(source))
    images, test = (torch.from_numpy(facts.pop(k)) for k in ("calibration", "test"))
    rows, found = facts.pop("rows"), {}
    for w, a in rows.tolist():
        for name, scale in SCALES.items():
            net = quantized(NETWORKS[network], facts, images, w, a, scale)
            with torch.no_grad():
                logits = torch.cat([net(part) for part in test.split(500)])
            found[f"{w}/{a} {name}"] = logits.numpy()
            print(f"Brevitas {w}/{a} {name}", file=sys.stderr, flush=True)
    np.savez(out, allow_pickle=False, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
