"""The contract's rounding with a gradient: forwards exact, backwards as if nothing were rounded."""

import math

import torch


class _Floor(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:
        return torch.floor(x)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        return gradient


class _Lookup(torch.autograd.Function):
    @staticmethod
    def forward(ctx, table: torch.Tensor, slopes: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        index = x.detach().long()
        ctx.save_for_backward(slopes[index])
        return table[index]

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[None, None, torch.Tensor]:
        return None, None, gradient * ctx.saved_tensors[0]


floor = _Floor.apply
lookup = _Lookup.apply
"""lookup(table, slopes, x) = table[x] for whole x; the gradient is slopes[x]."""


def power_of_two(n: torch.Tensor) -> torch.Tensor:
    """2**n of real n rounded half up, -126 <= n <= 127, from the bits of a float32: no library's
    rounding is in it."""
    return ((torch.floor(n + 0.5).to(torch.int32) + 127) << 23).view(torch.float32)


def fake_quantize(real: torch.Tensor, frac: torch.Tensor, low: int, high: int) -> torch.Tensor:
    """round_half_up(real * 2**frac) limited to [low, high], as reals again.

    frac: rounded half up; it broadcasts to `real`. Exact where `real` lies on a grid that its type
    holds with one bit to spare. The gradient to `real` is 1 inside the limits and 0 outside; that
    to `frac` is the learned step size's in the log domain: Esser et al., Learned Step Size
    Quantization, 2020 (1902.08153); Jain et al., Trained Quantization Thresholds, 2020
    (1903.08066).
    """
    return _FakeQuantize.apply(real, frac, low, high)


class _FakeQuantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx, real: torch.Tensor, frac: torch.Tensor, low: int, high: int) -> torch.Tensor:
        scale = power_of_two(frac).to(real.dtype)
        scaled = real * scale
        inside = (scaled >= low) & (scaled <= high)
        y = scaled.add_(0.5).floor_().clamp_(low, high).div_(scale)
        ctx.save_for_backward(inside, real, y)
        ctx.shape = frac.shape
        return y

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple:
        inside, real, y = ctx.saved_tensors
        passed = gradient * inside
        slope = None
        if ctx.needs_input_grad[1]:  # y = q / 2**frac: -ln 2 * y, and inside the limits + ln 2 * x
            slope = (passed * real - gradient * y).sum_to_size(ctx.shape) * math.log(2)
        return passed, slope, None, None
