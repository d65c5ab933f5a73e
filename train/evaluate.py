"""How often a classifier is wrong, whatever it is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quantize.fixed.answers import answers, right

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
    predict: Callable[[np.ndarray], np.ndarray], x: np.ndarray, labels: np.ndarray, batch: int = 500
) -> Evaluation:
    """Compare the largest output of `predict` with the labels; of equal outputs the first counts.

    predict: float32 (n, C, H, W) -> scores (n, classes), or (n, T, classes)
    x:       float32 (N, C, H, W); labels: (N,), or (N, T), all T of which must be right; N >= 1
    """
    if len(x) == 0:
        raise ValueError("no samples to evaluate on")
    errors = sum(
        int((~right(answers(predict(x[i : i + batch]), labels.shape[1:]),
                    labels[i : i + batch])).sum())
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
