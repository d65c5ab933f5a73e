"""Where the files of a data set are found, and the proof that they are the right ones."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from platformdirs import user_cache_path

from dsplet.base.errors import said
from dsplet.base.files import read_bytes
from dsplet.data.splits import DataError

DOWNLOAD_TIMEOUT_S = 15


def locate(folder: str, name: str, sha256: str, url: str | None) -> Path:
    """Path of file `folder/name`, checked against its SHA-256.

    Looked for in $DSPLET_DATA, then in the user's cache folder, then downloaded once from `url`
    into the cache. Raises DataError.
    """
    places = [place / folder / name for place in _places()]
    for path in places:
        if path.is_file():
            return checked(path, sha256)
    missing = f"{folder}/{name} is not at " + " nor at ".join(str(path) for path in places)
    mend = (f"set DSPLET_DATA to a folder that has {folder}/{name} (SHA-256 {sha256}), or name "
            "other data with --data")
    if url is None:
        raise DataError(f"{missing}, and no public address of it is known", remedy=mend)
    try:
        return download(url, places[-1], sha256)
    except (OSError, ValueError, ImportError) as error:  # no network, another file, no pooch
        raise DataError(f"{missing}, and downloading {url} failed ({said(error)})",
                        remedy=mend) from error


def found(folder: str, names: Iterable[str]) -> Path | None:
    """The folder of a data set's files, unchecked; None where one of them is nowhere."""
    whole = [next((place / folder for place in _places() if (place / folder / name).is_file()),
                  None) for name in names]
    return None if None in whole else whole[0]


def _places() -> list[Path]:
    named = os.environ.get("DSPLET_DATA")
    return [*([Path(named)] if named else []), user_cache_path("dsplet") / "data"]


def checked(path: Path, sha256: str) -> Path:
    """`path` itself, if its content has this SHA-256; otherwise DataError."""
    found = hashlib.sha256(read_bytes(path)).hexdigest()
    if found != sha256:
        raise DataError(f"not the file that it should be: its SHA-256 is {found}",
                        where=str(path), expected=sha256, remedy="delete it and fetch it again")
    return path


def download(url: str, path: Path, sha256: str) -> Path:
    """Fetch `url` to `path`, which appears only when complete and correct."""
    import pooch

    return Path(
        pooch.retrieve(
            url,
            known_hash=f"sha256:{sha256}",
            fname=path.name,
            path=path.parent,
            downloader=pooch.HTTPDownloader(timeout=DOWNLOAD_TIMEOUT_S),
        )
    )
