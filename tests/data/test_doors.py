"""Files of samples, pictures and machines that are damaged, huge or something else."""

import io
import random
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dsplet import data
from dsplet.base.errors import UserError
from dsplet.data.automaton import load as load_machine
from dsplet.data.source import Wanted
from tests.base.damage import cut, mutated

IMAGES, LABELS = np.zeros((2, 8, 8), np.uint8), np.array([1, 2])
CLASSES = ("", *"0123456789")


def refusal(call, *arguments) -> str:
    with pytest.raises(UserError) as caught:
        call(*arguments)
    text = str(caught.value)
    assert "\n" not in text
    return text


def npz(compressed=False, **arrays) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, content in members.items():
            whole.writestr(f"{name}.npy", content)
    return file.getvalue()


HUGE = "{'descr': '|u1', 'fortran_order': False, 'shape': (256000000000000, 1, 1), }"
NEGATIVE = "{'descr': '|u1', 'fortran_order': False, 'shape': (-1, -1, 1), }"
WANTED = "expected arrays 'images' and 'labels'"
PLAIN = "not a readable .npz file of plain arrays: "


@pytest.mark.parametrize("content, text", [
    (npz(images=IMAGES), f"no 'labels'; {WANTED}"),
    (npz(labels=LABELS), f"no 'images'; {WANTED}"),
    (npz(x=IMAGES), f"no 'images'; {WANTED}"),
    (npz(images=IMAGES, label=LABELS, weight=LABELS), f"nothing reads 'weight'; {WANTED}"),
    (npz(images=IMAGES, label=LABELS, labels=LABELS),
     "holds both 'labels' and 'label'; expected one of them"),
    (npz(images=IMAGES.astype(float), labels=LABELS),
     "'images' is float64 (2, 8, 8); expected uint8 (N, H, W), 0 background, 255 ink"),
    (npz(images=IMAGES, labels=np.array([np.nan, np.inf])),
     "'labels' is float64 (2,); expected 2 integers, or as many rows of them"),
    (npz(images=IMAGES, labels=np.array([1, 2**62])), "'labels' run 1..4611686018427387904; "
                                                      "expected 0..255"),
    (npz(images=IMAGES, labels=np.array([None, {}])),
     "holds pickled objects, which are never opened; expected plain arrays"),
    (b"", f"{PLAIN}File is not a zip file"),
    (b"hello", f"{PLAIN}File is not a zip file"),
    (zipped(images=b"hello"), f"{PLAIN}EOF: reading magic string, expected 8 bytes got 5"),
    (zipped(images=b"hello, world"), f"{PLAIN}the magic string is not correct; expected "
                                     r"b'\x93NUMPY', got b'hello,'"),
    (zipped(images=npy(HUGE)),
     "its header promises uint8 (256000000000000, 1, 1), and 0 bytes follow"),
    (npy(HUGE, b"123"), "its header promises uint8 (256000000000000, 1, 1), and 3 bytes follow"),
    (npy(NEGATIVE, b"1"), "its header promises uint8 (-1, -1, 1); expected sizes of at least 0"),
    (npy("{" * 50), f"{PLAIN}('EOF in multi-line statement"),
])
def test_what_is_no_file_of_samples(content, text, tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    assert refusal(data.load, str(path)).startswith(f"{path}: {text}")


def test_what_unpacks_to_gigabytes_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("dsplet.data.npz.MOST_BYTES", 10_000)
    path = tmp_path / "a.npz"
    path.write_bytes(npz(True, images=np.zeros((100, 28, 28), np.uint8), labels=np.zeros(100, int)))
    assert path.stat().st_size < 1000
    assert refusal(data.load, str(path)) == (
        f"{path}: its arrays unpack to 79,456 bytes; expected at most 10,000")


def test_a_device_or_a_folder_is_no_file_of_samples(tmp_path):
    text = "/dev/zero: is no regular file; expected a file"
    assert refusal(data.npz.arrays, Path("/dev/zero"), Wanted({"x": (1,)})) == text
    (tmp_path / "a.npz").mkdir()
    assert refusal(data.load, f"{tmp_path}/a.npz") == (
        f"{tmp_path}/a.npz: is a folder; expected a file")


@pytest.mark.parametrize("whole", [npz(images=IMAGES, labels=LABELS),
                                   npz(True, images=IMAGES, labels=LABELS)])
def test_damaged_samples_are_told_or_samples(whole, tmp_path):
    path = tmp_path / "a.npz"
    for content in [*cut(whole), *mutated(whole, 600, random.Random(2))]:
        path.write_bytes(content)
        try:
            data.load(str(path))
        except UserError as error:
            assert str(error).startswith(f"{path}: ") or "is empty" in str(error)


# --- pictures -------------------------------------------------------------------------------------

def png(shape=(32, 40), columns=slice(10, 20)) -> bytes:
    pixels = np.zeros(shape, np.uint8)
    pixels[1:11, columns] = 200
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header promises that many pixels."""
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (struct.pack(">I", len(body)) + kind + body
                + struct.pack(">I", zlib.crc32(kind + body)))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99)))
            + chunk(b"IEND", b""))


KINDS = "PNG or JPEG or BMP or GIF or PPM or TIFF or WEBP"


@pytest.mark.parametrize("content, text", [
    (b"", f"not a picture that can be read; expected {KINDS}"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
     f"not a picture that can be read; expected {KINDS}"),
    (png()[:60], "not a picture that can be read: "),
    (png_of_size(100_000, 100_000), "too large a picture; expected at most 89,478,485 pixels"),
    (png_of_size(10_000, 10_000), "too large a picture; expected at most 89,478,485 pixels"),
    (png_of_size(9, 9), "nothing is written on it: no pixel is 64 grey levels from its background"),
    (png((12, 99), slice(1, 98)),
     "213 columns wide where it is 32 high; the network reads 40: export it with --input "
     "1x32x245, or cut the picture"),
])
def test_what_is_no_picture(content, text, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert refusal(data.load_line, path, (32, 40)).startswith(f"{path}: {text}")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM"])
def test_damaged_pictures_are_told_or_pictures(form, tmp_path):
    file, path = io.BytesIO(), tmp_path / "a"
    Image.open(io.BytesIO(png())).save(file, form)
    for content in [*cut(file.getvalue()), *mutated(file.getvalue(), 150, random.Random(3))]:
        path.write_bytes(content)
        try:
            assert data.load_line(path, (32, 40)).shape == (32, 40)
        except UserError as error:
            assert str(error).startswith(f"{path}: ")


# --- machines -------------------------------------------------------------------------------------

@pytest.mark.parametrize("text, said", [
    ("columns = 1000000000", "columns is 1000000000; expected a whole number from 1 to 1000"),
    ("length = 1000000000000", "length is 1000000000000; expected a whole number from 1 to 1000"),
    ("enter = nan", "enter is nan; expected a number from -1000000.0 to 1000000.0"),
    ("direct = -inf", "direct is -inf; expected a number from -1000000.0 to 1000000.0"),
    ("enter = '1'", "enter is '1'; expected a number from -1000000.0 to 1000000.0"),
    ("columns = true", "columns is True; expected a whole number from 1 to 1000"),
    ("colums = 1", "unknown key 'colums'; expected length, words, arcs, start, finals, columns, "
                   "enter, direct: did you mean 'columns'?"),
    ("words = ['12', '']", "words[1] is ''; expected a text of 1 to 256"),
    ("length = 2\nwords = ['1']", "length and words are given; expected one of them"),
    ("arcs = [['a', '1', 'b']]", "arcs need start beside them"),
    ("arcs = [['a', '1', 'b', inf]]\nstart = 'a'\nfinals = ['b']",
     "arcs[0][3] is inf; expected a number from -1000000.0 to 1000000.0"),
    ("arcs = [['a', 1, 'b']]\nstart = 'a'\nfinals = ['b']",
     "arcs[0][1] is 1; expected a text or a list"),
    ("arcs = [['a', ['x'], 'b']]\nstart = 'a'\nfinals = ['b']",
     "the recogniser has no class 'x'; expected 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
    ("length = 1000\ncolumns = 1000",
     "the machine has 10,001,001 states with up to 11 ways to each; expected a product of at most "
     "1,048,576"),
    ("x = [", "not a TOML file: Invalid value (at end of document)"),
])
def test_what_is_no_machine(text, said, tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(text)
    assert refusal(load_machine, path, CLASSES) == f"{path}: {said}"


def test_damaged_machines_are_told_or_machines(tmp_path):
    path = tmp_path / "a.toml"
    whole = (b'arcs = [["s", "12", "s", -0.5], ["s", "1", "e"]]\nstart = "s"\nfinals = ["e"]\n'
             b"direct = -1\ncolumns = 2\nenter = 0.5\n")
    for content in [*cut(whole), *mutated(whole, 400, random.Random(4))]:
        path.write_bytes(content)
        try:
            load_machine(path, CLASSES)
        except UserError as error:
            assert str(error).startswith(f"{path}: ")
