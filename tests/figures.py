"""The house in figures: how long its longest file and its longest function are.

`make check` prints them; tests hold them to their limits.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("base", "data", "dsplet", "export", "firmware_sim", "quantize", "train")


def product_files() -> list[Path]:
    """Every Python file of the product, once: links in dsplet/ are not followed."""
    return sorted(f for room in ROOMS for f in (ROOT / room).rglob("*.py")
                  if not any(p.is_symlink() for p in f.parents))


def files() -> Iterator[tuple[int, str]]:
    """(lines, path) of each file."""
    for file in product_files():
        yield len(file.read_text().splitlines()), file.relative_to(ROOT).as_posix()


def functions() -> Iterator[tuple[int, str]]:
    """(lines from `def` to its last statement, path:name) of each function."""
    for file in product_files():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                yield length, f"{file.relative_to(ROOT).as_posix()}:{node.name}"


if __name__ == "__main__":
    lengths = list(files())
    print(f"product: {len(lengths)} files, {sum(n for n, _ in lengths):,} lines")
    print("longest file: {} lines, {}".format(*max(lengths)))
    print("longest function: {} lines, {}".format(*max(functions())))
