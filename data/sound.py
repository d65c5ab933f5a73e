"""A user's own recordings: `.wav` files, as Python's `wave` reads them.

Levels become reals in [-1, 1), whatever their width; channels are rows.
"""

from __future__ import annotations

import struct
import wave
from io import BytesIO
from pathlib import Path

import numpy as np

from dsplet.base.errors import door
from dsplet.base.files import read_bytes
from dsplet.data.source import WHOLE, Arrays, Shape, Source, Wanted, opens
from dsplet.data.splits import DataError

MOST_WAV_BYTES = 1 << 28
"""An hour and a half of 16 bits at 24 kHz; as numbers it takes eight times as many."""
WIDEST_BYTES = 4
DAMAGE = (wave.Error, EOFError, RuntimeError, ValueError, OSError, OverflowError, struct.error)
"""What `wave` raises on a damaged file."""


@opens(".wav")
def recording(path: Path, wanted: Wanted) -> Source:
    """One file, cut into as many windows of the network's length as it has, one behind the other;
    what is left over at its end is left out. Raises DataError, FileError."""
    sound, _ = read_wav(path)
    frames, transposed = _frames(wanted.only(), len(sound))
    count = sound.shape[1] // frames
    if not count:
        raise DataError(f"is {sound.shape[1]:,} frames long, the network reads {frames:,}")
    windows = sound[:, :count * frames].reshape(len(sound), count, frames).swapaxes(0, 1)
    return Source(str(path), {WHOLE: lambda: _arrays(windows, transposed)})


def load_clips(paths: list[Path], wanted: Wanted) -> np.ndarray:
    """A file a sample, (N, C, T), or (N, T, C) where the network reads that; all of one length and
    rate. Raises DataError, FileError."""
    found = [read_wav(path) for path in paths]
    for path, (sound, rate) in zip(paths, found, strict=True):
        if (sound.shape, rate) != (found[0][0].shape, found[0][1]):
            raise DataError(f"has {sound.shape[0]} channels of {sound.shape[1]:,} frames at {rate} "
                            f"Hz, {paths[0].name} {found[0][0].shape[0]} of "
                            f"{found[0][0].shape[1]:,} at {found[0][1]} Hz", where=str(path),
                            expected="clips of one length and rate")
    clips = np.stack([sound for sound, _ in found])
    _, transposed = _frames(wanted.only(), clips.shape[1])
    return clips.swapaxes(1, 2) if transposed else clips


def read_wav(path: Path) -> tuple[np.ndarray, int]:
    """float32 (channels, frames), and how many frames there are a second. Raises DataError,
    FileError."""
    data = read_bytes(path, MOST_WAV_BYTES)
    with door(path, *DAMAGE, what="not a readable .wav of plain levels (PCM)",
              kind=DataError), wave.open(BytesIO(data)) as file:
        channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
        if width > WIDEST_BYTES:
            raise DataError(f"has {8 * width} bits a level", expected=f"at most {8 * WIDEST_BYTES}")
        levels = file.readframes(file.getnframes())
    whole = len(levels) // (width * channels) * width * channels
    octets = np.frombuffer(levels[:whole], np.uint8).reshape(-1, width)
    if width == 1:
        numbers = octets[:, 0].astype(np.int64) - 128
    else:  # little-endian, signed in the last byte
        numbers = octets[:, -1].view(np.int8).astype(np.int64) << 8 * (width - 1)
        numbers += (octets[:, :-1].astype(np.int64) << 8 * np.arange(width - 1)).sum(1)
    reals = (numbers / (1 << 8 * width - 1)).astype(np.float32)
    if not reals.size:
        raise DataError("is silent: it has no frame", where=str(path))
    return reals.reshape(-1, channels).T, rate


def _frames(shape: Shape, channels: int) -> tuple[int, bool]:
    """How many frames a sample has, and whether the channels come last."""
    long = [n for n in shape if n > 1] if channels == 1 else list(shape)
    if channels == 1 and len(long) == 1:
        return long[0], False
    if len(shape) == 2 and channels in shape:
        return (shape[1], False) if shape[0] == channels else (shape[0], True)
    raise DataError(f"is sound of {channels} channels, the network reads "
                    f"(N, {', '.join(map(str, shape))})", expected=f"(N, {channels}, frames)")


def _arrays(windows: np.ndarray, transposed: bool) -> Arrays:
    return Arrays({"sound": windows.swapaxes(1, 2) if transposed else windows})
