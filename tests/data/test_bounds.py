"""Samples that promise more than there is, or hold more than can be held: said beforehand."""

import struct
import zipfile

import pytest

from dsplet.base.errors import UserError
from dsplet.data import folder as folders
from dsplet.data import npz, sound, table
from dsplet.data.opening import open_source
from dsplet.data.source import Wanted

WANTED = Wanted({"x": (2, 2)})


def refusal(path) -> str:
    with pytest.raises(UserError) as caught:
        open_source(str(path), WANTED).part("test")
    return str(caught.value).replace(f"{path}: ", "")


def npy(shape: str, data: bytes = b"") -> bytes:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


@pytest.mark.parametrize("shape, told", [
    ("(256123456789012, 1, 1)",
     "its header promises uint8 (256123456789012, 1, 1), and 16 bytes follow"),
    ("(4, -4)", "its header promises uint8 (4, -4); expected sizes of at least 0"),
    ("(4,)", "its header promises uint8 (4,), and 16 bytes follow")])
def test_a_header_of_233_tib(tmp_path, shape, told):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("x.npy", npy(shape, bytes(16)))
    assert refusal(tmp_path / "a.npz") == told
    (tmp_path / "a.npy").write_bytes(npy(shape, bytes(16)))
    assert refusal(tmp_path / "a.npy") == told


def test_what_unpacks_to_much_is_refused_by_its_header(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.npy", npy("(3, 2, 2)", bytes(1 << 20)))
    monkeypatch.setattr(npz.zipfile.ZipFile, "read", None)  # it is not unpacked
    assert refusal(tmp_path / "a.npz") == (
        "its header promises uint8 (3, 2, 2), and 1,048,576 bytes follow")
    monkeypatch.setattr(npz, "MOST_BYTES", 1 << 20)
    assert refusal(tmp_path / "a.npz") == (
        "its arrays unpack to 1,048,704 bytes; expected at most 1,048,576")


@pytest.mark.parametrize("module, limit, ending", [
    (table, "MOST_CSV_BYTES", "csv"), (sound, "MOST_WAV_BYTES", "wav")])
def test_files_that_grow_in_memory(tmp_path, monkeypatch, module, limit, ending):
    monkeypatch.setattr(module, limit, 10)
    (tmp_path / f"a.{ending}").write_bytes(bytes(11))
    assert refusal(tmp_path / f"a.{ending}") == "holds 11 bytes; expected at most 10"


def test_a_folder_of_many(tmp_path, monkeypatch):
    for i in range(3):
        (tmp_path / f"{i}.png").write_bytes(bytes(10))
    monkeypatch.setattr(folders, "MOST_BYTES", 29)
    assert refusal(tmp_path) == ("holds 3 samples of 12 numbers; expected at most 536,870,912, in "
                                 "29 bytes of files")


@pytest.mark.parametrize("damage", range(12))
def test_twelve_damaged_recordings(tmp_path, damage):
    """A header's fields, each with a number that it cannot be, or the file cut short."""
    import wave
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16))
    data = bytearray((tmp_path / "a.wav").read_bytes())
    match damage:
        case 0 | 1 | 2 | 3 | 4:
            del data[(0, 4, 12, 30, 43)[damage]:]
        case _:
            at = (0, 8, 12, 20, 22, 32, 34)[damage - 5]
            data[at:at + 2] = (b"XX", b"XX", b"XX", b"\x55\x55", b"\0\0", b"\0\0", b"\0\0")[
                damage - 5]
    (tmp_path / "a.wav").write_bytes(data)
    try:
        open_source(str(tmp_path / "a.wav"), Wanted({"x": (4,)})).part("test")
    except UserError as error:
        assert str(error).startswith(f"{tmp_path}/a.wav: ") and "\n" not in str(error)
    else:
        assert damage in (10,), "the block size, which nobody reads"
