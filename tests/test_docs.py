"""The chapters in docs/ are programs: their code runs, and prints what they say it prints."""

import contextlib
import io
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
FENCE = re.compile(r"```(python|text)\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.stem)
def test_a_chapter_runs_and_prints_what_it_says(path):
    pytest.importorskip("torch")
    names: dict = {}
    printed = ""
    for language, block in FENCE.findall(path.read_text()):
        if language == "text":
            assert printed == block
            printed = ""
            continue
        assert not printed, "what the block before printed is not shown"
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block, path.name, "exec"), names)
        printed = out.getvalue()
    assert not printed


def test_there_is_a_chapter():
    assert list(DOCS.glob("*.md"))
