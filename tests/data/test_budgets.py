"""Budgets: the figures adopted from the papers; names; results that replace each other."""

import pytest

from dsplet.data import budgets
from dsplet.train import results, zoo

# ms at 3 million connections a second and at 10 million multiply-accumulates a second, as
# worked out by hand from the papers' counts
BY_HAND = {
    "zip1989": (21.6, 6.4), "lenet1": (32.8, 9.5), "bell92": (45, 13.6), "lenet4": (87, 26),
    "lenet5_1998": (114, 33.3), "lenet5": (141, 41.7), "lenet_caffe": (770, 229),
    "sdnn": (672, 201), "row_rnn": (55, 16.6), "row_gru": (165, 49.5), "row_lstm": (220, 66.0),
    "dates_plain": (325, 97.5), "dates_attention": (313.5, 94), "dnn_s": (26, 8),
    "cnn_s": (833, 250), "basic_lstm_s": (987, 296), "lstm_s": (636, 191), "gru_s": (632, 190),
    "gru_m": (3186, 956), "crnn_s": (500, 150), "ds_cnn_s": (886, 266)}


@pytest.mark.parametrize("system", BY_HAND)
def test_derived_budgets(system):
    era, peak = BY_HAND[system]
    assert budgets.get(f"{system}/era").latency_ms == pytest.approx(era, rel=0.025)
    assert budgets.get(f"{system}/peak").latency_ms == pytest.approx(peak, rel=0.025)


def test_published_budgets_come_first():
    assert [b.name for b in budgets.of("zip1989")] == ["zip1989/published", "zip1989/era"]
    assert budgets.get("lenet1/published").latency_ms == 33.3
    assert all(b.source and b.system for b in budgets.BUDGETS.values())


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(budgets.BudgetError, match="dsplet budgets.*did you mean 'zip1989/era'"):
        budgets.get("zip1989/ear")


def test_budgets_agree_with_the_cards():
    for card in zoo.cards():
        for b in card.budgets:
            assert b.macs == card.counts.macs, card.name
            assert b.links in (card.counts.links, card.counts.macs)  # where only these are known


def test_a_new_result_replaces_the_old_one(tmp_path):
    file = tmp_path / "results.json"
    results.save([{"model": "zip1989", "data": "usps", "cycles": 1},
                  {"model": "gone", "data": "usps", "cycles": 1}], file)
    results.save([{"model": "zip1989", "data": "usps", "cycles": 2},
                  {"model": "lenet1", "data": "mnist", "cycles": 3}], file)
    assert [(row["model"], row["cycles"]) for row in results.load(file)] == [("lenet1", 3),
                                                                            ("zip1989", 2)]
