"""A user's own samples in a folder: a file a sample, pictures or sounds; or one picture.

    FOLDER/CLASS/*.png                  with labels
    FOLDER/*.png                        without
    FOLDER/test/CLASS/*.png             split: calibration, train, test
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path

import numpy as np

from dsplet.base.files import MOST_BYTES
from dsplet.data.pictures import ENDINGS, load_pictures
from dsplet.data.sound import load_clips
from dsplet.data.source import FOLDER, PARTS, WHOLE, Arrays, Source, Wanted, classes_of, opens
from dsplet.data.splits import DataError

MOST_NUMBERS = 1 << 29
"""That one folder's samples may be, all together."""
Loader = Callable[[list[Path], Wanted], np.ndarray]
LOADERS: dict[str, Loader] = {".wav": load_clips} | dict.fromkeys(ENDINGS, load_pictures)


@opens(*ENDINGS)
def one(path: Path, wanted: Wanted) -> Source:
    """A picture is one sample, without a label. Raises DataError, FileError."""
    return Source(str(path), {WHOLE: lambda: Arrays({"file": load_pictures([path], wanted)})})


@opens(FOLDER)
def folder(path: Path, wanted: Wanted) -> Source:
    """Files in the order of their names; a folder named by a number is that class, others are
    classes in alphabetical order. Raises DataError."""
    inside = _folders(path)
    named = [p.name for p in inside]
    split = not set(PARTS).isdisjoint(named)
    if odd := [name for name in named if split and name not in PARTS]:
        raise DataError(f"'{odd[0]}' belongs to no part", where=str(path),
                        expected=f"folders {', '.join(PARTS)}, or one for each class")
    parts = {p.name: p for p in inside} if split else {WHOLE: path}
    classes = {c.name for part in parts.values() for c in _folders(part)}
    return Source(str(path), {name: _part(part, classes, wanted) for name, part in parts.items()})


def _part(path: Path, every: set[str], wanted: Wanted) -> Callable[[], Arrays]:
    """every: the classes of all parts."""
    def read() -> Arrays:
        classes, loose = _folders(path), _files(path)
        if classes and loose:
            raise DataError(f"'{loose[0].name}' lies beside folders of classes", where=str(path))
        pairs = [(c.name, file) for c in classes for file in _files(c)] or [
            ("", file) for file in loose]
        files = [file for _, file in pairs]
        numbers = len(files) * sum(map(prod, wanted.inputs.values()))
        if numbers > MOST_NUMBERS or sum(f.stat().st_size for f in files) > MOST_BYTES:
            raise DataError(f"holds {len(files):,} samples of {numbers:,} numbers", where=str(path),
                            expected=f"at most {MOST_NUMBERS:,}, in {MOST_BYTES:,} bytes of files")
        loaders = {LOADERS[file.suffix.lower()] for file in files}
        if len(loaders) != 1:
            raise DataError("holds pictures and sounds" if loaders else "holds no samples",
                            where=str(path), expected=f"files {', '.join(LOADERS)}, in a folder "
                            "for each class or all in one")
        load, = loaders
        labels, names = classes_of([c for c, _ in pairs], every) if classes else (None, ())
        return Arrays({"file": load(files, wanted)}, labels, names)
    return read


def _folders(path: Path) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))


def _files(path: Path) -> list[Path]:
    return sorted(p for p in path.iterdir()
                  if p.suffix.lower() in LOADERS and not p.name.startswith("."))
