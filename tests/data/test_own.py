"""A user's own files: tables, folders of pictures and sounds, recordings."""

import struct
import wave
from random import Random

import numpy as np
import pytest
from PIL import Image

from dsplet.base.errors import UserError
from dsplet.data.feed import feed
from tests.base.damage import cut, mutated


def fed(path, *shape, **options):
    return feed({}, {"x": shape}, str(path), **options)


def refusal(path, *shape, **options) -> str:
    with pytest.raises(UserError) as caught:
        fed(path, *shape, **options).test("all")
    text = str(caught.value)
    assert "\n" not in text and str(path) in text
    return text


# --- tables ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("text, wanted, labels", [
    ("1,2,3\n4,5,6\n", [[1, 2, 3], [4, 5, 6]], None),
    ("a,b,c\n1,2,3\n\n4.5,5,-6e1\n", [[1, 2, 3], [4.5, 5, -60]], None),
    ("label,a,b\n1,2,3\n0,5,6\n", [[2, 3], [5, 6]], [1, 0]),
    ("label,0,1\n1,2,3\n0,5,6\n", [[2, 3], [5, 6]], [1, 0]),
    ("a,labels,b\n1,2,3\n4,0,6\n", [[1, 3], [4, 6]], [2, 0]),
    ("a;b;Label\n2;3;cat\n5;6;ant\n", [[2, 3], [5, 6]], [1, 0]),
    ("a\tb\tlabel\n2\t3\t0.5\n5\t6\t-2\n", [[2, 3], [5, 6]], [[0.5], [-2]]),
    ("\ufeff1,2\r\n3,4\r\n", [[1, 2], [3, 4]], None),
])
def test_a_line_a_sample(text, wanted, labels, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text)
    seen = fed(path, len(wanted[0])).test("all")
    assert seen.x["x"].tolist() == wanted and seen.x["x"].dtype == np.float32
    assert (None if seen.labels is None else seen.labels.tolist()) == labels


def test_a_row_of_numbers_takes_the_networks_shape(tmp_path):
    path = tmp_path / "pixels.csv"
    path.write_text("label," + ",".join(f"p{i}" for i in range(12)) + "\n7," +
                    ",".join(map(str, range(12))) + "\n")
    seen = fed(path, 1, 3, 4, scale="1/2").test("all")
    assert seen.x["x"].tolist() == [[(np.arange(12).reshape(3, 4) / 2).tolist()]]
    assert seen.labels.tolist() == [7]


@pytest.mark.parametrize("text, told", [
    ("", "is empty"), ("a,b\n", "holds no line of numbers"),
    ("1,2\n3\n", "line 2 has 1 fields, line 1 2; expected as many in every line"),
    ("1,2\n3,cat\n", "line 2 has 'cat' among its numbers; expected a number, or"),
    ("1,\n3,4\n", "line 1 has '' among its numbers"),
    ("1,2\n3,\n", "line 2 has '' among its numbers"),
    ("label,labels\n1,2\n", "2 columns are called labels or label; expected one"),
    ("1,nan\n3,4\n", "holds NaN or infinity in 1 of 2 samples"),
    ("1,2,3\n4,5,6\n", "samples of shape (3,), the network reads (2,)"),
])
def test_what_is_no_table(text, told, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text)
    assert told in refusal(path, 2)


def test_a_label_below_0_is_a_number_that_is_wanted(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("label,a,b\n-1,2,3\n")
    assert fed(path, 2).test("all").labels.tolist() == [[-1.0]]


# --- pictures -------------------------------------------------------------------------------------

def rgb(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def folder_of(path, classes, shape=(6, 7)):
    """Two pictures a class; the pixels in order of their files."""
    found = []
    for i, name in enumerate(classes):
        (path / name).mkdir(parents=True)
        for j in range(2):
            found.append(rgb(*shape, seed=9 * i + j))
            Image.fromarray(found[-1]).save(path / name / f"{j}.png")
    return np.stack(found)


def test_a_folder_for_each_class(tmp_path):
    pixels = folder_of(tmp_path, ["ant", "bee"])
    seen = fed(tmp_path, 3, 6, 7, scale="1/255").test("all")
    np.testing.assert_allclose(seen.x["x"], np.moveaxis(pixels, 3, 1) / 255, atol=1e-7)
    assert seen.labels.tolist() == [0, 0, 1, 1]
    last = fed(tmp_path, 6, 7, 3, scale="1").test("all").x["x"]
    np.testing.assert_array_equal(last, pixels)
    named = feed({"dsplet.classes": '["bee", "ant"]'}, {"x": (3, 6, 7)}, str(tmp_path), "1")
    assert named.test("3").labels.tolist() == [1, 1, 0]


def test_luminance_for_a_grey_network(tmp_path):
    pixels = folder_of(tmp_path, ["3", "12"])
    seen = fed(tmp_path, 1, 6, 7, scale="1").test("all")
    weights = np.array([299, 587, 114]) / 1000  # ITU-R 601
    assert np.abs(seen.x["x"][:2, 0] - pixels[2:] @ weights).max() <= 1
    assert seen.labels.tolist() == [12, 12, 3, 3]  # by their names' order; the number is the class


def test_parts_of_a_folder_and_pictures_without_labels(tmp_path):
    for part, classes in (("calibration", ["b"]), ("test", ["a", "b"])):
        folder_of(tmp_path / part, classes)
    split = fed(tmp_path, 3, 6, 7, scale="1")
    assert split.calibration(9).labels.tolist() == [1, 1]
    assert split.test("all").labels.tolist() == [0, 0, 1, 1]
    (tmp_path / "val").mkdir()
    assert "'val' belongs to no part; expected folders calibration, train, test, or one for" in (
        refusal(tmp_path, 3, 6, 7))
    loose = fed(tmp_path / "test" / "a", 3, 6, 7, scale="1").test("all")
    assert len(loose) == 2 and loose.labels is None


def test_pictures_of_another_size(tmp_path):
    folder_of(tmp_path, ["a"])
    assert "is 6 rows of 7 pixels, the network reads 4 of 4: --resize" in refusal(
        tmp_path, 3, 4, 4, scale="1")
    seen = fed(tmp_path, 3, 4, 4, scale="1", resize=True).test("all").x["x"]
    assert seen.shape == (2, 3, 4, 4)
    assert abs(seen.mean() - 127) < 25  # areas are averaged


def test_folders_that_are_not_read(tmp_path):
    (tmp_path / "a").mkdir()
    assert "holds no samples; expected files .wav" in refusal(tmp_path, 3, 4, 4)
    (tmp_path / "a" / "x.png").write_bytes(b"no picture")
    assert "not a picture that can be read" in refusal(tmp_path, 3, 4, 4)
    Image.fromarray(rgb(4, 4)).save(tmp_path / "loose.png")
    assert "'loose.png' lies beside folders of classes" in refusal(tmp_path, 3, 4, 4)
    (tmp_path / "a" / "x.png").unlink()
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "a" / "deep.png")
    (tmp_path / "loose.png").unlink()
    assert "more than 8 bits a level: give an array" in refusal(tmp_path, 1, 4, 4)
    assert "the network reads (N, 12), no pictures" in refusal(tmp_path, 12)


# --- sounds ---------------------------------------------------------------------------------------

def write_wav(path, levels, width=2, rate=8000):
    """levels: (frames, channels) integers."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(levels.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(b"".join(struct.pack("<q", int(v) + 128 * (width == 1))[:width]
                                  for v in levels.ravel()))


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_levels_of_any_width(width, tmp_path):
    top = 1 << 8 * width - 1
    levels = np.array([[0, -top], [1, top - 1], [top // 2, -1]])
    write_wav(tmp_path / "a.wav", levels, width)
    seen = fed(tmp_path / "a.wav", 2, 3).test("all").x["x"]
    np.testing.assert_array_equal(seen[0], (levels.T / top).astype(np.float32))
    assert fed(tmp_path / "a.wav", 3, 2).test("all").x["x"].tolist() == [seen[0].T.tolist()]


def test_a_recording_is_cut_into_windows(tmp_path):
    levels = np.arange(23)[:, None] * 1000
    write_wav(tmp_path / "a.wav", levels)
    for shape in ((1, 10), (10,)):
        seen = fed(tmp_path / "a.wav", *shape).test("all").x["x"]
        assert seen.shape == (2, *shape)
        np.testing.assert_array_equal(seen.ravel(), (levels[:20, 0] / 32768).astype(np.float32))
    assert "is 23 frames long, the network reads 24" in refusal(tmp_path / "a.wav", 1, 24)
    assert "sound of 1 channels, the network reads (N, 3, 4)" in refusal(
        tmp_path / "a.wav", 3, 4)


def test_clips_by_class(tmp_path):
    for i, name in enumerate(("no", "yes")):
        (tmp_path / name).mkdir()
        write_wav(tmp_path / name / "1.wav", np.full((10, 1), 1 << 10 + i))
    seen = fed(tmp_path, 1, 10).test("all")
    assert seen.x["x"][:, 0, 0].tolist() == [1 / 32, 1 / 16] and seen.labels.tolist() == [0, 1]
    write_wav(tmp_path / "no" / "2.wav", np.zeros((9, 1)))
    assert "1 channels of 9 frames at 8000 Hz, 1.wav 1 of 10" in refusal(tmp_path, 1, 10)


@pytest.mark.parametrize("content", [
    b"", b"RIFF", b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x03\0" + b"\0" * 14])
def test_what_is_no_recording(content, tmp_path):
    (tmp_path / "a.wav").write_bytes(content)
    assert "not a readable .wav" in refusal(tmp_path / "a.wav", 1, 10)


@pytest.mark.parametrize("name", ["a.wav", "a.csv", "a.npz"])
def test_damaged_files_are_told_or_samples(name, tmp_path):
    path = tmp_path / name
    if name == "a.wav":
        write_wav(path, np.arange(20)[:, None])
    elif name == "a.csv":
        path.write_text("label,a,b\n" + "3,0.5,2\n" * 5)
    else:
        np.savez(path, x=np.zeros((5, 2)), labels=np.arange(5))
    whole = path.read_bytes()
    for content in [*cut(whole), *mutated(whole, 400, Random(3))]:
        path.write_bytes(content)
        try:
            fed(path, 2).test("all")
        except UserError as error:
            assert "\n" not in str(error)


# --- names ----------------------------------------------------------------------------------------

def test_names_that_are_nothing(tmp_path):
    assert "did you mean 'mnist'?" in refusal("mnits", 1, 8, 8)
    with pytest.raises(UserError, match="no data set .* or the path of samples: .*.npz, .npy"):
        fed(tmp_path / "a.txt", 4).test("1")
    assert "no such file" in refusal(tmp_path / "a.csv", 4)
    (tmp_path / "x.csv").write_text("1,2\n")
    with pytest.raises(UserError, match="the network reads 'a' .* give a .npz with an array"):
        feed({}, {"a": (1,), "b": (1,)}, str(tmp_path / "x.csv")).test("all")
