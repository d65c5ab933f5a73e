"""A net that slides gives for each place what its window alone gives."""

import pytest
import torch

from dsplet.train import zoo
from dsplet.train.reading import sliding

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["lenet1", "lenet5", "reader"])
def test_sliding_is_a_window_at_a_time(name):
    torch.manual_seed(0)
    card = zoo.get(name)
    module, (c, h, w) = card.build().eval(), card.input_shape
    net, line = sliding(module, card.input_shape), torch.rand(2, c, h, w + 4 * 5)
    with torch.no_grad():
        whole = net(line)
        whole = whole.transpose(1, 2) if name == "reader" else whole.squeeze(2)
        assert whole.shape == (2, len(card.classes), 6)
        for t in range(6):
            torch.testing.assert_close(whole[:, :, t], module(line[..., 4 * t:4 * t + w]))
