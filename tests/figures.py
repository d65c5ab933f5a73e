"""The house in figures: how long its files and functions are, who imports whom.

`make check` prints the longest; tests hold them to their limits.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("base", "data", "dsplet", "export", "firmware_sim", "quantize", "train")


@dataclass(frozen=True)
class Source:
    """What a file says. lines: how many. imports: every module, anywhere in it. functions: (lines
    from `def` to the last statement, name)."""

    lines: int
    docstring: str
    imports: frozenset[str]
    functions: tuple[tuple[int, str], ...]


def product_files() -> list[Path]:
    """Every Python file of the product, once: links in dsplet/ are not followed."""
    return sorted(f for room in ROOMS for f in (ROOT / room).rglob("*.py")
                  if not any(p.is_symlink() for p in f.parents))


def name_of(file: Path) -> str:
    """dsplet.quantize.fixed.graph, for quantize/fixed/graph.py."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts if parts[0] == "dsplet" else ("dsplet", *parts)).removesuffix(".__init__")


@cache
def modules() -> dict[str, Path]:
    """The file of each module of the product."""
    return {name_of(file): file for file in product_files()}


@cache
def source(file: Path) -> Source:
    """A file, parsed once."""
    text = file.read_text()
    tree = ast.parse(text)
    imports, functions = set(), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: relative import; spell the path"
            imports |= {name if (name := f"{node.module}.{alias.name}") in modules()
                        else str(node.module) for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions.append(((node.end_lineno or node.lineno) - node.lineno + 1, node.name))
    return Source(len(text.splitlines()), ast.get_docstring(tree) or "", frozenset(imports),
                  tuple(functions))


def files() -> Iterator[tuple[int, str]]:
    """(lines, path) of each file."""
    for file in product_files():
        yield source(file).lines, file.relative_to(ROOT).as_posix()


def functions() -> Iterator[tuple[int, str]]:
    """(lines, path:name) of each function."""
    for file in product_files():
        for lines, name in source(file).functions:
            yield lines, f"{file.relative_to(ROOT).as_posix()}:{name}"


if __name__ == "__main__":
    lengths = list(files())
    print(f"product: {len(lengths)} files, {sum(n for n, _ in lengths):,} lines")
    print("longest file: {} lines, {}".format(*max(lengths)))
    print("longest function: {} lines, {}".format(*max(functions())))
