"""Counting a network's weights, links and multiply-accumulates from what it really executes."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from train.zoo.card import Counts


def count(module: nn.Module, input_shape: tuple[int, ...]) -> Counts:
    """The counts of `module` for one input of `input_shape` (C, H, W).

    MACs are half of the floating point operations that PyTorch dispatches to convolutions and
    matrix products. A layer with a `bias` has one more link for each of its units.
    """
    biased_units = 0

    def add_units(layer: nn.Module, inputs, output: torch.Tensor) -> None:
        nonlocal biased_units
        biased_units += output.numel()

    hooks = [
        layer.register_forward_hook(add_units)
        for layer in module.modules()
        if getattr(layer, "bias", None) is not None
    ]
    try:
        with FlopCounterMode(display=False) as flops, torch.no_grad():
            module(torch.zeros(1, *input_shape))
    finally:
        for hook in hooks:
            hook.remove()
    macs = flops.get_total_flops() // 2
    weights = sum(parameter.numel() for parameter in module.parameters())
    return Counts(weights=weights, links=macs + biased_units, macs=macs)
