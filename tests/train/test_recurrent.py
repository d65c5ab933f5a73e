"""Recurrent modules, what their training needs, and the sequences they learn from."""

import numpy as np
import pytest
import torch

from train.data.sequences import SYMBOLS, order_sequences
from train.recurrent import Leaky, open_forget_gates, propagation


def test_a_leaky_network_with_step_1_is_elmans():
    torch.manual_seed(0)
    leaky, elman = Leaky(3, 5, step=1.0), torch.nn.RNN(3, 5, batch_first=True)
    state = {"weight_ih_l0": leaky.w.weight, "bias_ih_l0": leaky.w.bias,
             "weight_hh_l0": leaky.u.weight, "bias_hh_l0": torch.zeros(5)}
    elman.load_state_dict(state)
    x = torch.randn(4, 7, 3)
    assert torch.allclose(leaky(x)[0], elman(x)[0], atol=1e-6)


def test_a_leaky_network_follows_its_differential_equation():
    """Without input dz/dt = -z + tanh(U z) near zero is linear: small steps meet exp(A t) z(0)."""
    leaky = Leaky(1, 2, step=0.001)
    with torch.no_grad():
        leaky.u.weight.copy_(torch.tensor([[0.0, 0.5], [-0.5, 0.0]]))
        leaky.w.weight.zero_(), leaky.w.bias.zero_()
        z = torch.tensor([[1e-4, 0.0]])
        for _ in range(1000):
            z, _ = leaky._next(z, torch.zeros(1, 1))
    decay, angle = np.exp(-1.0), 0.5
    assert np.allclose(z[0] / 1e-4, decay * np.array([np.cos(angle), -np.sin(angle)]), atol=2e-3)


def test_the_regulariser_is_zero_where_errors_keep_their_size():
    """In the linear part of tanh, a rotation carries errors back unchanged, half of one halves."""
    torch.manual_seed(0)
    leaky = Leaky(2, 6, step=1.0)
    torch.nn.init.zeros_(leaky.w.bias)
    x = 1e-3 * torch.randn(3, 5, 2)
    loss = leaky(x)[1].sum()
    assert propagation(leaky, loss).item() < 1e-6
    with torch.no_grad():
        leaky.u.weight *= 0.5
    loss = leaky(x)[1].sum()
    assert propagation(leaky, loss).item() == pytest.approx(0.25, abs=1e-3)
    propagation(leaky, loss).backward()
    assert (leaky.u.weight.grad * leaky.u.weight).sum() < 0  # it asks for a larger U


def test_forget_gates_begin_open():
    lstm = torch.nn.LSTM(2, 4)
    before = lstm.bias_ih_l0.detach().clone()
    moved = open_forget_gates(lstm).bias_ih_l0 - before
    assert moved.tolist() == pytest.approx([0] * 4 + [1] * 4 + [0] * 8)


def test_sequences_hold_what_their_label_says():
    images, labels = order_sequences(np.random.default_rng(3), 200)
    for image, label in zip(images, labels, strict=True):
        used = image[image.any(1)]
        text = "".join(SYMBOLS[i] for i in used.argmax(1))
        assert 100 <= len(text) <= 110 and text[0] == "E" and text[-1] == "B"
        marked = [(i, c) for i, c in enumerate(text) if c in "XY"]
        (i, a), (j, b) = marked
        assert 10 <= i <= 20 and 50 <= j <= 60 and label == 2 * (a == "Y") + (b == "Y")
