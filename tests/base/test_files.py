"""Reading with a limit, and writing all or nothing: links, modes, devices, full disks."""

import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dsplet.base import files
from dsplet.base.files import (
    FileError,
    check_target,
    read_bytes,
    read_text,
    write_atomically,
    write_together,
)

NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[None]:
    """Not as root, who may write anywhere."""
    before = os.getresuid()
    if before[1] == 0:
        os.setresuid(NOBODY, NOBODY, 0)  # what is saved leads back
    try:
        yield
    finally:
        os.setresuid(*before)


def refusal(call, *arguments, **named) -> str:
    with pytest.raises(FileError) as caught:
        call(*arguments, **named)
    return str(caught.value)


def content(folder) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


def test_what_cannot_be_read(tmp_path):
    (tmp_path / "big").write_bytes(bytes(11))
    (tmp_path / "bin").write_bytes(b"ab\xff")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    at = f"{tmp_path}/"
    assert refusal(read_bytes, "") == "a file to be read needs a name"
    assert refusal(read_bytes, at + "no") == f"{at}no: no such file"
    assert refusal(read_bytes, at + "no", remedy="make one") == f"{at}no: no such file: make one"
    assert refusal(read_bytes, tmp_path) == f"{tmp_path}: is a folder; expected a file"
    assert refusal(read_bytes, at + "pipe") == f"{at}pipe: is no regular file; expected a file"
    assert refusal(read_bytes, "/dev/zero") == "/dev/zero: is no regular file; expected a file"
    assert refusal(read_bytes, at + "big", 10) == f"{at}big: holds 11 bytes; expected at most 10"
    assert refusal(read_bytes, at + "big/x") == f"{at}big/x: cannot be read: Not a directory"
    assert refusal(read_bytes, at + "a\0b") == rf"{at}a\x00b: cannot be read: embedded null byte"
    assert refusal(read_bytes, at + "n" * 300).endswith("n: cannot be read: File name too long")
    assert "Too many levels of symbolic links" in refusal(read_bytes, at + "loop")
    assert refusal(read_text, at + "bin") == (
        f"{at}bin: not a text file: byte 0xff at offset 2 is not UTF-8")
    assert read_bytes(at + "big", 11) == bytes(11)


def test_text_is_utf8_with_newlines_alone(tmp_path):
    (tmp_path / "t").write_bytes(b"\xef\xbb\xbfa\r\nb\rc\n\xc3\xa4")
    assert read_text(tmp_path / "t") == "a\nb\nc\nä"


def test_new_files_have_the_mode_of_the_umask_and_old_ones_keep_theirs(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "new", b"1")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    (tmp_path / "new").chmod(0o751)
    write_atomically(tmp_path / "new", b"2")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o751
    assert content(tmp_path) == {"new": b"2"}


def test_links_stay_and_lead_to_what_is_written(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there/old").write_bytes(b"old")
    (tmp_path / "link").symlink_to("there/old")
    (tmp_path / "fresh").symlink_to("there/new")
    write_atomically(tmp_path / "link", b"1")
    write_atomically(tmp_path / "fresh", b"2")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "fresh").is_symlink()
    assert content(tmp_path / "there") == {"old": b"1", "new": b"2"}


def test_what_cannot_be_written(tmp_path):
    (tmp_path / "mine").write_bytes(b"old")
    (tmp_path / "mine").chmod(0o444)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    at = f"{tmp_path}/"
    for path, text in [
            ("", "a file to be written needs a name"),
            (".", ".: is a folder; expected a file"),
            (at + "pipe", f"{at}pipe: is no regular file; expected a file"),
            ("/dev/null", "/dev/null: is no regular file; expected a file"),
            (at + "loop", f"{at}loop: is a link that leads to itself"),
            (at + "mine", f"{at}mine: is read-only: name another file, or make it writable"),
            (at + "no/x", f"{at}no/x: there is no folder {at}no: make it, or name one that is "
                          "there"),
            (at + "mine/x", f"{at}mine/x: there is no folder {at}mine: make it, or name one that "
                            "is there"),
            (at + "a\0b", rf"{at}a\x00b: cannot be written: embedded null byte")]:
        assert refusal(write_atomically, path, b"new") == text
        assert refusal(check_target, path) == text
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode) and content(tmp_path) == {"mine": b"old"}


def test_a_closed_folder():
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        Path(folder).chmod(0o555)
        with unprivileged():
            text = refusal(write_atomically, Path(folder) / "x", b"new")
        assert text == f"{folder}/x: the folder {folder} is read-only"
        assert not os.listdir(folder)


class Full:
    """A file on a disk that is full after some files."""

    def __init__(self, monkeypatch, room: int):
        self.room = room
        monkeypatch.setattr("builtins.open", self.open)
        self.real = os.fdopen

    def open(self, path, mode):
        self.room -= 1
        file = self.real(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY), "wb")
        if self.room < 0:
            file.close()
            raise OSError(28, "No space left on device", str(path))
        return file


def test_a_full_disk_names_the_file_and_leaves_the_old_ones(tmp_path, monkeypatch):
    (tmp_path / "a.h").write_bytes(b"old")
    with monkeypatch.context() as patched:
        Full(patched, 1)
        text = refusal(write_together, {tmp_path / "a.h": b"new", tmp_path / "a.c": b"new"})
    assert text == f"{tmp_path}/a.c: cannot be written: No space left on device"
    assert content(tmp_path) == {"a.h": b"old"}
    write_together({tmp_path / "a.h": b"new", tmp_path / "a.c": b"new"})
    assert content(tmp_path) == {"a.h": b"new", "a.c": b"new"}


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_a_file_system_of_24_kb(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", disk],
                      capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        write_atomically(disk / "small", b"old")
        text = refusal(write_atomically, disk / "small", bytes(100_000))
        assert text == f"{disk}/small: cannot be written: No space left on device"
        assert content(disk) == {"small": b"old"}
    finally:
        subprocess.run(["umount", disk], check=True)


def test_an_interrupt_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "old").write_bytes(b"old")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "old", b"new")
    assert content(tmp_path) == {"old": b"old"}
