"""Images drawn a little differently: each moved, turned and stretched at random."""

import math

import torch
from torch.nn import functional as F

from dsplet.train.loop import shifted


def distorted(images: torch.Tensor, shift: int, rotation_degrees: float = 0.0,
              stretch: float = 0.0) -> torch.Tensor:
    """uint8 images (n, H, W), over a background of 0; each on its own, uniformly at random.

    shift: pixels each way, whole ones where nothing else is asked for. rotation_degrees: each way.
    stretch: of width, height and slant, as a fraction of them, each way. Values between pixels are
    interpolated linearly and rounded half up.
    """
    if not rotation_degrees and not stretch:
        return shifted(images, shift)
    n, height, width = images.shape

    def uniform(most: float, *shape: int) -> torch.Tensor:
        return most * (2 * torch.rand(n, *shape) - 1)

    angle, (x, y, slant) = uniform(math.radians(rotation_degrees)), uniform(stretch, 3).unbind(1)
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([cos * (1 + x), slant - sin * (1 + y), sin * (1 + x), cos * (1 + y)], 1)
    move = uniform(shift, 2, 1) * torch.tensor([[2 / width], [2 / height]])
    grid = F.affine_grid(torch.cat([turn.reshape(n, 2, 2), move], 2), [n, 1, height, width],
                         align_corners=False)
    drawn = F.grid_sample(images[:, None].float(), grid, align_corners=False)[:, 0]
    return (drawn + 0.5).floor().to(torch.uint8)
