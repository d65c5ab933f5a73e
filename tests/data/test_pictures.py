"""Pictures as people see them: which way up, on which ground; and what is no picture."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dsplet.data.pictures import load_line, load_pictures
from dsplet.data.source import Wanted
from dsplet.data.splits import DataError

GREY, COLOURS, SEEN_THROUGH = (Wanted({"x": (n, 4, 4)}) for n in (1, 3, 4))
ORIENTATION = 0x112
FORMATS = "PNG or JPEG or BMP or GIF or PPM or TIFF or WEBP"


def refusal(path, wanted=GREY) -> str:
    with pytest.raises(DataError) as caught:
        load_pictures([path], wanted)
    return str(caught.value).replace(f"{path}: ", "")


def bar() -> np.ndarray:
    """White at the top."""
    levels = np.zeros((4, 4), np.uint8)
    levels[0] = 255
    return levels


@pytest.mark.parametrize("orientation, turned", [
    (1, lambda a: a), (3, lambda a: a[::-1, ::-1]), (6, lambda a: np.rot90(a, -1)),
    (8, lambda a: np.rot90(a))])
def test_the_way_up_that_the_camera_noted(tmp_path, orientation, turned):
    """6: the camera was turned so that the picture's right side is up; EXIF 2.3, table 6."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(bar()).save(tmp_path / "a.png", exif=exif)
    (x,), = load_pictures([tmp_path / "a.png"], GREY)
    assert np.array_equal(x, turned(bar()))


def test_what_can_be_seen_through_stands_on_white(tmp_path):
    """level * alpha + 255 * (1 - alpha); black where nothing can be seen would be ink."""
    alpha = np.tile(np.array([0, 51, 102, 255], np.uint8), (4, 1))
    level = np.full((4, 4), 100, np.uint8)
    Image.fromarray(np.dstack([level, level, level, alpha])).save(tmp_path / "a.png")
    Image.fromarray(np.dstack([level, alpha])).save(tmp_path / "la.png")
    wanted = [255, 224, 193, 100]
    for name in ("a.png", "la.png"):
        (x,), = load_pictures([tmp_path / name], GREY)
        assert np.abs(x[0].astype(int) - wanted).max() <= 1
    (colours,) = load_pictures([tmp_path / "a.png"], COLOURS)
    assert np.abs(colours[1, 0].astype(int) - wanted).max() <= 1
    (whole,) = load_pictures([tmp_path / "a.png"], SEEN_THROUGH)  # the network has an own channel
    assert whole[3, 0].tolist() == [0, 51, 102, 255] and whole[0, 0].tolist() == [100] * 4


def test_a_palette_with_a_hole(tmp_path):
    picture = Image.fromarray(np.array([[0, 1]] * 2, np.uint8).repeat(2, 0).repeat(2, 1), "P")
    picture.putpalette([0, 0, 0, 50, 50, 50])
    picture.save(tmp_path / "a.png", transparency=0)
    (x,), = load_pictures([tmp_path / "a.png"], GREY)
    assert x[0].tolist() == [255, 255, 50, 50]


def test_more_than_one_picture_in_a_file(tmp_path):
    frames = [Image.fromarray(np.full((4, 4), k * 80, np.uint8)) for k in range(3)]
    for name in ("a.gif", "a.tif", "a.webp"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        assert refusal(tmp_path / name) == (
            "has 3 frames or pages; expected one picture: give a file for each")


@pytest.mark.parametrize("data", [
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\nshowpage\n",
    b"%PDF-1.4\n", b"#FIG 3.2\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"", b"\0" * 100])
def test_no_reader_beyond_those_that_are_named(tmp_path, data):
    """Pillow's reader of PostScript starts Ghostscript."""
    (tmp_path / "a.png").write_bytes(data)
    assert refusal(tmp_path / "a.png") == f"not a picture that can be read; expected {FORMATS}"


def png(width: int, height: int) -> bytes:
    """Its header promises that size; there is a row or so."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(
            ">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(1000))), chunk(b"IEND", b"")])


def test_gigapixels(tmp_path):
    (tmp_path / "a.png").write_bytes(png(60_000, 60_000))
    told = "too large a picture; expected at most 89,478,485 pixels"
    assert refusal(tmp_path / "a.png") == told
    with pytest.raises(DataError, match=told):
        load_line(tmp_path / "a.png", (4, 12))


def test_a_picture_cut_short(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:2000])
    assert refusal(tmp_path / "a.png").startswith("not a picture that can be read: ")
