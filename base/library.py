"""What is compiled on this machine, from C to shared libraries, kept in the user's cache folder.

A kept file is read once, held against the digest in its name, and what was read is what is loaded,
so that one that was cut short, changed or put there by others never runs; not even one that is cut
short meanwhile.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from platformdirs import user_cache_dir

from dsplet.base.errors import UserError, door
from dsplet.base.files import FileError, read_bytes, write_atomically

T = TypeVar("T")

DIGITS = 32
"""Hexadecimal digits of a digest in a file's name."""
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class LibraryError(UserError):
    """A library that cannot be made or loaded here."""


class NoCompiler(LibraryError):
    """This machine has no C compiler."""


@dataclass(frozen=True)
class Library:
    """loaded: the library. unkept: why it will be compiled anew next time, "" where it will not."""

    loaded: ctypes.CDLL
    unkept: str = ""


def compiler() -> list[str]:
    """The command of the C compiler: what $CC says, which may have arguments, else `cc` or `gcc`;
    its first word is a path. Raises NoCompiler."""
    with door("$CC", ValueError, what="is no command", kind=NoCompiler):  # an open quotation
        named = shlex.split(os.environ.get("CC", ""))
    for name, *arguments in [named] if named else [["cc"], ["gcc"]]:
        if path := shutil.which(name):
            return [path, *arguments]
    raise NoCompiler(f"there is no C compiler '{named[0] if named else 'cc'}' on the PATH",
                     remedy="install one (Debian: apt-get install gcc) or name yours in $CC")


def cache_folder() -> Path:
    """Where libraries are kept. It need not be there. Raises LibraryError where nobody knows whose
    home this is."""
    folder = Path(user_cache_dir("dsplet")) / "libraries"
    if not folder.is_absolute():
        raise LibraryError("there is no home folder to keep it in",
                           remedy="set HOME or XDG_CACHE_HOME")
    return folder


def compiled(source: Path, flags: Sequence[str], others: Sequence[Path] = ()) -> Library:
    """The library of a C file under these flags: kept, or compiled, and kept where that can be.

    others: files that it includes. Raises NoCompiler; LibraryError with the compiler's words.
    """
    made_by = compiler()
    command = [*made_by, *flags]
    try:
        stem = f"{source.stem}-{_key(made_by, flags, [source, *others])}"
    except FileError as error:
        raise LibraryError(str(error)) from error
    return Library(*kept(stem, ".so", lambda: _made(command, source), loaded))


@dataclass(frozen=True)
class Generated:
    """A library of C that a program wrote. name: of its kind. text: its one source. more: what else
    its meaning depends on, such as what this machine's processor can do. most: how many of its kind
    are kept; those that were used last."""

    name: str
    text: str
    flags: tuple[str, ...]
    more: str
    most: int

    @cached_property
    def stem(self) -> str:
        """Raises NoCompiler, LibraryError."""
        made_by = compiler()
        digest = hashlib.sha256("\0".join([self.more, self.text]).encode())
        digest.update(_key(made_by, self.flags, []).encode())
        return f"{self.name}-{digest.hexdigest()[:DIGITS]}"

    def found(self) -> ctypes.CDLL | None:
        """What was kept; None where nothing was."""
        with suppress(LibraryError):
            return _found(own_cache(), self.stem, ".so", loaded)
        return None

    def made(self) -> Library:
        """What was kept, or what is compiled now, and kept where that can be. Raises NoCompiler;
        LibraryError with the compiler's words."""
        library = Library(*kept(self.stem, ".so", self._compiled, loaded))
        self._forget()
        return library

    def _compiled(self) -> bytes:
        with tempfile.TemporaryDirectory(prefix="dsplet-") as scratch:
            source = Path(scratch) / f"{self.name}.c"
            source.write_text(self.text)
            return _made([*compiler(), *self.flags], source)

    def _forget(self) -> None:
        with suppress(OSError, LibraryError):
            files = sorted(own_cache().glob(f"{self.name}-*.so"), key=lambda f: f.stat().st_mtime)
            for file in files[:-self.most]:
                file.unlink()


def kept(stem: str, ending: str, make: Callable[[], bytes],
         load: Callable[[bytes], T]) -> tuple[T, str]:
    """What was kept under a name, or what `make` gives, which is kept where that can be, loaded;
    and why it will be made anew next time, "" where it will not.

    stem: it has the digest of everything that the content is made from. Raises what `make` raises,
    and the LibraryError of `load` where that will not have what was just made.
    """
    try:
        folder = own_cache()
        if (found := _found(folder, stem, ending, load)) is not None:
            return found, ""
        unkept = ""
    except LibraryError as error:
        unkept = str(error)
    content = make()
    loaded = load(content)
    if not unkept:
        try:
            write_atomically(folder / f"{stem}-{_digest(content)}{ending}", content)
        except UserError as error:
            unkept = str(error)
    return loaded, unkept


def _found(folder: Path, stem: str, ending: str, load: Callable[[bytes], T]) -> T | None:
    """What was kept under a name, loaded; it was used now."""
    for path in sorted(folder.glob(f"{stem}-*{ending}")):
        if (content := _kept(path)) is not None:
            with suppress(OSError):
                os.utime(path)
            return load(content)
    return None


def _key(made_by: Sequence[str], flags: Sequence[str], sources: Sequence[Path]) -> str:
    """Of everything that a library is made from."""
    with door(made_by[0], OSError, what="cannot be run", kind=LibraryError):
        version = subprocess.run([*made_by, "--version"], capture_output=True, text=True,
                                 stdin=subprocess.DEVNULL).stdout
    digest = hashlib.sha256("\0".join(
        [*made_by, *flags, version, platform.system(), platform.machine()]).encode())
    for source in sources:
        digest.update(source.name.encode() + b"\0" + read_bytes(source))
    return digest.hexdigest()[:DIGITS]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def own_cache() -> Path:
    """The cache folder, made where it is missing. Raises LibraryError where it cannot be had, or is
    not ours alone: whoever can write there could run code as us."""
    folder = cache_folder()
    with (door(folder, OSError, what="cannot be made", kind=LibraryError),
          suppress(FileExistsError)):
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or not _is_ours(found):
        raise LibraryError("others can write there", where=str(folder),
                           remedy="delete it; it is made anew")
    return folder


def _is_ours(found: os.stat_result) -> bool:
    return found.st_uid == os.geteuid() and not found.st_mode & OTHERS_WRITE


def _kept(path: Path) -> bytes | None:
    """The content of a kept library; None, and it is gone, where it is not what was written."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(handle, "rb") as file:
            found = os.fstat(handle)
            content = file.read() if stat.S_ISREG(found.st_mode) and _is_ours(found) else b""
        if path.stem.endswith(f"-{_digest(content)}"):
            return content
        path.unlink()
    return None


def _made(command: Sequence[str], source: Path) -> bytes:
    """The compiled library's bytes."""
    with (door("", OSError, what=f"{source.name} cannot be compiled", kind=LibraryError),
          tempfile.TemporaryDirectory(prefix="dsplet-") as scratch):
        made = Path(scratch) / "library.so"
        done = subprocess.run([*command, str(source), "-o", str(made)], capture_output=True,
                              text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            words = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
            raise LibraryError(f"{command[0]} could not compile {source.name}: {words[0]}")
        return made.read_bytes()


def loaded(content: bytes) -> ctypes.CDLL:
    """The library with this content, from a file that has no name for anybody to write to."""
    with door("", OSError, what="a compiled library cannot be loaded", kind=LibraryError):
        handle = os.memfd_create("dsplet")  # never closed: the loader knows libraries by this path
        with open(handle, "wb", closefd=False) as file:
            file.write(content)
        return ctypes.CDLL(f"/proc/self/fd/{handle}")
