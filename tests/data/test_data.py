"""Data sets: fixed splits without overlap, exact resampling, and errors that say what to do."""

import gzip
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage

from dsplet import data
from dsplet.base.files import FileError
from dsplet.data import files
from dsplet.data.mnist import read_idx
from dsplet.data.splits import LateSplits, Samples, stratified

needs_data = pytest.mark.skipif(
    "DSPLET_DATA" not in os.environ, reason="set DSPLET_DATA to a folder with mnist/ and usps/"
)


def test_digits_splits_are_fixed_stratified_and_disjoint():
    splits = data.load("digits")
    parts = (splits.train, splits.calibration, splits.test)
    assert [len(part) for part in parts] == [1197, 240, 360]
    assert len(np.unique(np.concatenate([part.index for part in parts]))) == 1797
    assert set(np.bincount(splits.test.labels)) == {36}
    assert set(np.bincount(splits.calibration.labels)) == {24}
    assert splits.sha256 == "f3a57ac7ae05fb00fb8a986180a088db1c5ff9a105892d9c406be4c3ffb25c1a"


def test_digits_grey_levels_are_those_of_the_source():
    from sklearn.datasets import load_digits

    test = data.load("digits").test
    grey = load_digits().images[test.index]
    np.testing.assert_allclose(test.images, grey * 255 / 16, atol=0.5)
    assert test.images.min() == 0 and test.images.max() == 255


@needs_data
def test_mnist_splits():
    splits = data.load("mnist")
    assert "_parts" not in vars(splits)  # who only tests does not wait for 60,000 images
    assert [len(p) for p in (splits.train, splits.calibration, splits.test)] == [59000, 1000, 10000]
    assert not set(splits.train.index) & set(splits.calibration.index)
    assert set(np.bincount(splits.calibration.labels)) == {100}
    assert splits.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


@needs_data
def test_usps_has_the_class_counts_of_the_paper_and_calibrates_on_training_digits():
    splits = data.load("usps")
    counts = [1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644]
    assert np.bincount(splits.train.labels).tolist() == counts
    counts = [359, 264, 198, 166, 200, 160, 170, 147, 166, 177]
    assert np.bincount(splits.test.labels).tolist() == counts
    assert len(splits.calibration) == 500
    np.testing.assert_array_equal(
        splits.calibration.images, splits.train.images[splits.calibration.index]
    )


def test_stratified_depends_on_the_seed_and_on_nothing_else():
    labels = np.arange(100, dtype=np.uint8) % 10
    first = stratified(labels, 3, seed=1)
    np.testing.assert_array_equal(first, stratified(labels, 3, seed=1))
    assert not np.array_equal(first, stratified(labels, 3, seed=2))
    assert set(np.bincount(labels[first])) == {3}
    with pytest.raises(data.DataError, match="class 0 has 10 samples, 11 wanted"):
        stratified(labels, 11, seed=1)


def test_importing_the_data_and_the_cards_does_not_import_torch():
    code = ("import dsplet.data, dsplet.train.zoo, dsplet.train.evaluate, sys; "
            "sys.exit('torch' in sys.modules)")
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# --- fit -----------------------------------------------------------------------------------------

ramp = np.arange(28 * 28, dtype=np.int64).reshape(1, 28, 28) * 255 // 783
ramp = ramp.astype(np.uint8)


def test_fit_leaves_the_right_size_alone():
    assert data.fit(ramp, (28, 28)) is ramp


@pytest.mark.parametrize("before, after, edge", [(28, 32, 2), (16, 28, 6)])
def test_fit_pads_with_background(before, after, edge):
    image = np.full((1, before, before), 200, np.uint8)
    padded = data.fit(image, (after, after))
    assert padded.dtype == np.uint8 and padded.shape == (1, after, after)
    np.testing.assert_array_equal(padded, np.pad(image, ((0, 0), (edge, edge), (edge, edge))))


def test_fit_shrinks_the_box_of_mnist_by_area():
    # Oracle: repeat every pixel of the 20x20 box 4 times each way, take means of 5x5.
    box = ramp[0, 4:-4, 4:-4].astype(float)
    fine = box.repeat(4, 0).repeat(4, 1)
    means = fine.reshape(16, 5, 16, 5).mean(axis=(1, 3))
    np.testing.assert_array_equal(data.fit(ramp, (16, 16))[0], np.floor(means + 0.5))


@pytest.mark.parametrize("size", [16, 28, 32])
def test_fit_enlarges_bilinearly(size):
    image = data.load("digits").test.images[:5]
    oracle = ndimage.zoom(
        image.astype(float), (1, size / 8, size / 8), order=1, mode="nearest", grid_mode=True
    )
    np.testing.assert_allclose(data.fit(image, (size, size)), oracle, atol=0.5001)


def test_fit_keeps_constants_and_takes_no_other_type():
    white = np.full((2, 8, 8), 255, np.uint8)
    for shape in ((5, 7), (8, 16), (13, 28)):
        assert (data.fit(white, shape)[:, 1:-1, 1:-1] == 255).all()
    with pytest.raises(data.DataError, match=r"images are float64 \(1, 8, 8\); expected uint8"):
        data.fit(np.zeros((1, 8, 8)), (16, 16))


def test_normalization():
    images = np.array([[[0, 128, 255]]], np.uint8)
    np.testing.assert_array_equal(
        data.Normalization(1 / 256, 0.0)(images), np.float32([[[[0, 0.5, 255 / 256]]]])
    )
    x = data.Normalization(2 / 255, -1.0)(images)
    assert x.dtype == np.float32 and x.shape == (1, 1, 1, 3)
    assert x.flat[0] == -1 and x.flat[2] == 1


# --- a user's own samples ------------------------------------------------------------------------


def test_npz_of_a_user_is_all_test(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, images=np.zeros((3, 1, 8, 8), np.uint8), labels=np.array([1, 2, 3]))
    splits = data.load(str(path))
    assert (splits.name, len(splits.train), len(splits.test)) == ("mine.npz", 0, 3)
    assert splits.test.images.shape == (3, 8, 8) and splits.test.labels.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"images": np.zeros((2, 8, 8), np.uint8)}, "labels"),
        ({"images": np.zeros((2, 8, 8), np.uint8), "labels": np.zeros((2, 3, 1), int)}, "labels"),
        ({"images": np.zeros((2, 8, 8), np.uint8), "labels": np.zeros((3, 2), int)}, "labels"),
        ({"images": np.zeros((2, 8, 8)), "labels": np.zeros(2, int)}, "float64"),
        ({"images": np.zeros((2, 8, 8), np.uint8), "labels": np.zeros(3, int)}, "expected 2"),
        ({"images": np.zeros((2, 8, 8), np.uint8), "labels": np.zeros(2)}, "float64"),
        ({"images": np.zeros((1, 8, 8), np.uint8), "labels": np.array([-1])}, "-1..-1"),
        ({"images": np.zeros((0, 8, 8), np.uint8), "labels": np.zeros(0, int)}, "is empty"),
        ({"images": np.array([None]), "labels": np.zeros(1, int)}, "pickle"),
    ],
)
def test_npz_that_is_not_samples(tmp_path, arrays, message):
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)
    with pytest.raises(data.DataError, match="bad.npz.*" + message):
        data.load(str(path))


def test_npz_with_a_sequence_of_classes_for_each_sample(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, images=np.zeros((3, 1, 8), np.uint8), labels=np.arange(12).reshape(3, 4))
    test = data.load(str(path)).test
    assert test.labels.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert test[1:].labels.shape == (2, 4)


def test_npz_that_is_missing_or_not_a_zip(tmp_path):
    with pytest.raises(FileError, match="absent.npz: no such file"):
        data.load(str(tmp_path / "absent.npz"))
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(data.DataError, match="text.npz: not a readable .npz"):
        data.load(str(tmp_path / "text.npz"))


# --- names and files -----------------------------------------------------------------------------


def test_unknown_name_is_answered_with_the_nearest():
    known = [d.name for d in data.datasets()]
    with pytest.raises(data.DataError, match=f"'mnits'.*{', '.join(known)}.*did you mean 'mnist'"):
        data.load("mnits")
    assert {"dates", "digits", "lines", "mnist", "temporal_order", "usps"} <= set(known)
    assert known == sorted(known)


def test_missing_file_says_what_where_and_how(tmp_path, monkeypatch):
    monkeypatch.setenv("DSPLET_DATA", str(tmp_path))
    monkeypatch.setattr(files, "user_cache_path", lambda app: tmp_path / "cache")

    def no_network(*arguments):
        raise OSError("no network")

    monkeypatch.setattr(files, "download", no_network)
    with pytest.raises(data.DataError) as caught:
        data.load("mnist")
    for part in (
        str(tmp_path / "mnist/train-images-idx3-ubyte.gz"),
        str(tmp_path / "cache"),
        "downloading https://",
        "no network",
        "DSPLET_DATA",
    ):
        assert part in str(caught.value)
    with pytest.raises(data.DataError, match="no public address of it is known: set DSPLET_DATA"):
        data.load("usps")


def test_damaged_file_is_refused_with_both_fingerprints(tmp_path, monkeypatch):
    monkeypatch.setenv("DSPLET_DATA", str(tmp_path))
    (tmp_path / "usps").mkdir()
    (tmp_path / "usps/usps.npz").write_bytes(b"damaged")
    found = hashlib.sha256(b"damaged").hexdigest()
    with pytest.raises(data.DataError, match=f"{found}; expected 9f17832f"):
        data.load("usps")


def test_idx_format(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, *range(6)])))
    assert read_idx(path).tolist() == [[0, 1, 2], [3, 4, 5]]
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 9, 1])))
    with pytest.raises(data.DataError, match=r"1 elements; expected \(9,\), as its header says"):
        read_idx(path)
    path.write_bytes(gzip.compress(b"GIF89a"))
    with pytest.raises(data.DataError, match="begins with 47494638"):
        read_idx(path)
    path.write_bytes(b"plain")
    with pytest.raises(data.DataError, match="not a complete gzip file"):
        read_idx(path)


def test_toronto_has_each_drawing_at_four_places():
    splits = data.load("toronto")
    parts = splits.train, splits.test
    assert [len(p) for p in parts] == [320, 160]
    assert [set(np.bincount(p.labels)) for p in parts] == [{32}, {16}]
    index = np.concatenate([p.index for p in parts])
    images = np.concatenate([p.images for p in parts])[np.argsort(index)]
    assert (np.sort(index) == np.arange(480)).all() and set(np.unique(images)) == {0, 255}
    for place in range(1, 4):
        np.testing.assert_array_equal(np.roll(images[::4], place, 2), images[place::4])
    assert images[::4].any((1, 2)).all() and not images[::4, :, 13:].any()
    assert set(splits.calibration.index) <= set(splits.train.index)


def test_motifs_are_where_the_label_says():
    """An ideal observer: the best correlation with each known shape tells the classes apart."""
    splits = data.load("motifs")
    assert [len(p) for p in (splits.train, splits.calibration, splits.test)] == [4000, 400, 1000]
    shapes = data.motifs.shapes()[1:]
    x = splits.test.images[:, 0].astype(float) - 127.5
    best = np.stack([np.max([x[:, i:i + 25] @ s for i in range(104)], 0) / np.sqrt(s @ s)
                     for s in shapes], 1)
    read = np.where(best.max(1) > 5 * data.motifs.NOISE, best.argmax(1) + 1, 0)
    assert (read == splits.test.labels).mean() > 0.97


def test_keywords_are_told_apart_by_their_templates():
    splits = data.load("keywords")
    flat = splits.train.images.reshape(1200, -1).astype(float)
    means = np.stack([flat[splits.train.labels == k].mean(0) for k in range(12)])
    test = splits.test.images.reshape(600, -1).astype(float)
    distance = ((test[:, None] - means) ** 2).sum(-1)
    assert (distance.argmin(1) == splits.test.labels).mean() > 0.9


def test_the_first_training_samples_of_a_set_that_is_read_late():
    pixels = np.arange(5, dtype=np.uint8)
    part = Samples(np.broadcast_to(pixels[:, None, None], (5, 2, 2)), pixels, np.arange(5))
    late = LateSplits("late", lambda: (part, part), part)
    early = late.first(2)
    assert early.train.labels.tolist() == [0, 1] and early.name == "late"
    assert len(early.calibration) == len(early.test) == len(late.train) == 5
