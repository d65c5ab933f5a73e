"""Samples as the inputs of a network file."""

import numpy as np
import pytest

from dsplet import data
from dsplet.data import DataError
from dsplet.data.feed import KEYS, feed
from dsplet.data.source import Arrays

FACTS = dict(zip(KEYS, ("digits", "0.00390625", "-0.5"), strict=True))


def image(*shape):
    return {"x": shape}


def save(folder, **arrays) -> str:
    path = folder / "mine.npz"
    np.savez(path, **arrays)
    return str(path)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


# --- data sets by name ----------------------------------------------------------------------------

def test_the_metadata_holds_unless_it_is_overridden():
    images = data.load("digits").test.images[:3]
    plain = feed(FACTS, image(1, 16, 16))
    x = plain.test("3").x["x"]
    assert x.shape == (3, 1, 16, 16) and x.dtype == np.float32 and plain.metadata == FACTS
    assert np.array_equal(x[:, 0], data.fit(images, (16, 16)) / np.float32(256) - 0.5)
    other = feed(FACTS, image(1, 8, 8), scale="1/8", offset="1")
    assert np.array_equal(other.test("3").x["x"][:, 0], images / np.float32(8) + 1)
    again = feed(other.metadata, image(1, 8, 8))
    assert (again.data, again.scaling) == (other.data, other.scaling)


def test_the_samples_asked_for():
    digits = feed(FACTS, image(1, 8, 8))
    assert (len(digits.test("all")), len(digits.test("7"))) == (360, 7)
    assert (len(digits.calibration(500)), len(digits.calibration(9))) == (240, 9)
    for text in ("0", "-1", "some", "1.5"):
        with pytest.raises(DataError, match="expected a positive number or all"):
            digits.test(text)


def test_only_the_files_own_digits_are_resized_without_a_word():
    with pytest.raises(DataError, match=r"\(8, 8\), the network reads \(1, 6, 128\): --resize"):
        feed({}, image(1, 6, 128), "digits", "1/256").test("1")
    assert feed({}, image(1, 9, 9), "digits", "1", resize=True).test("1").x["x"].shape[1:] == (
        1, 9, 9)


@pytest.mark.parametrize("options, message", [
    ({"scale": "half"}, "'half' is not a number"),
    ({"scale": "1/0"}, "'1/0' is not a number"),
    ({"scale": "1e999999999"}, "'1e999999999' is not a number"),
    ({"scale": "9" * 5000}, "'9999.* is not a number; expected one such as 0.5"),
    ({"scale": "nan"}, "'nan' is not a number; expected one such as 0.5 or 1/2"),
    ({"scale": "1,,2"}, "'' is not a number"),
    ({"offset": "1e999"}, "^--input-offset: '1e999' is not a number"),
])
def test_what_is_no_scale(options, message):
    with pytest.raises(DataError, match=message):
        feed(FACTS, image(1, 8, 8), **options)
    facts = {f"dsplet.input_{name}": text for name, text in options.items()}
    with pytest.raises(DataError, match=f"^dsplet.input_.*{message.partition(': ')[2] or message}"):
        feed(FACTS | facts, image(1, 8, 8))


def test_data_that_nobody_named():
    with pytest.raises(DataError, match="does not say which data it was made for: name it with -"):
        feed({}, image(1, 8, 8), scale="1").test("1")
    with pytest.raises(DataError, match="--input-offset goes with --input-scale"):
        feed({}, image(1, 8, 8), offset="1")


# --- arrays of one's own --------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["x", "images", "anything"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int16", "int64"])
def test_one_array_of_any_name_and_type(name, dtype, tmp_path):
    mine = (10 * numbers(5, 6, 128)).astype(dtype)
    seen = feed({}, image(6, 128), save(tmp_path, **{name: mine})).test("all")
    assert seen.x["x"].dtype == np.float32 and seen.labels is None
    np.testing.assert_array_equal(seen.x["x"], mine.astype(np.float32))
    np.save(tmp_path / "mine.npy", mine)
    again = feed({}, image(6, 128), str(tmp_path / "mine.npy")).calibration(3)
    np.testing.assert_array_equal(again.x["x"], mine[:3].astype(np.float32))


def test_an_array_for_each_input(tmp_path):
    a, state = numbers(5, 10, 6), numbers(1, 5, 8)
    path = save(tmp_path, state=state, a=a, label=np.arange(5))
    seen = feed({}, {"a": (10, 6), "state": (1, 8)}, path).test("4")
    np.testing.assert_array_equal(seen.x["a"], a[:4].astype(np.float32))
    np.testing.assert_array_equal(seen.x["state"][:, 0], state[0, :4].astype(np.float32))
    assert seen.labels.tolist() == [0, 1, 2, 3]


def test_axes_of_one_element_do_not_matter(tmp_path):
    mine = numbers(5, 8, 8)
    for shape in ((1, 8, 8), (8, 8), (8, 8, 1)):
        seen = feed({}, image(*shape), save(tmp_path, x=mine)).test("all").x["x"]
        assert seen.shape == (5, *shape)
        np.testing.assert_array_equal(seen.ravel(), mine.ravel().astype(np.float32))


def test_parts_and_what_is_in_one(tmp_path):
    x = numbers(9, 4)
    parts = {"calibration.x": x[:2], "train.x": x[2:5], "test.x": x[5:], "test.labels": x[5:, 0]}
    split = feed({}, image(4), save(tmp_path, **parts))
    assert [len(split.calibration(9)), len(split.train()), len(split.test("all"))] == [2, 3, 4]
    assert split.test("all").labels.shape == (4, 1) and split.train().labels is None
    assert split.calibration_facts(split.calibration(9)) == {}
    path = save(tmp_path, x=x)
    whole = feed({}, image(4), path)
    facts = whole.calibration_facts(whole.calibration(6))
    assert whole.test("all").calibrated_on(facts) == "6 of these 9 samples"
    assert whole.test("3").calibrated_on(facts) == "3 of these 3 samples"
    assert split.test("all").calibrated_on(facts) is None
    only = save(tmp_path, **{"train.x": x})
    assert len(feed({}, image(4), only).calibration(9)) == 9
    with pytest.raises(DataError, match="has no test samples, only train: name them test.NAME"):
        feed({}, image(4), only).test("all")
    with pytest.raises(DataError, match="'y' belongs to no part: name all"):
        feed({}, image(4), save(tmp_path, y=x, **{"train.x": x})).test("all")


def test_pixels_are_scaled_a_channel_at_a_time(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 5, 5), np.uint8)
    path, mean, std = save(tmp_path, x=pixels), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    scale = ",".join(str(1 / (255 * s)) for s in std)
    offset = ",".join(str(-m / s) for m, s in zip(mean, std, strict=True))
    rgb = feed({}, image(3, 5, 5), path, scale, offset)
    wanted = (pixels / 255 - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    np.testing.assert_allclose(rgb.test("all").x["x"], wanted, atol=1e-6)
    again = feed(rgb.metadata, image(3, 5, 5))
    np.testing.assert_array_equal(again.test("all").x["x"], rgb.test("all").x["x"])
    with pytest.raises(DataError, match="2 and 1 numbers, the samples are .* one for each channel"):
        feed({}, image(3, 5, 5), path, "1,2").test("all")


def test_beside_pixels_other_whole_numbers_are_no_pixels(tmp_path):
    path = save(tmp_path, a=np.full((2, 4, 4), 255, np.uint8), b=np.full((2, 3), 7))
    seen = feed({}, {"a": (1, 4, 4), "b": (3,)}, path, "1/255").test("all").x
    assert set(seen["a"].flat) == {1} and set(seen["b"].flat) == {7}


@pytest.mark.parametrize("arrays, message", [
    ({"x": numbers(3, 5, 128)}, r"samples of shape \(5, 128\), the network reads \(6, 128\)$"),
    ({"x": numbers(3, 128, 6)}, r"reads \(6, 128\): save np.transpose\(x, \(0, 2, 1\)\)"),
    ({"x": numbers(6, 128)}, r"save it with an axis for its samples, x\[None\]"),
    ({"x": np.zeros((3, 6, 64), np.uint8)}, "--resize brings pictures to its size"),
    ({"x": np.zeros((3, 6, 128), np.uint8)}, "does not say how pixels become its input: give --in"),
    ({"x": np.full((3, 6, 128), np.inf)}, "infinity in 3 of 3 samples, the first of them number 0"),
    ({"x": np.full((3, 6, 128), 1e300)}, "expected finite numbers in the range of float32"),
    ({"x": numbers(0, 6, 128)}, "has no test samples: name data that"),
    ({"x": numbers(3, 6, 128) * 1j}, "'x' is complex128; expected numbers"),
    ({"x": np.array(["a", "b"])}, "'x' is <U1; expected numbers"),
    ({"x": np.array([{}, None])}, "pickled objects, which are never opened"),
    ({"a": numbers(3, 6, 128), "b": numbers(3, 2)}, r"holds 'a' \(3, 6, 128\), 'b' \(3, 2\); exp"),
    ({"x": numbers(3, 6, 128), "y": numbers(3, 2)},
     r"holds 'x' \(3, 6, 128\), 'y' \(3, 2\); expected .* leave the others out; labels are called"),
    ({"images": numbers(3, 6, 128), "y": numbers(3, 2)}, r"'y' \(3, 2\); expected arrays named"),
    ({"x": numbers(3, 6, 128), "label": np.zeros(3, int), "labels": np.zeros(3, int)},
     "holds both 'labels' and 'label'; expected one of them"),
    ({}, "holds no array$"),
    ({"labels": np.zeros(3, int)}, r"holds no array; expected arrays named .* 'x' \(N, 6, 128\)"),
    ({"x": numbers(3, 6, 128), "labels": np.zeros(2, int)}, "has 3 samples and 2 labels"),
    ({"x": numbers(3, 6, 128), "labels": np.array([0, -1, 2])}, "'labels' run -1..2; expected cla"),
    ({"x": numbers(3, 6, 128), "labels": np.full(3, np.nan)}, "some label is NaN or infinite"),
    ({"x": numbers(3, 6, 128), "labels": np.array(["a", "b", "c"])}, "'labels' is <U1"),
])
def test_arrays_that_are_not_read(arrays, message, tmp_path):
    path = save(tmp_path, **arrays)
    with pytest.raises(DataError, match=message) as caught:
        feed({}, image(6, 128), path).test("all")
    assert path in str(caught.value)


def test_what_an_option_has_to_do(tmp_path):
    path = save(tmp_path, x=numbers(3, 4))
    with pytest.raises(DataError, match="numbers such as pixels; these are float64: leave it"):
        feed({}, image(4), path, scale="1/256").test("all")
    known = {"dsplet.input_scale": "1/256"}
    with pytest.raises(DataError, match="--input-offset is for whole numbers such as pixels"):
        feed(known, image(4), path, offset="1").test("all")
    with pytest.raises(DataError, match=r"--resize is for pictures.* these are float64 \(4,\)"):
        feed({}, image(4), path, resize=True).test("all")
    with pytest.raises(DataError, match="--resize is for pictures"):
        feed({}, image(9), save(tmp_path, x=np.zeros((3, 9), np.uint8)), "1",
             resize=True).test("all")


def test_inputs_of_different_counts(tmp_path):
    path = save(tmp_path, a=numbers(3, 4), b=numbers(2, 5))
    with pytest.raises(DataError, match="3 samples of 'a', 2 samples of 'b'; expected as many of"):
        feed({}, {"a": (4,), "b": (5,)}, path).test("all")


def test_labels_of_many_classes_and_of_numbers():
    x = {"x": numbers(2, 4)}
    reads = feed({}, image(4))
    assert reads.batch(Arrays(x, np.array([0, 999]))).labels.tolist() == [0, 999]
    assert reads.batch(Arrays(x)).unlabelled.labels is None
