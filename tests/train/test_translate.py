"""Date translation: pairs that another program reads alike, and decoders held to their formulas."""

from datetime import datetime

import numpy as np
import pytest
import torch

from dsplet import data
from dsplet.data.dates import FORMS, LENGTH, READ, WRITTEN, pairs, spell
from dsplet.train import zoo
from dsplet.train.config import TrainConfig
from dsplet.train.loop import epochs
from dsplet.train.translate import Attending, Decoder, Symbols

pytestmark = pytest.mark.slow

FORMATS = ("%d %B %Y", "%d %b %Y", "%d %b, %Y", "%d %B, %Y", "%B %d %Y", "%B %d, %Y", "%b %d, %Y",
           "%A, %B %d, %Y", "%A %d %B %Y", "%a, %d %b %Y", "%d %b %y", "%d.%m.%y", "%d.%m.%Y",
           "%m/%d/%y", "%m/%d/%Y")


def said_by_the_library(text: str) -> set[str]:
    """All that `strptime` makes of it; its two-digit years end in 2068, ours in 2069."""
    found = set()
    for form in FORMATS:
        try:
            when = datetime.strptime(text, form)
        except ValueError:
            continue
        when = when.replace(year=when.year + 100) if when.year == 1969 else when
        if when.strftime(form).lower().replace(" 0", " ").lstrip("0") == text.replace(
                " 0", " ").lstrip("0") or "." in text or "/" in text:
            found.add(when.date().isoformat())
    return found


def texts(samples) -> list[str]:
    return ["".join(READ[c] for c in image[0]).rstrip(READ[0]) for image in samples.images]


def test_splits_are_fixed_and_disjoint():
    splits = data.load("dates")
    parts = [set(texts(part)) for part in (splits.train, splits.calibration, splits.test)]
    assert [len(part) for part in parts] == [9_500, 500, 2_500]  # nothing is there twice
    assert len(set.union(*parts)) == 12_500
    assert len(READ) == 37 and len(WRITTEN) == 11 and splits.test.images.shape[1:] == (1, LENGTH)
    assert splits.sha256 == data.load("dates").sha256


def test_dates_say_what_the_library_reads_in_them():
    test = data.load("dates").test
    said = ["".join(WRITTEN[c] for c in label) for label in test.labels]
    assert all(iso in said_by_the_library(text) for text, iso in zip(texts(test), said,
                                                                     strict=True))


def test_every_text_says_one_thing():
    """No form of a date is a form of another date: each pair could be learnt."""
    meaning = {}
    for day in range(0, 36_524, 7):
        when = datetime.fromordinal(datetime(1970, 1, 1).toordinal() + day).date()
        for text in (spell(when, form) for form in FORMS):
            assert len(text) <= LENGTH
            assert meaning.setdefault(text, when) == when
    assert len(pairs(1, 100, frozenset(list(pairs(1, 50))))) == 100


def test_symbols_are_one_hot_rows_and_what_is_none_is_the_nearest():
    x = torch.tensor([[[[0.0, 3, 36, 200]]]])
    assert Symbols(37)(x).argmax(2).tolist() == [[0, 3, 36, 36]]


def test_a_decoder_that_is_told_its_own_symbols_writes_them_again():
    torch.manual_seed(0)
    decoder = Decoder(0, 8, 5, steps=6, start=4)
    h, c = torch.randn(2, 7, 8)
    scores = decoder(h, c)
    assert torch.equal(decoder(h, c, said=scores.argmax(2)), scores)
    other = decoder(h, c, said=(scores.argmax(2) + 1) % 5)
    assert torch.equal(other[:, 0], scores[:, 0]) and not torch.equal(other[:, 1], scores[:, 1])


def test_attention_is_bahdanaus_formula():
    """e = v tanh(W s + U h) for each place, its softmax, and the mean of the states by it."""
    torch.manual_seed(0)
    decoder = Attending(inputs=6, units=8, kinds=5, steps=3, start=4, hidden=4)
    states, keys, s = torch.randn(2, 9, 6), torch.randn(2, 9, 4), torch.randn(2, 8)
    w, v = (m.weight.detach().numpy() for m in (decoder.query, decoder.score))
    for i in range(2):
        e = [float(v[0] @ np.tanh(w @ s[i].numpy() + k)) for k in keys[i].numpy()]
        a = np.exp(e) / np.exp(e).sum()
        context, = decoder.look(s, (states, keys))
        np.testing.assert_allclose(decoder.weights(s, keys)[i, 0].detach(), a, rtol=1e-5)
        np.testing.assert_allclose(context[i].detach(), a @ states[i].numpy(), rtol=1e-4,
                                   atol=1e-6)


@pytest.mark.slow
def test_symbols_are_learnt_with_teacher_forcing():
    """A little training finds how a date is written, if not yet which."""
    splits, config = data.load("dates"), TrainConfig(3, 64, 5e-3, clip_norm=1.0,
                                                     teacher_forcing=True)
    few = data.Splits("dates", splits.train[:1500], splits.calibration[:50], splits.test[:50])
    last = list(epochs(zoo.get("dates_attention"), few, config))[-1]
    assert last.curve[-1]["train_loss"] < 0.75 * last.curve[0]["train_loss"]
    with torch.no_grad():
        x = torch.from_numpy(zoo.get("dates_attention").inputs(few.test.images))
        read = last.module()(x).argmax(2).numpy()
    assert (read[:, 7] == WRITTEN.index("-")).all()
