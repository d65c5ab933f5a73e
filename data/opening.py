"""Finding samples: a data set by its name, a user's own by their path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dsplet.base.errors import near, shown
from dsplet.data.registry import datasets, load
from dsplet.data.source import FOLDER, OPENERS, PARTS, Arrays, Source, Wanted
from dsplet.data.splits import DataError, Splits


def open_source(name: str, wanted: Wanted) -> Source:
    """A data set by its name, or a user's own samples by their path. Raises DataError, FileError.
    """
    known = {d.name for d in datasets()}
    if name in known:
        return _of_splits(load(name))
    path = Path(name)
    opener = OPENERS.get(FOLDER if path.is_dir() else path.suffix.lower())
    if opener is None or path.is_dir() and path.suffix.lower() in OPENERS:
        what = f"no data set is named {shown(name)}" if opener is None else "is a folder"
        raise DataError(what, where="" if opener is None else name, remedy=near(name, known),
                        expected=f"{', '.join(sorted(known))}, or the path of samples: "
                        f"{', '.join(OPENERS)}")
    try:
        return opener(path, wanted)
    except DataError as error:
        raise error.at(name) from error.__cause__


def _of_splits(splits: Splits) -> Source:
    """A registered data set."""
    def part(kind: str) -> Callable[[], Arrays]:
        def read() -> Arrays:
            samples = getattr(splits, kind)
            return Arrays({"images": samples.images}, samples.labels, index=samples.index)
        return read
    return Source(splits.name, {kind: part(kind) for kind in PARTS})
