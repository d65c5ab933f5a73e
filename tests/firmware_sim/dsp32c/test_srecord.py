"""S-records against records whose checksums were added up by hand."""

import numpy as np
import pytest

from dsplet.firmware_sim.dsp32c.tools.srecord import (
    BYTES_PER_RECORD,
    RecordError,
    from_srecords,
    to_srecords,
)

HEADER = "S0050000484969"  # 05 + 48 + 49 = 96, complement 69
DATA = "S20800100001020304DD"  # 08 + 10 + 01 + 02 + 03 + 04 = 22, complement DD
END = "S804000000FB"  # 04, complement FB


def test_records_by_hand():
    text = to_srecords("HI", [(0x1000, np.array([0x04030201], np.uint32))])
    assert text.splitlines() == [HEADER, DATA, END] and text.endswith("\n")
    assert to_srecords("HI", [], 0x800).splitlines()[-1] == "S804000800F3"  # 04 + 08 = 0C


def test_what_is_written_reads_back():
    words = np.random.default_rng(0).integers(0, 1 << 32, 21, dtype=np.uint32)
    text = to_srecords("net", [(0xFFF800, words), (0, words[:3])])
    assert max(map(len, text.splitlines())) == 2 + 2 * (1 + 3 + BYTES_PER_RECORD + 1)
    memory = from_srecords(text)
    assert bytes(memory[0xFFF800 + i] for i in range(84)) == words.astype("<u4").tobytes()
    assert len(memory) == 84 + 12


@pytest.mark.parametrize("line", ["S20800100001020304DE", DATA[:-2], "S1" + DATA[2:], "hello", ""])
def test_what_is_no_record_is_named(line):
    with pytest.raises(RecordError, match="^net.s28:2: not a sound S0, S2 or S8 record"):
        from_srecords(f"{HEADER}\n{line}\n{END}\n", "net.s28")
