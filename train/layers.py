"""Layers of the first convnets that PyTorch lacks: the scaled tanh, and a bias for every unit."""

import math

import torch
from torch import nn
from torch.nn import functional as F

BACKGROUND = -1.0  # the state of the virtual units beyond a plane's edge (Neural Computation 1989)


class ScaledTanh(nn.Module):
    """f(a) = 1.7159 tanh(2a/3), so that f(1) = 1 and f(-1) = -1 (LeCun et al. 1989 and 1998)."""

    def forward(self, a: torch.Tensor) -> torch.Tensor:
        return 1.7159 * torch.tanh(a * (2 / 3))


class PlaneConv2d(nn.Module):
    """Strided convolution as of 1989: kernels shared over a plane, biases not; edges of -1.

    x: (N, C, H, W), H and W even -> y: (N, maps, H/2, W/2)

    maps:    output planes, divided evenly among `sources`
    sources: for each group of output planes, the ranges [first, last) of input planes it sees;
             every group sees equally many
    size:    H/2 = W/2, the height and width of an output plane, which its biases need
    """

    def __init__(
        self, maps: int, kernel: int, size: int, sources: tuple[tuple[tuple[int, int], ...], ...]
    ):
        super().__init__()
        self.pad, self.sources = kernel // 2, sources
        planes = sum(last - first for first, last in sources[0])
        group = (maps // len(sources), planes, kernel, kernel)
        self.weight = nn.ParameterList(fan_in_uniform(torch.empty(group)) for _ in sources)
        self.bias = nn.Parameter(torch.zeros(maps, size, size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.pad(x, (self.pad,) * 4, value=BACKGROUND)
        sums = [
            F.conv2d(self._seen(x, ranges), weight, stride=2)
            for ranges, weight in zip(self.sources, self.weight, strict=True)
        ]
        return (sums[0] if len(sums) == 1 else torch.cat(sums, 1)) + self.bias

    @staticmethod
    def _seen(x: torch.Tensor, ranges: tuple[tuple[int, int], ...]) -> torch.Tensor:
        if ranges == ((0, x.shape[1]),):
            return x
        planes = [x[:, first:last] for first, last in ranges]
        return planes[0] if len(planes) == 1 else torch.cat(planes, 1)


def fan_in_uniform(weight: torch.Tensor) -> torch.Tensor:
    """Fill `weight` (units, ...) with U(-b, b), b = 2.4 / sqrt(fan-in).

    The papers print 2.4 / fan-in; with the square root, which keeps the variance, today's
    optimisers start faster. The ranges agree in spirit: the sum stays in the tanh's linear part.
    """
    bound = 2.4 / math.sqrt(weight[0].numel())
    return nn.init.uniform_(weight, -bound, bound)
