"""Finding a data set by its name, or a user's own samples by their path."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dsplet.base.errors import near
from dsplet.data.npz import load_npz
from dsplet.data.splits import DataError, Splits


@dataclass(frozen=True)
class Dataset:
    """The facts of a data set; `load` reads it."""

    name: str
    title: str
    source: str
    image_shape: tuple[int, int]
    load: Callable[[], Splits]


_DATASETS: dict[str, Dataset] = {}


def dataset(name: str, *, title: str, source: str, image_shape: tuple[int, int]
            ) -> Callable[[Callable[[], Splits]], Callable[[], Splits]]:
    """Register the decorated loader under `name`."""

    def register(load: Callable[[], Splits]) -> Callable[[], Splits]:
        _DATASETS[name] = Dataset(name, title, source, image_shape, load)
        return load

    return register


def datasets() -> tuple[Dataset, ...]:
    """Every registered data set, by name."""
    return tuple(_DATASETS[name] for name in sorted(_DATASETS))


def load(name: str) -> Splits:
    """Load a registered data set, or the `.npz` file at the path `name` (all of it test samples).

    Raises DataError, saying what was looked for, where, and what to do; FileError.
    """
    if name in _DATASETS:
        return _DATASETS[name].load()
    if str(name).endswith(".npz"):
        return load_npz(Path(name))
    raise DataError(f"no data set is named '{name}'", remedy=near(name, _DATASETS),
                    expected=f"{', '.join(sorted(_DATASETS))}, or the path of a .npz file with "
                    "'images' and 'labels'")
