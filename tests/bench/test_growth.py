"""The table of growth: its work is counted, not timed."""

import pytest

from bench import growth


@pytest.mark.slow
def test_the_work_is_the_layers(capsys):
    macs, seconds = growth.measure(*growth.layer(256), simulated=False)
    assert macs == 256 * 64 and set(seconds) == {"quantize"}
    rows = growth.growth("channels", growth.net, (1,), True)
    # 32 x 32 pixels twice, 16 x 16 twice, 8 x 8, all by windows of 3 x 3; 64 - 128 - 10
    macs = 9 * (1024 * (3 + 1) + 256 * (2 + 4) + 64 * 8) + 64 * 128 + 1280
    assert set(rows) == {f"{macs} {what}" for what in ("quantize", "compile", "simulate")}
    assert "0.06" in capsys.readouterr().out
