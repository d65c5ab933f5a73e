"""The site's settings, for `docs.site.build`: Markdown as GitHub shows it, docstrings as plain
text."""

from __future__ import annotations

import re
from typing import Any

from pygments.lexers.special import TextLexer

project, author = "dsplet", ""
root_doc = "README"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = "dsplet"
html_show_copyright = html_show_sphinx = html_copy_source = False
smartquotes = False  # options begin with two hyphens
highlight_language = "text"
default_role = "code"
myst_heading_anchors = 4
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
nitpick_ignore_regex = [  # what other projects document, and what is no page's subject here
    (r"py:.*", r"(?!dsplet\.).*"),
    (r"py:.*", r"dsplet\.(base|data|quantize|firmware_sim|workflows)\..*"),
]
LITERAL = re.compile(r"(`[^`]+`)")


def as_text(app: object, what: str, name: str, it: object, options: object,
            lines: list[str]) -> None:
    """A docstring is plain text: stars and bars are themselves, `names` are code, what is indented
    is an example."""
    found: list[str] = []
    for line in lines:
        if line.startswith("    ") and (not found or not found[-1]):
            found += ["::", ""]
        if line.startswith("    "):
            found.append(line)
            continue
        found.append("".join(
            f"`{part}`" if LITERAL.fullmatch(part) else re.sub(r"([*|_\\])", r"\\\1", part)
            for part in LITERAL.split(line)))
    lines[:] = found


def setup(app: Any) -> None:
    """What Sphinx calls first."""
    for language in ("arrows", "kernels", "asm"):
        app.add_lexer(language, TextLexer)
    app.connect("autodoc-process-docstring", as_text)
