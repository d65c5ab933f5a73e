"""Reading lines: a recogniser slides over a picture, a weighted finite-state machine finds the best
path through what it says (Matan et al., NIPS 4, 1992; LeCun et al., Proc. IEEE 86(11), 1998).
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from dsplet.data.automaton import STATES, Machine

FLOOR, LEAST = -64.0, -16.0
"""No path counts as worse than FLOOR below the best of its column, and no score as less than LEAST:
what 16 bits hold at a step of 1/256."""


class Recognizer(nn.Sequential):
    """Layers that are all convolutions, the last of which leaves one row: (N, 1, H, W) -> log-
    probabilities (N, classes) of the one column that a window leaves, or (N, T, classes) of T
    columns of a wider input. What neighbouring windows share is computed once.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = super().forward(x).squeeze(2)  # (N, classes, T)
        return torch.log_softmax(y.squeeze(2) if y.shape[2] == 1 else y.transpose(1, 2), -1)


def sliding(module: nn.Sequential, shape: tuple[int, int, int]) -> nn.Sequential:
    """The same layers and weights as a net that slides: from the flattening on, each product with
    what a window leaves is a convolution over it. shape: of a window, (C, H, W).

    With a window, the new one gives (N, outputs, 1, 1) where `module` gives (N, outputs); a
    `Recognizer` is left as it is.
    """
    if isinstance(module, Recognizer):
        return module
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    x, size = torch.zeros(1, *shape), None
    for name, layer in module.named_children():
        before, x = x.shape[1:], layer(x)
        if isinstance(layer, nn.Flatten):
            size = before
        elif isinstance(layer, nn.Linear):
            planes, height, width = size or (before[0], 1, 1)
            conv = nn.Conv2d(planes, layer.out_features, (height, width))
            conv.weight.data = layer.weight.data.reshape(conv.weight.shape)
            conv.bias = nn.Parameter(layer.bias.data)
            layers[name], size = conv, None
        else:
            layers[name] = layer
    return nn.Sequential(layers)


class Viterbi(nn.Module):
    """The best path of a machine: log-probabilities (N, T, classes) -> states (N, T).

    s[j] = max over i of (s[i] + weight of i to j) + score[j], back-pointers, and the way back from
    the best state that may be last (Viterbi, IEEE Trans. Information Theory 13:260-269, 1967). The
    best s is 0 in each column, and none falls below FLOOR.
    """

    hears: torch.Tensor
    sources: torch.Tensor
    ends: torch.Tensor
    begin: torch.Tensor

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        begin = torch.full((len(machine),), FLOOR)
        begin[machine.start] = 0.0
        tables = {"hears": machine.hears, "sources": machine.sources, "ends": machine.finals,
                  "begin": begin.numpy()}
        for i, (rows, n) in enumerate(machine.groups):
            tables[f"sources{i}"] = machine.sources[rows, :n].reshape(-1)
            tables[f"weights{i}"] = machine.weights[rows, :n].astype(np.float32)
        for name, table in tables.items():
            self.register_buffer(name, torch.tensor(table), persistent=False)
        self.groups = len(machine.groups)

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        scores = scores.detach().transpose(0, 1)  # (T, N, classes)
        begin = self.begin + scores.new_zeros(scores.shape[1], 1)
        last, pointers = over_time(self._column, begin, scores)
        best = self.ends.index_select(0, last.index_select(1, self.ends).argmax(1))  # (N,)
        _, path = over_time(self._back, best, pointers.flip(0))
        return path.flip(0).transpose(0, 1)

    def _column(self, s: torch.Tensor, scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """s: (N, S) -> the next, and which of its sources each state came from (N, S)."""
        best, pointers = [], []
        for i in range(self.groups):
            weights = self.get_buffer(f"weights{i}")
            ways = s.index_select(1, self.get_buffer(f"sources{i}")).unflatten(1, weights.shape)
            ways = ways + weights
            best.append(ways.amax(2))
            pointers.append(ways.argmax(2))
        s = torch.cat(best, 1) + scores.clamp(min=LEAST).index_select(1, self.hears)
        return (s - s.amax(1, keepdim=True)).clamp(min=FLOOR), torch.cat(pointers, 1)

    def _back(self, state: torch.Tensor, pointers: torch.Tensor
              ) -> tuple[torch.Tensor, torch.Tensor]:
        """state: (N,), that of this column -> that of the column before, and itself."""
        way = pointers.gather(1, state[:, None])
        return self.sources.index_select(0, state).gather(1, way)[:, 0], state.clone()


class Reader(nn.Module):
    """A recogniser and a machine: a line (N, 1, H, W) -> what stands in it, (N, K, classes) with 1
    for the class of each place (those behind the last are blank), and the path (N, T); the path
    alone where the machine has no rows."""

    rows: torch.Tensor
    ones: torch.Tensor

    def __init__(self, recognizer: nn.Module, machine: Machine) -> None:
        super().__init__()
        self.recognizer, self.path = recognizer, Viterbi(machine)
        self.facts = {STATES: json.dumps(list(machine.names))}
        self.outputs = ("y",) if machine.rows is None else ("y", "path")
        if machine.rows is not None:
            self.register_buffer("rows", torch.tensor(machine.rows), persistent=False)
            self.register_buffer("ones", torch.eye(machine.classes), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        path = self.path(self.recognizer(x))
        if len(self.outputs) == 1:
            return path.float()
        read = functional.embedding(path, self.rows).amax(1)
        return functional.embedding(read, self.ones), path.float()


def over_time(step: Callable, state: torch.Tensor, xs: torch.Tensor
              ) -> tuple[torch.Tensor, torch.Tensor]:
    """step(state, x) -> (next state, y) for each x of xs (T, ...): the last state, all y (T, ...).
    Exported, it is one loop."""
    if torch.compiler.is_exporting():
        from torch._higher_order_ops.scan import scan
        return scan(step, state, xs)
    ys = []
    for x in xs:
        state, y = step(state, x)
        ys.append(y)
    return state, torch.stack(ys)
