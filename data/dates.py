"""`dates`: dates as people write them, and as YYYY-MM-DD; pairs from a seeded generator.

The task of the tutorials on attention (30 characters of 37 kinds to 10 of 11), made here. The
generator is NumPy's `RandomState`, whose streams are promised to stay as they are.
"""

from collections.abc import Iterable
from datetime import date, timedelta

import numpy as np

from dsplet.data.registry import dataset
from dsplet.data.splits import Samples, Splits

SEEDS = (1409, 473)
"""Of what is learnt from, and of what is only tested on."""
TRAIN, CALIBRATION, TEST = 9_500, 500, 2_500
LENGTH = 30
READ = "\0 ,./" + "0123456789" + "abcdefghijlmnoprstuvwy"
"""The 37 characters of a written date, by code; 0 fills up. No name of a day or month has k, q, x
or z."""
WRITTEN = "0123456789-"
FIRST, LAST = date(1970, 1, 1), date(2069, 12, 31)
"""A hundred years, so that two digits name one of them."""
MONTHS = ("january february march april may june july august september october november "
          "december").split()
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
FORMS = (
    "{day} {month} {year}", "{day} {mon} {year}", "{dd} {mon} {year}", "{day} {mon}, {year}",
    "{day} {month}, {year}", "{month} {day} {year}", "{month} {day}, {year}", "{mon} {day}, {year}",
    "{week}, {month} {day}, {year}", "{week} {day} {month} {year}", "{wk}, {day} {mon} {year}",
    "{day} {mon} {yy}", "{dd}.{mm}.{yy}", "{day}.{m}.{year}", "{m}/{day}/{yy}", "{mm}/{dd}/{year}")
"""With slashes the month comes first, with dots the day."""


def spell(when: date, form: str) -> str:
    """The date in one of FORMS, in lower case."""
    month, week = MONTHS[when.month - 1], DAYS[when.weekday()]
    parts = {"day": when.day, "dd": f"{when.day:02}", "m": when.month, "mm": f"{when.month:02}",
             "month": month, "mon": month[:3], "week": week, "wk": week[:3], "year": when.year,
             "yy": f"{when.year % 100:02}"}
    return form.format(**parts)


def encode(texts: Iterable[str]) -> np.ndarray:
    """uint8 (N, 1, LENGTH): written dates as codes in READ."""
    letters = "".join(text.ljust(LENGTH, READ[0]) for text in texts).encode("ascii")
    codes = np.zeros(128, np.uint8)
    codes[list(READ.encode("ascii"))] = np.arange(len(READ))
    return codes[np.frombuffer(letters, np.uint8)].reshape(-1, 1, LENGTH)


def pairs(seed: int, n: int, without: frozenset[str] = frozenset()) -> dict[str, str]:
    """n written dates, none of them in `without` or twice, and what they say in ISO 8601."""
    random = np.random.RandomState(seed)
    found: dict[str, str] = {}
    while len(found) < n:
        when = FIRST + timedelta(days=int(random.randint((LAST - FIRST).days + 1)))
        text = spell(when, FORMS[random.randint(len(FORMS))])
        if text not in without:
            found[text] = when.isoformat()
    return found


@dataset("dates", title="dates of up to 30 characters to YYYY-MM-DD: 9,500 train, 500 calibration, "
         "2,500 test", source="made here, seeded; after the tutorials' task for attention",
         image_shape=(1, LENGTH))
def load() -> Splits:
    """An image is a row of codes in READ, a label 10 codes in WRITTEN; no text is in two parts."""
    known = pairs(SEEDS[0], TRAIN + CALIBRATION)
    learnt, test = _samples(known), _samples(pairs(SEEDS[1], TEST, frozenset(known)))
    return Splits("dates", learnt[:TRAIN], learnt[TRAIN:], test)


def _samples(found: dict[str, str]) -> Samples:
    labels = [[WRITTEN.index(letter) for letter in said] for said in found.values()]
    return Samples(encode(found), np.array(labels, np.uint8),
                   np.arange(len(found)))
