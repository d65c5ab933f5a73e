"""The stage of LeCun's lectures: normalization, filter bank, non-linearity, pooling; each a choice.

Sources: LeCun, NYU lectures of 2021; Jarrett, Kavukcuoglu, Ranzato and LeCun, What is the Best
Multi-Stage Architecture for Object Recognition?, ICCV 2009, for the local normalizations.
"""

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from dsplet.train.layers import ScaledTanh, fan_in_uniform

FLOOR = 0.02
"""Added to a divisor, so that an empty image stays one."""
TINY = 1e-6
"""Added under a square root, whose slope at 0 would be infinite."""


def gaussian(planes: int, size: int) -> torch.Tensor:
    """Weights (1, planes, size, size) that sum to 1 over all planes; the deviation is size / 4."""
    at = torch.arange(size) - size // 2
    line = torch.exp(-(at / (size / 4)) ** 2 / 2)
    window = torch.outer(line, line)
    return (window / window.sum() / planes).repeat(1, planes, 1, 1)


class Subtractive(nn.Module):
    """x minus its mean over the neighbourhood and all planes. x, y: (N, planes, H, W)."""

    window: torch.Tensor

    def __init__(self, planes: int, size: int = 5):
        super().__init__()
        self.register_buffer("window", gaussian(planes, size))

    def mean(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 1, H, W); beyond the edge all is 0."""
        return F.conv2d(x, self.window, padding=self.window.shape[-1] // 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - self.mean(x)


class Divisive(Subtractive):
    """`Subtractive`, then divided by the neighbourhood's deviation s, or by the mean of s over the
    image where that is larger (Jarrett et al. 2009). One root and one quotient serve all planes."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        v = super().forward(x)
        deviation = torch.sqrt(self.mean(v * v) + TINY)
        mean = deviation.mean((2, 3), keepdim=True)
        return v * (1 / (torch.maximum(deviation, mean) + FLOOR))


class Abs(nn.Module):
    """|x|, the rectification of Jarrett et al."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.abs()


class Shrinkage(nn.Module):
    """x moved towards 0 by up to `threshold`: the proximal map of the L1 norm."""

    def __init__(self, threshold: float = 0.5):
        super().__init__()
        self.threshold = threshold

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.clamp(-self.threshold, self.threshold)


class L2Pool(nn.Module):
    """Root of the mean square over 2x2, as of complex cells."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sqrt(F.avg_pool2d(x * x, 2) + TINY)


class LogSumExpPool(nn.Module):
    """log(sum(exp(b x))) / b over 2x2, the lectures' PROB; b is the sharpness.

    It exceeds the maximum by up to log(4) / b.
    """

    def __init__(self, sharpness: float = 4.0):
        super().__init__()
        self.sharpness = sharpness

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, planes, height, width = x.shape
        x = (x * self.sharpness).reshape(-1, planes, height // 2, 2, width // 2, 2)
        x = x.permute(0, 1, 2, 4, 3, 5).reshape(-1, planes, height // 2, width // 2, 4)
        return torch.logsumexp(x, -1) / self.sharpness


NORMALIZATIONS: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda planes: nn.Identity(), "subtractive": Subtractive, "divisive": Divisive}
NONLINEARITIES: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU, "abs": Abs, "tanh": ScaledTanh, "shrinkage": Shrinkage}
POOLINGS: dict[str, Callable[[], nn.Module]] = {
    "max": lambda: nn.MaxPool2d(2), "average": lambda: nn.AvgPool2d(2), "l2": L2Pool,
    "logsumexp": LogSumExpPool}


def stage(planes: int, maps: int, kernel: int, normalization: str = "none",
          nonlinearity: str = "relu", pooling: str = "max") -> nn.Sequential:
    """(N, planes, H, W) -> (N, maps, (H - kernel + 1) / 2, (W - kernel + 1) / 2)."""
    filters = nn.Conv2d(planes, maps, kernel)
    fan_in_uniform(filters.weight)
    return nn.Sequential(OrderedDict(
        norm=NORMALIZATIONS[normalization](planes),
        filters=filters,
        squash=NONLINEARITIES[nonlinearity](),
        pool=POOLINGS[pooling](),
    ))
