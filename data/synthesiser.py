"""eSpeak NG, a speech synthesiser, through its C interface (speak_lib.h)."""

from __future__ import annotations

import ctypes
from importlib import metadata
from pathlib import Path

import numpy as np

from dsplet.base.library import loaded
from dsplet.data.splits import DataError

LIBRARY = "espeakng-loader"
RETRIEVAL, CHARS_UTF8, BY_CHARACTER = 2, 1, 1
RATE, PITCH = 1, 3  # espeak_PARAMETER
OK, SEED = 0, 1
Heard = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int,
                         ctypes.c_void_p)


def version() -> str:
    """Of the library that has the synthesiser. Raises DataError where it is missing."""
    try:
        return metadata.version(LIBRARY)
    except metadata.PackageNotFoundError as error:
        raise DataError("the data set 'spoken' needs a library that is not installed",
                        expected=LIBRARY, remedy="pip install 'dsplet[signals]'") from error


class Synthesiser:
    """What says words; the same words in the same order sound the same."""

    def __init__(self) -> None:
        """Raises DataError."""
        version()
        import espeakng_loader

        # A copy of its own: the library remembers what it has said, and says the next otherwise.
        self._espeak = loaded(Path(espeakng_loader.get_library_path()).read_bytes())
        self.rate_hz = self._espeak.espeak_Initialize(
            RETRIEVAL, 0, espeakng_loader.get_data_path().encode(), 0)
        if self.rate_hz <= 0:
            raise DataError("the speech synthesiser does not start", where=LIBRARY)
        self._espeak.espeak_ng_SetRandSeed(ctypes.c_long(SEED))
        ctypes.CDLL(None).srand(SEED)  # some voices take C's own random numbers
        self._pieces: list[np.ndarray] = []
        self._heard = Heard(self._hear)  # which lives as long as it may be called
        self._espeak.espeak_SetSynthCallback(self._heard)

    def say(self, text: str, voice: str, words_a_minute: int, pitch: int) -> np.ndarray:
        """int16 levels, `rate_hz` a second. pitch: 0 to 100. Raises DataError for a voice that it
        has not."""
        self._pieces.clear()
        done = [self._espeak.espeak_SetVoiceByName(voice.encode()),
                self._espeak.espeak_SetParameter(RATE, words_a_minute, 0),
                self._espeak.espeak_SetParameter(PITCH, pitch, 0)]
        said = text.encode()
        done += [self._espeak.espeak_Synth(said, len(said) + 1, 0, BY_CHARACTER, 0, CHARS_UTF8,
                                           None, None), self._espeak.espeak_Synchronize()]
        if any(code != OK for code in done) or not self._pieces:
            raise DataError(f"the speech synthesiser does not say '{text}' as '{voice}'",
                            where=LIBRARY)
        return np.concatenate(self._pieces)

    def _hear(self, levels, count: int, events: int) -> int:
        if levels and count:
            self._pieces.append(np.ctypeslib.as_array(levels, (count,)).copy())
        return 0
