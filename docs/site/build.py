"""`python -m docs.site.build` (`make docs`): the site, in build/docs/html; a warning is an error.

The pages are those of the repository, where they lie, so that their links hold; README.md is the
first, and gets the table of contents. What is made (`docs.site.pages`) lies beside it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from docs.site.pages import MADE

ROOT = Path(__file__).parents[2]
OUT = ROOT / "build/docs"
LINK = re.compile(r"\[([^]]*)\]\(([^)#\s]+)\)")
CONTENTS = {
    "Use": ("docs/tour", "docs/data", "docs/bits", "docs/advise", "docs/check", "docs/live",
            "docs/results", "docs/limits"),
    "Reference": ("commands", "docs/command-line", "api", "reports", "export/README"),
    "Processors": ("docs/dsp32c", "firmware_sim/dsp32c/README", "firmware_sim/dsp32c/sim/README",
                   "docs/c", "docs/targets", "docs/architectures"),
    "Development": ("docs/architecture", "CONTRIBUTING", "backends", "docs/convolution",
                    "docs/README", "CHANGELOG"),
}


def chapters() -> dict[str, tuple[str, ...]]:
    """The contents; a page of docs/ that they do not name stands at the end of the first part."""
    named = {name for names in CONTENTS.values() for name in names}
    others = {f"docs/{page.stem}" for page in (ROOT / "docs").glob("*.md")} - named
    return CONTENTS | {"Use": (*CONTENTS["Use"], *sorted(others))}


def contents() -> str:
    """The table of contents, as Markdown that only the site understands."""
    return "".join(f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(pages)
                   + "\n```\n" for caption, pages in chapters().items())


def without_folders(page: Path) -> str:
    """The page's text; a link to a folder, which is no page, is its words."""
    return LINK.sub(lambda found: found[1] if (page.parent / found[2]).is_dir() else found[0],
                    page.read_text())


def stage(folder: Path) -> None:
    """The pages of the contents, and the files that they link to, in an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    names = ["README", *(page for pages in chapters().values() for page in pages)]
    pages = [ROOT / f"{name}.md" for name in names if f"{name}.md" not in MADE]
    linked = {(page.parent / link).resolve() for page in pages
              for _, link in LINK.findall(page.read_text())}
    for file in filter(Path.is_file, {*pages, *linked}):
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    for page in pages:
        (folder / page.relative_to(ROOT)).write_text(without_folders(page))
    for made, page in MADE.items():
        (folder / made).write_text(page())
    with (folder / "README.md").open("a") as readme:
        readme.write(contents())


def main() -> int:
    """Sphinx's exit code."""
    source, html = OUT / "source", OUT / "html"
    stage(source)
    done = subprocess.run([sys.executable, "-m", "sphinx", "-q", "-W", "-n", "--keep-going", "-E",
                           "-d", OUT / "doctrees", "-c", Path(__file__).parent, source, html])
    if not done.returncode:
        shutil.copyfile(html / "README.html", html / "index.html")
        print(f"written: {html / 'index.html'}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
