"""Amounts of memory and frequencies, as people write them."""

from __future__ import annotations

import pytest

from dsplet.base.sizes import SizeError, bytes_of, mhz_of


@pytest.mark.parametrize("text, mhz", [("168MHz", 168), (" 1.2GHz", 1200), ("32kHz", 0.032)])
def test_frequencies(text, mhz):
    assert mhz_of(text, "--clock") == pytest.approx(mhz)


@pytest.mark.parametrize("text", ["168", "fastMHz", "0MHz", "-1MHz", "infMHz", "nanGHz", "MHz", ""])
def test_what_is_no_frequency(text):
    with pytest.raises(SizeError, match="--clock .* such as 168MHz, 1.2GHz or 32kHz"):
        mhz_of(text, "--clock")


def test_amounts():
    assert [bytes_of(text) for text in ("16KB", "1MB", "300B", "1.5KB")] == [
        16_384, 1 << 20, 300, 1536]
