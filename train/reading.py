"""Reading lines: a recogniser slides over a picture, a weighted finite-state machine finds the best
path through what it says (Matan et al., NIPS 4, 1992; LeCun et al., Proc. IEEE 86(11), 1998).
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn


class Recognizer(nn.Module):
    """Layers that are all convolutions, the last of which leaves one row: (N, 1, H, W) -> log-
    probabilities (N, classes) of the one column that a window leaves, or (N, T, classes) of T
    columns of a wider input. What neighbouring windows share is computed once.
    """

    def __init__(self, **layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(OrderedDict(layers))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layers(x).squeeze(2)  # (N, classes, T)
        return torch.log_softmax(y.squeeze(2) if y.shape[2] == 1 else y.transpose(1, 2), -1)
