"""`spoken`: the ten digits in a synthesiser's many voices, as a telephone brings them, in mu-law.

The voices are those of eSpeak NG (the optional library `espeakng-loader` has it whole); who speaks,
in which English, how fast and how high is drawn, seeded; then come a telephone's band, a level and
noise. The speakers of the test samples are not among those of the others. A row is 20 ms, 160
codes of G.711 at 8 kHz.
"""

from __future__ import annotations

import hashlib
import io
from fractions import Fraction
from pathlib import Path

import numpy as np

from dsplet.base.library import kept
from dsplet.data import synthesiser
from dsplet.data.registry import dataset
from dsplet.data.splits import LateSplits, Samples, Splits

SEED = 1992
RATE_HZ, FRAMES, FRAME = 8_000, 50, 160
TRAIN, CALIBRATION, TEST = 6_000, 500, 1_500
WORDS = tuple("zero one two three four five six seven eight nine".split())
ENGLISH = ("en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-029", "en-gb-x-gbclan")
SPEAKERS = ("Alex", "Alicia", "Andrea", "Andy", "Annie", "Denis", "Diogo", "Gene", "Gene2",
            "Henrique", "Hugo", "Jacky", "Lee", "Marco", "Mario", "Michael", "Mike", "Reed",
            "Tweaky", "adam", "anika", "aunty", "belinda", "benjamin", "boris", "caleb", "david",
            "edward", "f1", "f2", "f3", "f4", "f5", "grandma", "grandpa", "ian", "john", "linda",
            "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "max", "michel", "miguel", "norbert",
            "pablo", "paul", "pedro", "quincy", "rob", "robert", "sandro", "steph", "travis",
            "victor")
"""Without whispers and robots."""
TESTED = SPEAKERS[::5]
"""Every fifth: 12 speakers that are heard in the test alone."""
WORDS_A_MINUTE, PITCH = (120, 240), (20, 80)
BAND_HZ = ((200, 350), (3_200, 3_600))
"""From where to where the telephone's lower and upper edge may lie."""
LEVEL_DB, NOISE_DB = (-12, 0), (-36, -20)
"""Of the loudest sample against full scale, and of the noise against the speech at its loudest
frame."""
BIAS, LARGEST, SEGMENTS = 33, 8_159, 8
"""G.711's mu-law, on magnitudes of 13 bits."""


def encode(x: np.ndarray) -> np.ndarray:
    """uint8 codes of mu-law, of levels x from -1 to 1, full scale being LARGEST (ITU-T G.711,
    table 2): the sign, the segment and four bits within it, all inverted."""
    magnitude = np.minimum(np.floor(np.abs(x) * LARGEST + 0.5), LARGEST - 1).astype(np.int64) + BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int64) - 5
    code = segment << 4 | magnitude >> segment + 1 & 15
    return (~(code | np.where(x < 0, 128, 0)) & 255).astype(np.uint8)


def decoded() -> np.ndarray:
    """float64 (256,): the level in [-1, 1] that each code stands for."""
    code = ~np.arange(256) & 255
    segment, within = code >> 4 & 7, code & 15
    magnitude = ((2 * within + BIAS) << segment) - BIAS
    return np.where(code & 128, -1, 1) * magnitude / LARGEST


@dataset(
    "spoken",
    title=f"{FRAMES}x{FRAME} mu-law codes, a second each: ten digits, 48 speakers to train (6,000) "
    "and calibrate (500), 12 others to test (1,500)",
    source="made here, seeded, by eSpeak NG",
    image_shape=(FRAMES, FRAME),
)
def load() -> Splits:
    """The label is the digit."""
    known = [name for name in SPEAKERS if name not in TESTED]

    def training() -> tuple[Samples, Samples]:
        both = _kept(known, TRAIN + CALIBRATION, 0)
        return both[:TRAIN], both[TRAIN:]

    return LateSplits("spoken", training, _kept(list(TESTED), TEST, 1))


def _kept(speakers: list[str], count: int, part: int) -> Samples:
    """What was made before under the same code and the same synthesiser, or is made now."""
    made_by = hashlib.sha256(repr((speakers, count, synthesiser.version())).encode())
    for source in (__file__, synthesiser.__file__):
        made_by.update(Path(source).read_bytes())

    def make() -> bytes:
        images, labels = utterances(np.random.RandomState([SEED, part]), speakers, count)
        file = io.BytesIO()
        np.savez(file, images=images, labels=labels)
        return file.getvalue()

    stored, _ = kept(f"spoken-{made_by.hexdigest()[:32]}", ".npz", make,
                     lambda content: dict(np.load(io.BytesIO(content))))
    return Samples(stored["images"], stored["labels"], np.arange(count))


def utterances(random: np.random.RandomState, speakers: list[str], count: int
               ) -> tuple[np.ndarray, np.ndarray]:
    """uint8 codes (count, FRAMES, FRAME) and digits (count,). Raises DataError without the
    synthesiser."""
    voice = synthesiser.Synthesiser()
    labels = random.randint(0, len(WORDS), count).astype(np.uint8)
    images = np.empty((count, FRAMES * FRAME), np.uint8)
    for image, digit in zip(images, labels, strict=True):
        spoken = voice.say(WORDS[digit],
                           f"{ENGLISH[random.randint(len(ENGLISH))]}+"
                           f"{speakers[random.randint(len(speakers))]}",
                           words_a_minute=random.randint(*WORDS_A_MINUTE),
                           pitch=random.randint(*PITCH))
        image[:] = encode(over_the_telephone(spoken, voice.rate_hz, random))
    return images.reshape(count, FRAMES, FRAME), labels


def over_the_telephone(x: np.ndarray, rate_hz: int, random: np.random.RandomState) -> np.ndarray:
    """Speech x at rate_hz as FRAMES * FRAME levels from -1 to 1 at 8 kHz: somewhere in its second,
    in a telephone's band, at some level, with noise."""
    from scipy.signal import butter, resample_poly, sosfilt

    ratio = Fraction(RATE_HZ, rate_hz)
    x = resample_poly(x.astype(np.float64), ratio.numerator, ratio.denominator)[:FRAMES * FRAME]
    low, high = (random.uniform(*edge) for edge in BAND_HZ)
    x = sosfilt(butter(2, (low, high), "bandpass", fs=RATE_HZ, output="sos"), x)
    x *= 10 ** (random.uniform(*LEVEL_DB) / 20) / np.abs(x).max()
    frames = x[:len(x) // FRAME * FRAME].reshape(-1, FRAME)
    loudest = np.sqrt(np.square(frames).mean(1).max())
    heard = random.normal(0, loudest * 10 ** (random.uniform(*NOISE_DB) / 20), FRAMES * FRAME)
    start = random.randint(0, FRAMES * FRAME - len(x) + 1)
    heard[start:start + len(x)] += x
    return np.clip(heard, -1, 1)
