"""A network whose weights are the output of another: y = G(x, w), w = H(x)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

KERNEL, STRIDE, POOL = 5, 2, 2


class Generator(nn.Module):
    """H: images (N, 1, 28, 28) -> the kernels (N, maps, 25) and the matrix (N, maps * 36, 10) of G.

    A coarse look at the image, 7 x 7, becomes `embedding` numbers. The matrix is made in two
    layers: each map gets `code` numbers, and one shared layer makes its block of rows from them
    (Ha, Dai and Le, HyperNetworks, 2016, eq. 2), so that few weights of H make many of G.
    """

    def __init__(self, embedding: int, maps: int, code: int) -> None:
        super().__init__()
        self.maps, self.code = maps, code
        self.look = nn.AvgPool2d(4)
        self.embed = nn.Linear(49, embedding)
        self.squash = nn.Tanh()
        self.kernels = nn.Linear(embedding, maps * KERNEL**2)
        self.codes = nn.Linear(embedding, maps * code)
        self.rows = nn.Linear(code, 36 * 10)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        z = self.squash(self.embed(self.look(x).flatten(1)))
        kernels = self.kernels(z).reshape(-1, self.maps, KERNEL**2)
        rows = self.rows(self.codes(z).reshape(-1, self.maps, self.code))
        return kernels, rows.reshape(-1, self.maps * 36, 10)


class Generated(nn.Module):
    """G: a convolution of stride 2, ReLU, max pooling and a full layer. It has no weights at all.

    x (N, 1, 28, 28), kernels (N, maps, 25), matrix (N, maps * 36, 10) -> y (N, 10)
    """

    def forward(self, x: torch.Tensor, kernels: torch.Tensor, matrix: torch.Tensor
                ) -> torch.Tensor:
        size = (x.shape[-1] - KERNEL) // STRIDE + 1
        span, taps = STRIDE * (size - 1) + 1, range(KERNEL)
        fields = torch.cat([x[:, :, i:i + span:STRIDE, j:j + span:STRIDE]
                            for i in taps for j in taps], 1)  # (N, 25, 12, 12)
        maps = torch.matmul(kernels, fields.flatten(2))
        maps = maps.reshape(-1, kernels.shape[1], size, size)
        units = F.max_pool2d(F.relu(maps), POOL).flatten(1)
        return torch.matmul(units[:, None], matrix)[:, 0]


class Hypernetwork(nn.Module):
    """x (N, 1, 28, 28) -> log-probabilities (N, 10): `main` computes with what `generator` makes
    of the image."""

    def __init__(self, embedding: int = 16, maps: int = 8, code: int = 4) -> None:
        super().__init__()
        self.generator, self.main = Generator(embedding, maps, code), Generated()
        self.log_softmax = nn.LogSoftmax(dim=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.log_softmax(self.main(x, *self.generator(x)))
