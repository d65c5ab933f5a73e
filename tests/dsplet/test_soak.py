"""`make soak` is no proof unless there was damage to survive."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import soak


@pytest.mark.slow
@pytest.mark.parametrize("kept, wrong", [(True, []), (False, ["damage: never"])])
def test_it_wants_damage(kept, wrong, monkeypatch):
    def run(words: str, folder: Path, cache: Path, out: Path) -> tuple[int, str, str]:
        library = cache / "dsplet/libraries/engine.so"
        library.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if kept and not library.exists():
            library.write_bytes(bytes(100))
        return 0, words, ""

    monkeypatch.setattr(soak, "run", run)
    monkeypatch.setattr(soak.small_nets, "write", lambda folder: folder)
    counts, found = soak.soak(1.5)
    assert found == wrong and counts["simulate"] and (counts["damage"] > 0) is kept


def test_it_tells_another_result(monkeypatch):
    results = iter(range(1_000_000_000))
    monkeypatch.setattr(soak, "run", lambda *given: (0, str(next(results)), ""))
    monkeypatch.setattr(soak.small_nets, "write", lambda folder: folder)
    assert "simulate: exit code 0: another result" in soak.soak(0.2)[1]
