"""What the site is made of; `make docs` builds it, and a warning is an error there."""

from docs.site import build, pages, public
from dsplet.cli import SECTIONS
from tests.figures import ROOT


def test_every_page_of_docs_and_every_page_that_is_made_has_its_place(tmp_path):
    build.stage(tmp_path / "site")
    named = [f"{name}.md" for names in build.chapters().values() for name in names]
    assert all((tmp_path / "site" / name).is_file() for name in named)
    assert len(named) == len(set(named))
    assert {*(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")), *pages.MADE} <= set(named)


def test_every_command_and_every_name_of_the_api_is_on_a_page():
    said = pages.commands()
    assert all(f"\n### dsplet {name}\n" in said for names in SECTIONS.values() for name in names)
    assert "| `--budget TEXT` | Such as 33.3ms" in said
    assert all(f":: dsplet.{name}\n" in pages.api() for name in public.names())


def test_a_link_to_a_folder_is_its_words(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "page.md").write_text("[in it](inner), [a page](page.md), [there](page.md#a)\n")
    assert build.without_folders(tmp_path / "page.md") == (
        "in it, [a page](page.md), [there](page.md#a)\n")
