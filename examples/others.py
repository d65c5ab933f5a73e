"""Three more of somebody's networks: two inputs and no labels, colours, and one that streams.

`python examples/others.py [FOLDER]` makes, by a seed and with PyTorch and Pillow alone,
fusion.onnx with fusion.npz (a sound and settings in, an estimate out; no labels), colours.onnx with
a folder colours/ of pictures by class, and gestures.onnx with gestures.npz (a GRU that reads one
reading after the other).
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

FRUIT = {"apple": (190, 40, 40), "lime": (90, 190, 60), "plum": (90, 50, 130)}
PICTURES = 40
"""Of each class."""
STEPS, READINGS = 24, 3


class Fusion(nn.Module):
    """A convolution over the sound beside a layer of the settings, and one of both."""

    def __init__(self) -> None:
        super().__init__()
        self.ear = nn.Sequential(nn.Conv1d(1, 8, 9, stride=4), nn.ReLU(), nn.Conv1d(8, 8, 5, 2),
                                 nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
        self.hand, self.both = nn.Linear(4, 6), nn.Linear(14, 2)

    def forward(self, sound: torch.Tensor, settings: torch.Tensor) -> torch.Tensor:
        return self.both(torch.cat([self.ear(sound), torch.tanh(self.hand(settings))], 1))


class Gestures(nn.Module):
    """A GRU, and the scores of its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = nn.GRU(READINGS, 16, batch_first=True), nn.Linear(16, 3)

    def forward(self, readings: torch.Tensor) -> torch.Tensor:
        return self.out(self.cell(readings)[0][:, -1])


def export(net: nn.Module, path: Path, **inputs: torch.Tensor) -> None:
    """As torch.onnx gives it."""
    warnings.simplefilter("ignore")  # of this exporter, which needs no more
    torch.onnx.export(net.eval(), tuple(inputs.values()), path, input_names=[*inputs],
                      output_names=["scores"], dynamo=False)


def train(net: nn.Module, x: np.ndarray, labels: np.ndarray, epochs: int) -> None:
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(epochs):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(torch.from_numpy(x)), torch.from_numpy(labels)).backward()
        optimizer.step()


def fusion(folder: Path, rng: np.random.Generator) -> None:
    sound = rng.normal(0, 0.3, (120, 1, 256)).cumsum(2).clip(-4, 4).astype(np.float32)
    settings = rng.uniform(0, 1, (120, 4)).astype(np.float32)
    export(Fusion(), folder / "fusion.onnx", sound=torch.zeros(1, 1, 256),
           settings=torch.zeros(1, 4))
    np.savez(folder / "fusion.npz", sound=sound, settings=settings)


def colours(folder: Path, rng: np.random.Generator) -> None:
    """Blurred fruit on grey, 24 x 24; the network reads 2 * pixel / 255 - 1."""
    down, right = np.mgrid[:24, :24]
    x, labels = [], []
    for label, (name, colour) in enumerate(FRUIT.items()):
        (folder / "colours" / name).mkdir(parents=True, exist_ok=True)
        for i in range(PICTURES):
            (y0, x0), r = rng.uniform(8, 16, 2), rng.uniform(4, 8)
            inside = np.exp(-((down - y0)**2 + (right - x0)**2) / r**2)[..., None]
            picture = 128 + inside * (np.array(colour) - 128) + rng.normal(0, 12, (24, 24, 3))
            pixels = picture.clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "colours" / name / f"{i:03d}.png")
            x.append(pixels.transpose(2, 0, 1) / np.float32(127.5) - 1)
            labels.append(label)
    net = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 8, 3, 2), nn.ReLU(),
                        nn.Flatten(), nn.Linear(200, len(FRUIT)))
    train(net, np.array(x, np.float32), np.array(labels), 30)
    export(net, folder / "colours.onnx", picture=torch.zeros(1, 3, 24, 24))


def gestures(folder: Path, rng: np.random.Generator) -> None:
    """Three ways to move, told apart by how the three readings follow each other."""
    labels = rng.integers(0, 3, 600)
    t = np.arange(STEPS)[None, :, None]
    phase = 2 * np.pi * (t / 8 + rng.uniform(0, 1, (600, 1, 1)))
    lag = np.arange(READINGS) * (labels - 1)[:, None, None] * np.pi / 2
    x = (np.sin(phase + lag) + rng.normal(0, 0.2, (600, STEPS, READINGS))).astype(np.float32)
    net = Gestures()
    train(net, x[:400], labels[:400], 60)
    export(net, folder / "gestures.onnx", readings=torch.zeros(1, STEPS, READINGS))
    np.savez(folder / "gestures.npz", **{
        f"{part}.{name}": a[where] for name, a in (("readings", x), ("labels", labels))
        for part, where in (("calibration", slice(0, 400)), ("test", slice(400, 600)))})


def main(folder: Path) -> None:
    """Write them all."""
    rng = np.random.default_rng(3)
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    for make in (fusion, colours, gestures):
        make(folder, rng)
    print(f"written: fusion, colours and gestures, in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
