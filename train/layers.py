"""Layers that PyTorch lacks: scaled tanh, partial and local connections of the first convnets;
clips; a way around others."""

import math
from itertools import groupby

import torch
from torch import nn
from torch.nn import functional as F

BACKGROUND = -1.0  # the state of the virtual units beyond a plane's edge (Neural Computation 1989)


class ScaledTanh(nn.Module):
    """f(a) = 1.7159 tanh(2a/3), so that f(1) = 1 and f(-1) = -1 (LeCun et al. 1989 and 1998)."""

    def forward(self, a: torch.Tensor) -> torch.Tensor:
        return 1.7159 * torch.tanh(a * (2 / 3))


class Frames(nn.Module):
    """A clip out of frames below one another: (N, 1, count * H, W) -> (N, 1, count, H, W)."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(2, (self.count, -1))


class Around(nn.Module):
    """What layers make of x, and x itself: y = x + inner(x), both of one shape."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.inner(x)


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
            F.conv2d(_seen(x, ranges), weight, stride=2)
            for ranges, weight in zip(self.sources, self.weight, strict=True)
        ]
        return (sums[0] if len(sums) == 1 else torch.cat(sums, 1)) + self.bias


class PartialConv2d(nn.Module):
    """Valid convolution in which each map sees some of the planes before it, by a published table.

    x: (N, C, H, W) -> y: (N, maps, H - kernel + 1, W - kernel + 1)

    table: for each map the input planes that it sees, rising; neighbours of equal rows are computed
           together. Only the kernels that the table names exist (LeCun et al. 1990; 1998, table I).
    """

    def __init__(self, table: tuple[tuple[int, ...], ...], kernel: int):
        super().__init__()
        self.groups = [(_ranges(row), len(list(maps))) for row, maps in groupby(table)]
        self.weight = nn.ParameterList(
            fan_in_uniform(torch.empty(maps, sum(b - a for a, b in ranges), kernel, kernel))
            for ranges, maps in self.groups
        )
        self.bias = nn.Parameter(torch.zeros(len(table)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        biases = self.bias.split([maps for _, maps in self.groups])
        return torch.cat([
            F.conv2d(_seen(x, ranges), weight, bias)
            for (ranges, _), weight, bias in zip(self.groups, self.weight, biases, strict=True)
        ], 1)


class LocalConv2d(nn.Module):
    """As `PlaneConv2d`, of one map, but nothing is shared: each unit has weights of its own.

    x: (N, C, H, W), H and W even -> y: (N, 1, H/2, W/2). size: H/2 = W/2.
    """

    def __init__(self, planes: int, kernel: int, size: int):
        super().__init__()
        self.kernel, self.size = kernel, size
        fan_in = planes * kernel * kernel
        self.weight = nn.Parameter(fan_in_uniform(torch.empty(size * size, fan_in, 1)))
        self.bias = nn.Parameter(torch.zeros(size * size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.pad(x, (self.kernel // 2,) * 4, value=BACKGROUND).permute(0, 2, 3, 1)
        span, taps = 2 * self.size, range(self.kernel)
        fields = torch.cat([x[:, i : i + span : 2, j : j + span : 2] for i in taps for j in taps],
                           -1)  # (N, size, size, fan-in)
        units = self.size * self.size
        y = F.conv1d(fields.reshape(-1, units * self.weight.shape[1], 1), self.weight, self.bias,
                     groups=units)
        return y.reshape(-1, 1, self.size, self.size)


class Subsampling2d(nn.Module):
    """Each map's coefficient times the sum of 2x2 units, and its bias: (N, C, H, W) to half size.

    A map has two weights, and a unit five links: the coefficient is on each of the four inputs
    (LeCun et al. 1990; 1998, layers S2 and S4).
    """

    def __init__(self, maps: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(maps, 1, 1, 1).uniform_(0.3, 0.6))
        self.bias = nn.Parameter(torch.zeros(maps))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = len(self.bias)
        return F.conv2d(x, self.weight.expand(maps, 1, 2, 2), self.bias, stride=2, groups=maps)


class RadialBasis(nn.Module):
    """y[c] = -sum((x - codes[c])**2): minus the penalty of Proc. IEEE 1998, eq. 7; codes are fixed.

    x: (N, units) -> y: (N, classes). The largest output is the nearest code.
    """

    codes: torch.Tensor

    def __init__(self, codes: list[list[float]]):
        super().__init__()
        self.register_buffer("codes", torch.tensor(codes)[:, None])  # (classes, 1, units)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x[:, None, None]
        return torch.matmul(x - self.codes, (self.codes - x).mT).flatten(1)


def _ranges(planes: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Rising plane numbers as ranges [first, last)."""
    runs = [list(run) for _, run in groupby(enumerate(planes), lambda at: at[1] - at[0])]
    return tuple((run[0][1], run[-1][1] + 1) for run in runs)


def _seen(x: torch.Tensor, ranges: tuple[tuple[int, int], ...]) -> torch.Tensor:
    """The planes of x (N, C, H, W) that the ranges [first, last) name."""
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
