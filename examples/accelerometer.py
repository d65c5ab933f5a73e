"""Somebody's own network and data: movements told apart by an accelerometer and a gyroscope.

`python examples/accelerometer.py [FOLDER]` makes windows of 6 channels and 128 readings, by a seed,
trains a small 1-D network on them, and writes accelerometer.onnx, as torch.onnx gives it, and
accelerometer.npz, whose arrays say which samples are to calibrate with and which to test on. It
needs PyTorch and nothing of dsplet.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

CHANNELS, READINGS, RATE_HZ = 6, 128, 50
MOVEMENTS = ("lying", "walking", "running", "stairs")
STEPS_HZ = (0.0, 1.8, 2.8, 1.4)
STRENGTH = (0.0, 0.35, 0.9, 0.45)
SPLITS = {"train": 1600, "calibration": 200, "test": 600}


def windows(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """n windows, float32 (n, 6, 128), acceleration in g and rotation in rad/s; movements (n,)."""
    labels = rng.integers(0, len(MOVEMENTS), n)
    t = np.arange(READINGS) / RATE_HZ
    pace = np.take(STEPS_HZ, labels)[:, None] * rng.normal(1, 0.12, (n, 1))
    phase = 2 * np.pi * (pace * t + rng.uniform(0, 1, (n, 1)))
    x = np.empty((n, CHANNELS, READINGS))
    for channel in range(CHANNELS):
        strength = np.take(STRENGTH, labels) * rng.uniform(0.3, 1, n)
        second = rng.uniform(0, 0.5, (n, 1)) * np.sin(2 * phase + channel)
        x[:, channel] = strength[:, None] * (np.sin(phase + channel) + second)
    lean = (labels == 3)[:, None] * rng.uniform(0.1, 0.5, (n, 1)) * np.sin(phase / 2)
    x[:, 2] += 1 + lean  # gravity
    return (x + rng.normal(0, 0.25, x.shape)).astype(np.float32), labels


def network() -> nn.Module:
    """Two convolutions, a mean over time, a layer of scores."""
    return nn.Sequential(
        nn.Conv1d(CHANNELS, 16, 7, stride=2, padding=3), nn.BatchNorm1d(16), nn.ReLU(),
        nn.Conv1d(16, 24, 5, stride=2, padding=2), nn.BatchNorm1d(24), nn.ReLU(),
        nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(24, len(MOVEMENTS)))


def train(net: nn.Module, x: np.ndarray, labels: np.ndarray, epochs: int = 6) -> None:
    inputs, wanted = torch.from_numpy(x), torch.from_numpy(labels)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(inputs[batch]), wanted[batch]).backward()
            optimizer.step()


def main(folder: Path) -> None:
    """Write both files."""
    rng = np.random.default_rng(128)
    torch.manual_seed(0)
    parts = {part: windows(rng, n) for part, n in SPLITS.items()}
    net = network()
    train(net, *parts["train"])
    net.eval()
    folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore", DeprecationWarning)  # of this exporter, which needs no more
    torch.onnx.export(net, (torch.zeros(1, CHANNELS, READINGS),), folder / "accelerometer.onnx",
                      input_names=["readings"], output_names=["scores"], dynamo=False)
    np.savez(folder / "accelerometer.npz", **{
        name: array for part, (x, labels) in parts.items()
        for name, array in ((f"{part}.readings", x), (f"{part}.labels", labels))})
    print(f"written: {folder / 'accelerometer.onnx'}, {folder / 'accelerometer.npz'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
