"""Quantization-aware training: the forward pass is the contract, and what is learnt ships."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from quantize.fixed.graph import Graph
from tests.fixed.cases import CASES
from tests.fixed.samples import samples
from train.qat.network import Network


def reals(graph: Graph, xs) -> list[torch.Tensor]:
    return [torch.from_numpy((x * 2.0**-v.format.frac).astype(np.float32))
            for v, x in zip(graph.inputs, xs, strict=True)]


def differing(network: Network, graph: Graph, xs) -> int:
    """Integers in which the forward pass and the NumPy reference differ, in all values."""
    seen, wanted = network(*reals(graph, xs)), graph.run(*xs)
    count = 0
    for v in graph.values():
        got = seen[v.name].detach().double().numpy() * 2.0**v.format.frac
        count += np.count_nonzero(np.broadcast_to(got, (len(xs[0]), *v.shape)) != wanted[v.name])
    return count


@pytest.mark.parametrize("graph", CASES)
def test_forward_equals_reference(graph):
    """The sixth execution of the square, in every value."""
    assert differing(Network(graph), graph, samples(graph)) == 0
