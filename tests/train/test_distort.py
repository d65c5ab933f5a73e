"""Distortions: a small blob lands where geometry allows, and nowhere else."""

import numpy as np
import torch

from dsplet.train.distort import distorted

CENTRE = 15.5  # of 32 pixels


def blobs(row: int, column: int, n: int = 400) -> torch.Tensor:
    """n images of one 2x2 square, its centre `row`, `column` pixels off the image's."""
    images = torch.zeros(n, 32, 32, dtype=torch.uint8)
    images[:, 15 + row:17 + row, 15 + column:17 + column] = 240
    return images


def places(images: torch.Tensor) -> np.ndarray:
    """The centre of mass of each image off its middle, (n, 2) rows and columns."""
    mass = images.double().numpy()
    at = np.arange(32) - CENTRE
    return np.stack([mass.sum(2) @ at, mass.sum(1) @ at], 1) / mass.sum((1, 2))[:, None]


def seeded(*words) -> torch.Tensor:
    torch.manual_seed(0)
    return distorted(*words)


def test_rotation_keeps_the_radius_and_the_angles():
    found = places(seeded(blobs(0, 8), 0, 20.0))
    assert np.allclose(np.hypot(*found.T), 8, atol=0.15)
    angles = np.degrees(np.arctan2(*found.T))
    assert angles.max() < 21 and angles.min() > -21
    assert angles.max() > 17 and angles.min() < -17 and abs(angles.mean()) < 2


def test_stretching_keeps_the_middle_and_its_bounds():
    assert np.allclose(places(seeded(blobs(0, 0), 0, 0.0, 0.2)), 0, atol=0.05)
    found = places(seeded(blobs(0, 8), 0, 0.0, 0.2))
    assert found[:, 1].min() > 8 / 1.25 and found[:, 1].max() < 8 / 0.75
    assert found[:, 1].min() < 7.2 and found[:, 1].max() > 8.8


def test_moves_are_whole_alone_and_bounded_always():
    moved = places(seeded(blobs(0, 0), 2))
    assert set(np.unique(np.round(moved, 9))) == {-2, -1, 0, 1, 2}
    moved = places(seeded(blobs(0, 0), 2, 1e-6))
    assert 1.9 < np.abs(moved).max() < 2.1 and np.abs(moved.mean(0)).max() < 0.2


def test_the_same_seed_draws_the_same():
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (20, 16, 12), np.uint8))
    assert torch.equal(seeded(images, 1, 8.0, 0.08), seeded(images, 1, 8.0, 0.08))
    assert torch.equal(seeded(images, 0), images)
