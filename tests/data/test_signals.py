"""MNIST-1D, moving digits and spoken ones: as published, as they say, and as G.711 has it."""

import numpy as np
import pytest

from dsplet.data import DataError, digits, mnist1d, moving, spoken, synthesiser
from dsplet.data.moving import FRAMES, SIZE, STEPS, WAYS

PUBLISHED = [-0.332, -0.472, -0.779, -1.01, -0.882, 0.104, 1.643, 1.653, 0.683, -0.343]
LABELS = [2, 6, 4, 5, 6, 6, 6, 0, 3, 1]
"""Of MNIST-1D's first training samples; the numbers rounded."""


@pytest.mark.slow
def test_mnist1d_is_what_its_authors_publish():
    """The first numbers of their file mnist1d_data.pkl."""
    pytest.importorskip("mnist1d")
    before = np.random.get_state()[1].copy()
    splits = mnist1d.load()
    assert (np.random.get_state()[1] == before).all()
    assert [len(p) for p in (splits.train, splits.calibration, splits.test)] == [4000, 500, 1000]
    published = np.array(PUBLISHED)
    reals = (splits.train.images[0, 0, :len(published)] - 128.0) / 24
    assert np.abs(reals - published).max() <= 0.5 / 24 + 1e-3
    assert splits.train.labels[:10].tolist() == LABELS
    assert set(np.bincount(splits.calibration.labels)) == {50}


def test_a_digit_goes_the_way_that_its_label_says(monkeypatch):
    """Without noise a frame is the one before it, moved; what came from outside is not known."""
    monkeypatch.setattr(moving, "NOISE", 0.0)
    images, labels = moving.clips(digits.load().test, 60, np.random.RandomState(3))
    assert images.shape == (60, FRAMES * SIZE, SIZE) and set(labels) == set(range(len(WAYS)))
    for image, label in zip(images.reshape(60, FRAMES, SIZE, SIZE), labels, strict=True):
        down, right = STEPS[label]
        assert image[FRAMES // 2].any()
        inside = slice(1, SIZE - 1)
        for earlier, later in zip(image, image[1:], strict=False):
            moved = np.roll(earlier, (down, right), (0, 1))
            assert (later[inside, inside] == moved[inside, inside]).all()


def test_no_single_frame_tells_where_it_goes(monkeypatch):
    """At mid-clip a digit is where it would be, whichever way it goes: the same draws, other ways,
    the same frames."""
    monkeypatch.setattr(moving, "NOISE", 0.0)
    frames = []
    for ways in (STEPS, STEPS[::-1]):
        monkeypatch.setattr(moving, "STEPS", ways)
        images, _ = moving.clips(digits.load().train, 50, np.random.RandomState(4))
        frames.append(images.reshape(-1, FRAMES, SIZE, SIZE))
    alike = [(frames[0][:, t] == frames[1][:, t]).all() for t in range(FRAMES)]
    assert alike == [t == FRAMES // 2 for t in range(FRAMES)]


def test_codes_are_those_of_g711():
    """Against Python's own, on every level of 14 bits and every code."""
    audioop = pytest.importorskip("audioop")
    levels = np.arange(-8158, 8159)
    wanted = audioop.lin2ulaw((levels.astype("<i2") << 2).tobytes(), 2)
    found, zero = spoken.encode(levels / 8159), levels == 0
    assert (found == np.frombuffer(wanted, np.uint8))[~zero].all() and found[zero] == 0xFF
    back = np.frombuffer(audioop.ulaw2lin(bytes(range(256)), 2), "<i2")
    assert np.array_equal(spoken.decoded() * 8159 * 4, back)


@pytest.mark.slow
def test_utterances_are_the_same_again_and_speakers_are_apart():
    pytest.importorskip("espeakng_loader")
    known = [s for s in spoken.SPEAKERS if s not in spoken.TESTED]
    assert len(spoken.TESTED) == 12 and len(known) == 48
    images, labels = spoken.utterances(np.random.RandomState([7]), known, 12)
    again, same = spoken.utterances(np.random.RandomState([7]), known, 12)
    assert np.array_equal(images, again) and np.array_equal(labels, same)
    assert images.shape == (12, 50, 160) and len(np.unique(images[0])) > 100
    voice = synthesiser.Synthesiser()
    with pytest.raises(DataError, match="does not say 'one' as 'nobody'"):
        voice.say("one", "nobody", 150, 50)


def test_the_telephone_lets_its_band_through_and_sets_the_level():
    """A chirp over all of 0 to 11 kHz: its energy by SciPy's periodogram."""
    from scipy.signal import chirp, periodogram

    x = chirp(np.arange(11_025) / 22_050, 20, 0.5, 11_000)
    heard = spoken.over_the_telephone(x, 22_050, np.random.RandomState(1))
    assert heard.shape == (8_000,) and 10 ** (-12 / 20) * 0.9 < np.abs(heard).max() <= 1
    hz, power = periodogram(heard, 8_000)
    inside = (hz > 400) & (hz < 3_000)
    assert power[inside].mean() > 20 * power[(hz < 100) | (hz > 3_900)].mean()


def test_without_the_synthesiser_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr(synthesiser, "LIBRARY", "espeakng-nobody-has")
    with pytest.raises(DataError, match=r"not installed.*pip install 'dsplet\[signals\]'"):
        spoken.load()
