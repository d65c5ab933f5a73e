"""Counting a network's weights, links and multiply-accumulates from what it really executes."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dsplet.train.zoo.card import Counts


def count(module: nn.Module, input_shape: tuple[int, ...]) -> Counts:
    """The counts of `module` for one input of `input_shape` (C, H, W).

    MACs are half of the floating point operations that PyTorch dispatches to convolutions and
    matrix products. A layer with a `bias` has one more link for each of its units; recurrent layers
    (batch_first) have one for each gate and step, PyTorch's two biases being one.
    """
    biased_units = 0

    def add_units(layer: nn.Module, inputs, output) -> None:
        nonlocal biased_units
        if isinstance(layer, nn.RNNBase):
            steps, rows = output[0].shape[1], layer.get_parameter("weight_hh_l0").shape[0]
            directions = 2 if layer.bidirectional else 1
            biased_units += steps * rows * directions * layer.num_layers if layer.bias else 0
        elif isinstance(layer, nn.RNNCellBase):
            biased_units += layer.weight_hh.shape[0] if layer.bias else 0
        else:
            biased_units += output.numel()

    hooks = [
        layer.register_forward_hook(add_units)
        for layer in module.modules()
        if getattr(layer, "bias", None) is not None
    ]
    try:
        with (FlopCounterMode(display=False) as flops, torch.no_grad(),
              torch.backends.mkldnn.flags(enabled=False)):  # which fuses what is to be counted
            module(torch.zeros(1, *input_shape))
    finally:
        for hook in hooks:
            hook.remove()
    macs = flops.get_total_flops() // 2
    weights = sum(parameter.numel() for parameter in module.parameters())
    return Counts(weights=weights, links=macs + biased_units, macs=macs)
