"""The pages keep their word: chapters run, citations and links resolve, worked words assemble."""

import contextlib
import importlib
import io
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CHIP = DOCS / "dsp32c.md"
TRACKED = [path for name in subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
    if (path := ROOT / name).is_file()]
FENCE = re.compile(r"```(python|text)\n(.*?)```", re.DOTALL)
CHAPTERS = [path for path in sorted(DOCS.glob("*.md")) if "```python\n" in path.read_text()]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
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
    assert CHAPTERS


# --- the chip's page ------------------------------------------------------------------------------

SECTION = r"\d+(?:\.\d+)*"
SECTIONS = rf"{SECTION}(?:(?:, | and |-){SECTION}(?![\d%]))*"
CITATION = re.compile(rf"dsp32c\.md(?: sections?)? ({SECTIONS})")
SOURCES = [path for path in TRACKED if path.suffix in {".py", ".c", ".h", ".s", ".md"}]


def sections_cited(path: Path) -> set[str]:
    """Sections of docs/dsp32c.md that a file cites; line breaks and comment marks are spaces."""
    text = re.sub(r"\s+(?:(?:#|//|\*)\s+)?", " ", path.read_text())
    cited = {s for found in CITATION.findall(text) for s in re.findall(SECTION, found)}
    if path.name == "engine.c":  # says that bare numbers in its brackets are sections
        comments = " ".join(re.findall(r"/\*.*?\*/", text))
        cited |= set(re.findall(rf" \[({SECTION})(?:, K\d+)?\]", comments))
    return cited


def test_every_citation_of_the_chip_resolves():
    headings = set(re.findall(rf"^#+ ({SECTION})\.? ", CHIP.read_text(), re.MULTILINE))
    cited = {path: sections_cited(path) for path in SOURCES}
    assert sum(map(len, cited.values())) > 90
    lost = {f"{path.relative_to(ROOT)}: {s}" for path, found in cited.items()
            for s in found - headings}
    assert not lost


def test_worked_words_assemble():
    from dsplet.firmware_sim.dsp32c.isa.assembler import assemble, disassemble

    table = CHIP.read_text().split("### 5.5")[1].split("\n## ")[0]
    pairs = re.findall(r"\| ([0-9a-f]{8}) \| ([^|]+) (?=\|)", table)
    assert len(pairs) == 34
    for word, text in pairs:
        assert f"{assemble(text).words[0]:08x}" == word
        assert disassemble(int(word, 16)) == text


def test_recipes_assemble():
    """Section 9's listings, with the names that stand for numbers given some."""
    from dsplet.firmware_sim.dsp32c.isa.assembler import assemble

    recipes = CHIP.read_text().split("\n## 9.")[1].split("\n## 10.")[0]
    listings = re.findall(r"(?:^ {8}.*\n)+", recipes, re.MULTILINE)
    assert len(listings) == 4
    numbers = {"n-2": "8", "nout-1": "3", "4*(W-4)": "48", "4 - 4*(4*W+4)": "-268",
               "*off": "*r8", "*scale": "*r9", "*zero": "*r10", "*top": "*r11"}
    for listing in listings:
        for name, number in numbers.items():
            listing = listing.replace(name, number)
        assert len(assemble(listing).words) >= 3


# --- links and names ------------------------------------------------------------------------------

PAGES = [path for path in TRACKED if path.suffix == ".md" and path.name != "CHANGELOG.md"]
"""The changelog may name files that are gone."""
LINK = re.compile(r"\]\(([^)\s]+)\)")
QUOTED = re.compile(r"`([^`\s]+)`")
FILE = re.compile(r"[\w.][\w./{},*-]*(?:\.(?:py|md|c|h|toml|json|svg)|/)")
PLACEHOLDER = re.compile(r"\b[A-Z]+\b")


def anchors(path: Path) -> set[str]:
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
            for title in re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    for link in LINK.findall(prose):
        assert "://" not in link, f"{link}: pages stand by themselves"
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_named_are_there(page):
    """`quantize/fixed/kernel.py`, from the top or from the page's folder; NAME stands for any."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for name in QUOTED.findall(text):
        if not FILE.fullmatch(name) or PLACEHOLDER.fullmatch(name.partition(".")[0]):
            continue
        choices = re.fullmatch(r"(.*)\{(.*)\}(.*)", name)
        several = [choices[1] + middle + choices[3] for middle in choices[2].split(",")
                   ] if choices else [name]
        for one in several:
            pattern = PLACEHOLDER.sub("*", one).rstrip("/")
            assert any(any(folder.glob(pattern)) for folder in {ROOT, page.parent}), one


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_names_said_of_the_package_are_there(page):
    """`dsplet.quantize.fixed.kernel` and `dsplet.base.errors.UserError`."""
    for name in QUOTED.findall(page.read_text()):
        if re.fullmatch(r"dsplet(?:\.\w+)+", name) and not (ROOT / name).is_file():
            module, _, last = name.rpartition(".")
            try:
                importlib.import_module(name)
            except ModuleNotFoundError:
                assert hasattr(importlib.import_module(module), last), name
