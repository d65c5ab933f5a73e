"""Files read with a limit, and written whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from dsplet.base.errors import UserError, door

MOST_BYTES = 2 << 30
"""Of a model, of weights, of samples: as much as protobuf can hold."""
MOST_TEXT_BYTES = 64 << 20
"""Of a program, of vectors."""


class FileError(UserError):
    """A file that cannot be read or written."""


def check_readable(path: str | Path, most_bytes: int = MOST_BYTES, remedy: str = "") -> None:
    """Raise the FileError that `read_bytes` would, for a library that opens the file itself."""
    if not os.fspath(path):
        raise FileError("a file to be read needs a name", remedy=remedy)
    with door(path, OSError, ValueError, kind=FileError):  # ValueError: a name no file can have
        size = _regular(path, remedy).st_size
        if size > most_bytes:
            raise FileError(f"holds {size:,} bytes", expected=f"at most {most_bytes:,}")
        with open(path, "rb"):
            pass


def read_bytes(path: str | Path, most_bytes: int = MOST_BYTES, remedy: str = "") -> bytes:
    """The content of a regular file. remedy: what to do where there is none.

    Raises FileError, before anything is read, for a folder, a device and what is too large.
    """
    check_readable(path, most_bytes, remedy)
    with door(path, OSError, kind=FileError):
        return Path(path).read_bytes()


def read_text(path: str | Path, most_bytes: int = MOST_TEXT_BYTES, remedy: str = "") -> str:
    """A text file's content: UTF-8, every line ended by a newline alone. Raises FileError."""
    data = read_bytes(path, most_bytes, remedy)
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise FileError(f"not a text file: byte 0x{data[error.start]:02x} at offset {error.start} "
                        "is not UTF-8", where=str(path)) from error


def write_atomically(path: str | Path, data: bytes) -> None:
    """Write beside the target and rename: a reader sees the old file or the new one, never half.

    A link stays, and what it names is written; a file that was there keeps its mode. Raises
    FileError where `check_target` does and when the disk is full.
    """
    write_together({path: data})


def write_together(files: Mapping[str | Path, bytes]) -> None:
    """`write_atomically` for several: none is replaced before all are written in full."""
    targets = [check_target(path) for path in files]
    parts: list[Path] = []
    try:
        for (path, data), target in zip(files.items(), targets, strict=True):
            with door(path, OSError, what="cannot be written", kind=FileError):
                parts.append(target.with_name(f".dsplet-{secrets.token_hex(8)}"))
                with open(parts[-1], "xb") as file:
                    file.write(data)
                if target.exists():
                    os.chmod(parts[-1], stat.S_IMODE(target.stat().st_mode))
        for path, part, target in zip(files, parts, targets, strict=True):
            with door(path, OSError, what="cannot be written", kind=FileError):
                os.replace(part, target)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def make_folder(path: str | Path) -> Path:
    """The folder of that name, made where it is missing. Raises FileError."""
    if not os.fspath(path):
        raise FileError("a folder needs a name")
    folder = Path(path)
    with door(path, OSError, ValueError, what="cannot be made", kind=FileError):
        if folder.exists() and not folder.is_dir():
            raise FileError("is no folder", expected="a folder, or a name that is free")
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def check_target(path: str | Path) -> Path:
    """The file that writing to `path` replaces: itself, or what a link leads to.

    Raises FileError where nothing can be written: no name, no folder, a folder that refuses, what
    is no regular file, a file that is read-only. Worth a call before work that takes long.
    """
    if not os.fspath(path):
        raise FileError("a file to be written needs a name")
    with door(path, OSError, ValueError, what="cannot be written", kind=FileError):
        target = Path(os.path.realpath(path))
        if target.is_symlink():
            raise FileError("is a link that leads to itself")
        if target.exists():
            mode = _regular(target).st_mode
            if not mode & 0o222 or not os.access(target, os.W_OK):
                raise FileError("is read-only", remedy="name another file, or make it writable")
        if not target.parent.is_dir():
            raise FileError(f"there is no folder {target.parent}",
                            remedy="make it, or name one that is there")
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise FileError(f"the folder {target.parent} is read-only")
    return target


def _regular(path: str | Path, remedy: str = "") -> os.stat_result:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        raise FileError("no such file", remedy=remedy) from None
    if not stat.S_ISREG(found.st_mode):
        raise FileError("is a folder" if stat.S_ISDIR(found.st_mode) else "is no regular file",
                        expected="a file")
    return found
