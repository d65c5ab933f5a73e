"""Recurrent modules and what their training needs."""

from __future__ import annotations

import torch
from torch import nn


class Rows(nn.Module):
    """An image as a sequence: (N, 1, H, W) -> (N, H, W), one row a step."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.squeeze(1)


class Columns(nn.Module):
    """A row as a sequence: (N, 1, 1, T) -> (N, T, 1), one sample a step."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1).unsqueeze(2)


class LastState(nn.Module):
    """The output of the last step of nn.RNN, nn.GRU, nn.LSTM (batch_first) and `Leaky`."""

    def forward(self, result: tuple) -> torch.Tensor:
        return result[0][:, -1]


class States(nn.Module):
    """Of the same, the outputs of all steps, or of the `last` ones: (N, T, units)."""

    def __init__(self, last: int = 0) -> None:
        super().__init__()
        self.last = last

    def forward(self, result: tuple) -> torch.Tensor:
        return result[0][:, -self.last:]


class Leaky(nn.Module):
    """dz/dt = -z + tanh(W x + U z + b) in Euler steps: z(t) = z(t-1) + step (tanh(..) - z(t-1)).

    x: (N, T, inputs) -> (all states (N, T, units), the last). With step 1 it is Elman's network;
    smaller steps are leaky integration (Jaeger et al., Neural Networks 20:335-352, 2007; Bengio,
    Boulanger-Lewandowski and Pascanu, ICASSP 2013). With orthogonal, U starts as a rotation (Saxe,
    McClelland and Ganguli, ICLR 2014), else as PyTorch's Linear does.
    """

    def __init__(self, inputs: int, units: int, step: float, orthogonal: bool = True) -> None:
        super().__init__()
        self.w, self.u = nn.Linear(inputs, units), nn.Linear(units, units, bias=False)
        self.step = step
        self.seen: list[torch.Tensor] = []
        if orthogonal:
            nn.init.orthogonal_(self.u.weight)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        z = x.new_zeros(x.shape[0], self.u.in_features)
        if torch.compiler.is_exporting():
            from torch._higher_order_ops.scan import scan
            last, states = scan(self._next, z, x.transpose(0, 1))
            return states.transpose(0, 1), last
        self.seen = [z]
        for t in range(x.shape[1]):
            self.seen.append(self._next(self.seen[-1], x[:, t])[0])
        return torch.stack(self.seen[1:], 1), self.seen[-1]

    def _next(self, z: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        after = z + self.step * (torch.tanh(self.w(x) + self.u(z)) - z)
        return after, after.clone()

    def propagation(self, loss: torch.Tensor) -> torch.Tensor:
        """How far error, carried one step back, grows or shrinks: the mean over steps of
        (|dE/dz(t+1) dz(t+1)/dz(t)| / |dE/dz(t+1)| - 1)^2.

        The regulariser of Pascanu, Mikolov and Bengio, ICML 2013, eq. 9; as there, its gradient
        takes dE/dz and the states as given.
        """
        errors = torch.autograd.grad(loss, self.seen[1:], retain_graph=True, allow_unused=True)
        total, steps = loss.new_zeros(()), 0
        for t, error in enumerate(errors):
            norm = 0.0 if error is None else error.norm()
            if error is None or norm == 0:
                continue
            z, after = self.seen[t].detach(), self.seen[t + 1].detach()
            slope = 1 - ((after - z) / self.step + z) ** 2  # of tanh, there
            back = self.step * (error.detach() * slope) @ self.u.weight
            back = back + (1 - self.step) * error.detach()
            total, steps = total + (back.norm() / norm - 1) ** 2, steps + 1
        return total / max(steps, 1)


def open_forget_gates(lstm: nn.LSTM, bias: float = 1.0) -> nn.LSTM:
    """The LSTM with its forget gates biased towards keeping.

    Gers, Schmidhuber and Cummins, Neural Computation 12(10):2451-2471, 2000, start with positive
    forget biases; 1 is what Jozefowicz, Zaremba and Sutskever, ICML 2015, recommend.
    """
    with torch.no_grad():
        for name, value in lstm.named_parameters():
            if name.startswith("bias_ih"):
                units = len(value) // 4
                value[units:2 * units] += bias  # PyTorch's order of gates: i, f, g, o
    return lstm


def remember(cell: nn.LSTM | nn.GRU, steps: int) -> nn.LSTM | nn.GRU:
    """The cell with biases by which its units forget at different speeds, over 1 to `steps` steps.

    Chrono initialisation: Tallec and Ollivier, Can recurrent neural networks warp time?, ICLR 2018.
    A gate that keeps, biased by log(t - 1), keeps for about t steps; an LSTM lets in as little.
    """
    with torch.no_grad():
        for name, value in cell.named_parameters():
            if name.startswith("bias_hh"):
                value.zero_()
            elif name.startswith("bias_ih"):
                units = cell.hidden_size
                keep = torch.empty(units).uniform_(1, steps - 1).log()
                value.zero_()
                value[units:2 * units] = keep  # i, f, g, o of an LSTM; r, z, n of a GRU
                if isinstance(cell, nn.LSTM):
                    value[:units] = -keep
    return cell


def propagation(module: nn.Module, loss: torch.Tensor) -> torch.Tensor:
    """The sum of `Leaky.propagation` over the module's layers."""
    layers = [m for m in module.modules() if isinstance(m, Leaky)]
    return sum((layer.propagation(loss) for layer in layers), loss.new_zeros(()))
