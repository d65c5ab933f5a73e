"""How often a network is wrong, whatever it is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dsplet.data.answers import right

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Evaluation:
    """Wrong answers among the samples that were asked for; there is at least one sample."""

    errors: int
    samples: int

    @property
    def error_percent(self) -> float:
        return 100 * self.errors / self.samples

    @property
    def accuracy_percent(self) -> float:
        return 100 - self.error_percent

    def __str__(self) -> str:
        return f"{self.accuracy_percent:.2f} % ({self.errors} errors in {self.samples:,} samples)"


def evaluate(
    predict: Callable[[np.ndarray], np.ndarray], x: np.ndarray, labels: np.ndarray,
    tolerance: float | None = None, batch: int = 500
) -> Evaluation:
    """Compare what `predict` gives with the labels, as `data.answers.right` does.

    predict: float32 (n, C, H, W) -> scores (n, classes) or (n, T, classes), or numbers (n, outputs)
    x:       float32 (N, C, H, W), N >= 1; labels: (N,), or (N, T), all T of which must be right, or
             (N, outputs) with a tolerance
    """
    if len(x) == 0:
        raise ValueError("no samples to evaluate on")
    errors = sum(
        int((~right(predict(x[i : i + batch]), labels[i : i + batch], tolerance)).sum())
        for i in range(0, len(x), batch)
    )
    return Evaluation(errors, len(x))


def predictor(module: "nn.Module") -> Callable[[np.ndarray], np.ndarray]:
    """A PyTorch module, in evaluation mode, as a function of arrays."""
    import torch

    def predict(x: np.ndarray) -> np.ndarray:
        module.eval()
        with torch.inference_mode():
            return module(torch.from_numpy(x)).numpy()

    return predict
