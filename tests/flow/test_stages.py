"""The stages with the most arithmetic of their own: fixed point keeps what float reads."""

import pytest

from bench.whole import go

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("model", ["stages_divisive", "stages_logsumexp"])
def test_fixed_point_within_a_point(model, tmp_path):
    row = go(model, tmp_path, "digits", epochs=3, train_samples=600, executed="2")
    assert row["samples"] == 360 and row["float_accuracy_percent"] > 30
    assert abs(row["float_accuracy_percent"] - row["fixed_accuracy_percent"]) <= 1
    assert row["differing_integers"] == 0
