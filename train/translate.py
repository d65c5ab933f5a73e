"""Sequence to sequence: an encoder that reads symbols, a decoder that writes others, greedily."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from dsplet.train.recurrent import open_forget_gates


class Symbols(nn.Module):
    """Codes (N, 1, 1, T) as floats -> one-hot rows (N, T, kinds); what is no code counts as the
    nearest."""

    rows: torch.Tensor

    def __init__(self, kinds: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.eye(kinds), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        codes = x.flatten(1).clamp(0, len(self.rows) - 1)
        return F.embedding(codes.long(), self.rows)


class Decoder(nn.Module):
    """Writes `steps` symbols with an LSTM cell; each is read again as the next step begins.

    start: the code read first. Subclasses say what of the input a step reads (`look`).
    """

    rows: torch.Tensor

    def __init__(self, inputs: int, units: int, kinds: int, steps: int, start: int) -> None:
        super().__init__()
        self.cell, self.out = nn.LSTMCell(inputs + kinds, units), nn.Linear(units, kinds)
        self.register_buffer("rows", torch.eye(kinds), persistent=False)
        self.steps, self.start = steps, start

    def look(self, h: torch.Tensor, seen: tuple) -> tuple[torch.Tensor, ...]:
        return ()

    def forward(self, h: torch.Tensor, c: torch.Tensor, seen: tuple = (),
                said: torch.Tensor | None = None) -> torch.Tensor:
        """h, c: (N, units), the first state. said: the right codes (N, steps), read instead of its
        own where they are given. -> scores (N, steps, kinds)."""
        def step(state: tuple, place: torch.Tensor | None) -> tuple:
            token, h, c = state
            h, c = self.cell(torch.cat([*self.look(h, seen), F.embedding(token, self.rows)], 1),
                             (h, c))
            scores = self.out(h)
            return (scores.argmax(1), h, c), scores

        state = (torch.full(h.shape[:1], self.start), h, c)
        if torch.compiler.is_exporting():
            from torch._higher_order_ops.scan import scan
            _, scores = scan(step, state, torch.zeros(self.steps, 1))
            return scores.transpose(0, 1)
        written = []
        for t in range(self.steps):
            state, scores = step(state, None)
            written.append(scores)
            if said is not None:
                state = (said[:, t], *state[1:])
        return torch.stack(written, 1)


class Attending(Decoder):
    """The decoder that looks, before each step, at a mean of the encoder's states, weighted by a
    softmax of v tanh(W h + K state): additive attention (Bahdanau, Cho and Bengio, ICLR 2015), its
    product of the states made once, as in the paper's appendix A.1.2."""

    def __init__(self, inputs: int, units: int, kinds: int, steps: int, start: int,
                 hidden: int) -> None:
        super().__init__(inputs, units, kinds, steps, start)
        self.query, self.score = nn.Linear(units, hidden, bias=False), nn.Linear(hidden, 1, False)

    def weights(self, h: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        """(N, 1, T): how much of each state is looked at."""
        scores = self.score(torch.tanh(keys + self.query(h)[:, None]))
        return scores.transpose(1, 2).softmax(2)

    def look(self, h: torch.Tensor, seen: tuple) -> tuple[torch.Tensor, ...]:
        states, keys = seen
        return ((self.weights(h, keys) @ states)[:, 0],)


class Translator(nn.Module):
    """An LSTM reads the input from its end (Sutskever, Vinyals and Le, NIPS 2014); its last state
    is the decoder's first.

    x: codes (N, 1, 1, T) as floats, below `kinds`; said: see `Decoder` -> log-probabilities
    (N, steps, the decoder's kinds).
    """

    def __init__(self, kinds: int, units: int, decoder: Decoder) -> None:
        super().__init__()
        self.symbols = Symbols(kinds)
        self.encoder = open_forget_gates(nn.LSTM(kinds, units, batch_first=True))
        self.decoder = decoder

    def forward(self, x: torch.Tensor, said: torch.Tensor | None = None) -> torch.Tensor:
        _, (h, c) = self.encoder(self.symbols(x).flip(1))
        return F.log_softmax(self.decoder(h[0], c[0], (), said), 2)


class AttentionTranslator(nn.Module):
    """Two LSTMs of half the units read the input in both directions; the decoder begins at zero and
    looks at their states. As `Translator` otherwise."""

    def __init__(self, kinds: int, units: int, decoder: Attending) -> None:
        super().__init__()
        self.symbols = Symbols(kinds)
        self.encoder = nn.LSTM(kinds, units // 2, batch_first=True, bidirectional=True)
        self.keys, self.decoder = nn.Linear(units, decoder.query.out_features), decoder

    def forward(self, x: torch.Tensor, said: torch.Tensor | None = None) -> torch.Tensor:
        states, _ = self.encoder(self.symbols(x))
        h, c = (x.new_zeros(x.shape[0], self.decoder.cell.hidden_size) for _ in range(2))
        return F.log_softmax(self.decoder(h, c, (states, self.keys(states)), said), 2)
