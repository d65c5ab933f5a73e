"""Recurrent modules, what their training needs, and the sequences they learn from."""

import numpy as np
import pytest
import torch
from scipy import integrate

from dsplet.data.oscillator import DAMPING, PERIOD, oscillations, places
from dsplet.data.sequences import (
    ALPHABET,
    BLANKS,
    COPIED,
    SYMBOLS,
    adding_sequences,
    copy_sequences,
    order_sequences,
)
from dsplet.train.recurrent import Leaky, open_forget_gates, propagation, remember


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


@pytest.mark.parametrize("cell", [torch.nn.LSTM, torch.nn.GRU])
def test_what_is_remembered_fades_over_different_times(cell):
    """Without weights a unit keeps the part (t - 1) / t of its state each step, 1 <= t <= steps;
    an LSTM lets in 1 / t."""
    torch.manual_seed(0)
    module = remember(cell(2, 200), 50)
    for name, value in module.named_parameters():
        if name.startswith("weight"):
            torch.nn.init.zeros_(value)
    one, x = torch.ones(1, 200), torch.zeros(1, 2)
    _, state = module(x, (one, one) if cell is torch.nn.LSTM else one)
    kept = state[1] if cell is torch.nn.LSTM else state
    times = 1 / (1 - kept.detach()) - 1
    assert 1 <= times.min() < 3 and 45 < times.max() <= 49 + 1e-3
    if cell is torch.nn.LSTM:
        let_in, keep = module.bias_ih_l0[:400].detach().sigmoid().reshape(2, 200)
        torch.testing.assert_close(let_in + keep, torch.ones(200))


def test_two_marked_numbers_are_added():
    images, wanted = adding_sequences(np.random.default_rng(4), 300)
    assert images.shape == (300, 110, 2) and wanted.shape == (300, 1)
    lengths = set()
    for image, (y,) in zip(images.astype(int), wanted, strict=True):
        numbers, markers = image[:, 0] / 128 - 1, image[:, 1]
        begin, end = np.flatnonzero(markers == 0)
        marked = np.flatnonzero(markers == 255) - begin
        assert end == 109 and len(marked) == 2 and (image[:begin] == 128).all()
        assert marked.min() >= 1 and marked.min() <= 10 and marked.max() < 50
        assert y == pytest.approx(0.5 + numbers[marked + begin].sum() / 4, abs=1e-6)
        lengths.add(110 - begin)
    assert lengths == set(range(100, 111)) and 0 <= wanted.min() < 0.1 < 0.9 < wanted.max() < 1


def test_what_is_to_be_copied_is_what_was_said():
    images, wanted = copy_sequences(np.random.default_rng(5), 50)
    assert images.shape == (50, 2 * COPIED + BLANKS, ALPHABET + 1)
    said = images[:, :COPIED].argmax(2)
    assert (wanted == said).all() and len(np.unique(said)) == ALPHABET
    rest = images[:, COPIED:]
    assert (rest.sum((1, 2)) == 255).all() and (rest[:, BLANKS, ALPHABET] == 255).all()


def test_the_oscillator_obeys_its_equation():
    """Against SciPy's integrator, step by step."""
    images, wanted = oscillations(np.random.default_rng(6), 3)
    drives, w = images[:, :, 0] / 128 - 1, 2 * np.pi / PERIOD
    assert len(np.unique(images[0])) > 3 and (np.diff(drives) == 0).mean() > 0.7
    for drive, x in zip(drives, wanted, strict=True):
        state = [0.0, 0.0]
        for u, place in zip(drive, x, strict=True):
            state = integrate.solve_ivp(
                lambda t, s, u=u: [s[1], w * w * (u - s[0]) - 2 * DAMPING * w * s[1]], (0, 1),
                state, rtol=1e-8, atol=1e-10).y[:, -1]
            assert place == pytest.approx(state[0], abs=1e-5)


def test_a_constant_drive_is_reached():
    assert places(np.full((1, 400), 0.5))[0, -1] == pytest.approx(0.5, abs=1e-6)


def test_sequences_hold_what_their_label_says():
    images, labels = order_sequences(np.random.default_rng(3), 200)
    for image, label in zip(images, labels, strict=True):
        used = image[image.any(1)]
        text = "".join(SYMBOLS[i] for i in used.argmax(1))
        assert 100 <= len(text) <= 110 and text[0] == "E" and text[-1] == "B"
        marked = [(i, c) for i, c in enumerate(text) if c in "XY"]
        (i, a), (j, b) = marked
        assert 10 <= i <= 20 and 50 <= j <= 60 and label == 2 * (a == "Y") + (b == "Y")
