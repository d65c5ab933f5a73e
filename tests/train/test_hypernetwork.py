"""The hypernetwork: what is generated is used as weights, image by image."""

import torch
from torch.nn import functional as F

from dsplet.train import zoo


def test_generated_weights_do_what_learnt_ones_would():
    """Against PyTorch's convolution and product, each image with its own weights."""
    torch.manual_seed(0)
    net = zoo.get("hyper").build()
    x = torch.rand(4, 1, 28, 28)
    kernels, matrix = net.generator(x)
    assert kernels.shape == (4, 8, 25) and matrix.shape == (4, 288, 10)
    y = net.main(x, kernels, matrix)
    for n in range(4):
        maps = F.conv2d(x[n:n + 1], kernels[n].reshape(8, 1, 5, 5), stride=2)
        units = F.max_pool2d(maps.clamp(min=0), 2).flatten()
        torch.testing.assert_close(y[n], units @ matrix[n])


def test_the_main_net_has_no_weights_of_its_own_and_each_image_has_others():
    net = zoo.get("hyper").build()
    assert not list(net.main.parameters())
    for made in net.generator(torch.rand(2, 1, 28, 28)):
        assert (made[0] != made[1]).all()


def test_the_matrix_is_made_map_by_map_through_one_shared_layer():
    """Ha, Dai and Le: equal codes give equal blocks of rows."""
    net = zoo.get("hyper").build()
    with torch.no_grad():
        net.generator.codes.weight.zero_()
        net.generator.codes.bias.copy_(torch.arange(4.0).repeat(8))
    _, matrix = net.generator(torch.rand(1, 1, 28, 28))
    blocks = matrix.reshape(8, 36, 10)
    assert (blocks == blocks[0]).all() and (blocks[0] != 0).any()
