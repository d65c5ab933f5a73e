"""Pictures: one look for all, drawn by matplotlib, and equal data give equal bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from dsplet.base.errors import UserError
from dsplet.base.files import check_target, write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_INCHES = 6.4


class PictureError(UserError):
    """A picture that cannot be drawn."""


def check(path: str | Path) -> str:
    """The kind of picture that a file's name asks for, svg or png, before what takes long.

    Raises PictureError, and FileError where the file cannot be written.
    """
    kind = Path(path).suffix.removeprefix(".")
    if kind not in ("svg", "png"):
        raise PictureError("not the name of a picture", where=str(path),
                           expected="one that ends in .svg or .png")
    check_target(path)
    return kind


@contextmanager
def picture(path: str | Path, height_inches: float = 4) -> Iterator[Axes]:
    """Axes to draw on; what was drawn is at `path` afterwards. Raises PictureError, FileError."""
    kind = check(path)
    import matplotlib
    from matplotlib.figure import Figure
    with matplotlib.rc_context({"svg.hashsalt": "dsplet", "svg.fonttype": "none"}):
        figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
        axes = figure.subplots()
        yield axes
        data = BytesIO()
        figure.savefig(data, format=kind, metadata={"Date": None} if kind == "svg" else None)
    write_atomically(path, data.getvalue())
