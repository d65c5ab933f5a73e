"""Models: what is built has the counts of the papers, and the geometry too."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from dsplet import data
from dsplet.train import zoo
from dsplet.train.layers import (
    BACKGROUND,
    LocalConv2d,
    PartialConv2d,
    PlaneConv2d,
    RadialBasis,
    ScaledTanh,
    Subsampling2d,
)
from dsplet.train.zoo.count import count


@pytest.mark.parametrize("card", zoo.cards(), ids=lambda card: card.name)
def test_card_agrees_with_the_module(card):
    module = card.build().eval()
    assert count(module, card.input_shape) == card.counts
    with torch.no_grad():
        y = module(torch.zeros(3, *card.input_shape))
    assert (y.shape[0], y.shape[-1]) == (3, len(card.classes))
    if card.loss == "nll":
        torch.testing.assert_close(y.exp().sum(-1), torch.ones(y.shape[:-1]))
    assert card.dataset in {dataset.name for dataset in data.datasets()}
    assert set(card.training) <= {dataset.name for dataset in data.datasets()}
    assert all(figure.source for figure in card.published)


def test_published_totals():
    counts = {card.name: (card.counts.weights, card.counts.links) for card in zoo.cards()}
    assert counts["lenet1"] == (2_578, 98_442)
    assert counts["zip1989"] == (9_760, 64_660)
    assert counts["lenet5"] == (61_706, 423_038)
    assert counts["lenet5_1998"] == (60_000, 340_908)
    nets = [counts[f"net{i}"] for i in range(1, 6)]
    assert nets == [(2570, 2570), (3214, 3214), (1226, 1226), (1132, 2266), (1060, 5194)]
    assert counts["lenet_caffe"] == (431_080, 2_308_230)


def test_every_file_of_the_zoo_is_imported():
    apart = {"__init__", "card", "count"}
    names = {path.stem for path in Path(zoo.__file__).parent.glob("*.py")} - apart
    assert names == {card.build.__module__.rpartition(".")[2] for card in zoo.cards()}


def test_unknown_model_is_answered_with_the_nearest():
    with pytest.raises(zoo.ZooError, match="'zip1988'.*lenet5.*did you mean 'zip1989'"):
        zoo.get("zip1988")


def test_config_of_a_data_set_that_is_not_listed_is_the_default_one():
    card = zoo.get("zip1989")
    assert card.config("mine.npz") == card.training["digits"]
    assert card.config("usps") == card.training["usps"]


@pytest.mark.parametrize("card", zoo.cards(), ids=lambda card: card.name)
def test_inputs_of_every_image_size(card):
    for size in (8, 16, 28):
        x = card.inputs(np.zeros((2, size, size), np.uint8))
        assert x.shape == (2, *card.input_shape) and x.dtype == np.float32
        assert (x == card.normalization.offset).all()


def test_scaled_tanh_has_the_fixed_points_of_the_paper():
    f = ScaledTanh()
    x = torch.tensor([-100.0, -1, 0, 1, 100])
    torch.testing.assert_close(f(x), torch.tensor([-1.7159, -1, 0, 1, 1.7159]), atol=1e-4, rtol=0)


def test_planes_are_connected_by_the_scheme_and_nothing_else():
    """Against a dense convolution whose absent kernels are zero."""
    module = zoo.get("zip1989").build()
    h2 = module.h2
    seen = [range(8), range(4, 12), [*range(4), *range(8, 12)]]
    dense = torch.zeros(12, 12, 5, 5)
    for group, planes in enumerate(seen):
        for k, plane in enumerate(planes):
            dense[4 * group : 4 * group + 4, plane] = h2.weight[group][:, k].detach()
    torch.manual_seed(0)
    torch.nn.init.normal_(h2.bias)
    x = torch.randn(2, 12, 8, 8)
    padded = torch.full((2, 12, 12, 12), BACKGROUND)
    padded[:, :, 2:10, 2:10] = x
    torch.testing.assert_close(h2(x), F.conv2d(padded, dense, stride=2) + h2.bias)


def test_plane_conv_initial_range():
    weight = PlaneConv2d(4, 5, 8, (((0, 1),),)).weight[0]
    assert 0.3 < weight.abs().max() <= 2.4 / 5


TABLES = [zoo.lenet1.H3_TABLE, ((0, 2), (1,), (1,), (0, 1, 3, 5))]


@pytest.mark.parametrize("table", TABLES)
def test_partial_conv_sees_what_its_table_says(table):
    """Against a dense convolution whose absent kernels are zero."""
    torch.manual_seed(0)
    planes = 1 + max(map(max, table))
    module, dense = PartialConv2d(table, 3), torch.zeros(len(table), planes, 3, 3)
    torch.nn.init.normal_(module.bias)
    kernels = iter([kernel for group in module.weight for kernel in group])
    for i, row in enumerate(table):
        dense[i, list(row)] = next(kernels).detach()
    x = torch.randn(2, planes, 7, 6)
    torch.testing.assert_close(module(x), F.conv2d(x, dense, module.bias))
    assert sum(w.numel() for w in module.weight) == 9 * sum(map(len, table))


def test_subsampling_is_a_coefficient_times_a_sum():
    torch.manual_seed(0)
    module, x = Subsampling2d(3), torch.randn(2, 3, 6, 4)
    torch.nn.init.normal_(module.bias)
    expected = F.avg_pool2d(x, 2) * 4 * module.weight.reshape(3, 1, 1) + module.bias[:, None, None]
    torch.testing.assert_close(module(x), expected)


def test_local_conv_is_a_sum_over_each_units_own_field():
    """Against PyTorch's unfold, whose fields are channel by channel."""
    torch.manual_seed(0)
    module, x = LocalConv2d(2, 3, 4), torch.randn(3, 2, 8, 8)
    torch.nn.init.normal_(module.bias)
    fields = F.unfold(F.pad(x, (1,) * 4, value=BACKGROUND), 3, stride=2).reshape(3, 2, 9, 16)
    weight = module.weight.reshape(16, 9, 2).permute(2, 1, 0)
    expected = (fields[:, :, :, :16] * weight).sum((1, 2)) + module.bias
    torch.testing.assert_close(module(x), expected.reshape(3, 1, 4, 4))


def test_radial_basis_is_minus_the_distance_squared():
    torch.manual_seed(0)
    codes = torch.randn(4, 6).sign()
    y = RadialBasis(codes.tolist())(x := torch.randn(5, 6))
    torch.testing.assert_close(y, -torch.cdist(x, codes) ** 2)


def test_the_pictures_of_lenet5_1998_differ():
    codes = np.array(zoo.lenet5_1998.codes())
    assert codes.shape == (10, 84) and set(codes.reshape(-1)) == {-1, 1}
    apart = (codes[:, None] != codes).sum(-1)
    assert (apart[~np.eye(10, dtype=bool)] >= 5).all()
