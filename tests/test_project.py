"""What carries the project on: the drawn house, its figures, worked examples of adding to it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests import figures
from tests.figures import ROOT, modules, source

MOST_FUNCTION_LINES = 60


def test_functions_are_short():
    assert not [f for f in figures.functions() if f[0] > MOST_FUNCTION_LINES]


# --- docs/architecture.md against the imports -----------------------------------------------------

PAGE = (ROOT / "docs" / "architecture.md").read_text()


MODULES = modules()


def ours(module: str) -> frozenset[str]:
    """The modules of ours that a module imports, anywhere in it."""
    return source(MODULES[module]).imports & MODULES.keys()


@cache
def drawn() -> dict[str, set[str]]:
    """Room -> the rooms that the page's arrows lead to, in the page's order."""
    block = re.search(r"```arrows\n(.*?)```", PAGE, re.DOTALL)
    assert block
    lines = (line.split("->") for line in block[1].splitlines())
    return {here.strip(): set(there.replace(",", " ").split()) for here, there in lines}


@cache
def room(module: str) -> str:
    """The room of the page that a module lies in: a folder or a file, the longest name that fits.
    """
    path = MODULES[module].relative_to(ROOT).as_posix()
    return max((r for r in drawn() if f"{path}/".startswith(f"{r}/")), key=len, default=path)


def test_the_arrows_are_the_imports():
    found: dict[str, set[str]] = {}
    for module in MODULES:
        here = room(module)
        found.setdefault(here, set()).update(set(map(room, ours(module))) - {here})
    arrows = drawn()
    assert arrows == found, "draw:\n" + "\n".join(
        f"{here} -> {', '.join(sorted(there))}" for here, there in found.items()
        if there != arrows.get(here))


def test_the_arrows_run_down():
    rooms = list(drawn())
    up = [f"{here} -> {there}" for here, several in drawn().items() for there in several
          if rooms.index(there) <= rooms.index(here)]
    assert not up


def test_every_room_is_told_of():
    rooms = re.search(r"\n## The rooms\n(.*?)\n```", PAGE, re.DOTALL)
    assert rooms
    assert not {here for here in drawn()
                if f"`{here}`" not in rooms[1] and f"`{here}/`" not in rooms[1]}


def reached(module: str) -> set[str]:
    """The rooms of all that a module imports, however far."""
    seen, ahead = set(), [module]
    while ahead:
        if (here := ahead.pop()) not in seen:
            seen.add(here)
            ahead += ours(here)
    return {room(here) for here in seen}


COMMANDS = re.findall(r"^\| `dsplet (\w+)` \| [^|]+ \| ([^|]+) \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize("command, rooms", COMMANDS, ids=[command for command, _ in COMMANDS])
def test_a_command_passes_through_its_rooms(command, rooms):
    named = set(re.findall(r"`([\w/]+)/`", rooms))
    assert named and named <= reached(f"dsplet.cli.{command}")


# --- CONTRIBUTING.md's worked examples ------------------------------------------------------------

EXAMPLES = re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", (ROOT / "CONTRIBUTING.md").read_text(),
                      re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"```(\w+)(?: (\S+))?\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The tree as it stands, where examples may change it: what git tracks or would."""
    done = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                          cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    top = tmp_path_factory.mktemp("tree")
    subprocess.run(["git", "init", "-q", top], check=True)
    for name in done.stdout.splitlines():
        if (ROOT / name).exists():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, top / name, follow_symlinks=False)
    return top


def edit(file: Path, diff: str) -> None:
    """Apply a block of unchanged, removed and added lines, which must fit in one place."""
    lines = diff.splitlines(keepends=True)
    old, new = ("".join(line[1:] for line in lines if line[0] in marks) for marks in (" -", " +"))
    text = file.read_text()
    assert text.count(old) == 1, f"{file.name} has changed under the example:\n{old}"
    file.write_text(text.replace(old, new))


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """(command, the lines it is said to print) of a console block."""
    for part in block.split("$ ")[1:]:
        first, *rest = part.splitlines()
        yield first, [line for line in rest if line.strip() not in {"", "..."}]


@pytest.mark.slow
@pytest.mark.parametrize("title, text", EXAMPLES, ids=[title for title, _ in EXAMPLES])
def test_a_worked_example_works(title, text, copy):
    """Files are written, edits applied, commands run, and they print what the page says."""
    blocks = BLOCK.findall(text)
    assert {language for language, _, _ in blocks} >= {"python", "diff", "console"}
    for language, name, block in blocks:
        if language == "console":
            for command, said in commands(block):
                python = command.replace("python ", f"{sys.executable} ", 1)
                done = subprocess.run(python, shell=True, cwd=copy, capture_output=True, text=True,
                                      env={**os.environ, "PYTHONPATH": str(copy)})
                assert done.returncode == 0, done.stdout + done.stderr
                shown = [" ".join(line.split()) for line in done.stdout.splitlines()]
                assert [line for line in said if " ".join(line.split()) not in shown] == []
        elif language == "diff":
            edit(copy / name, block)
        else:
            assert not (copy / name).exists()
            (copy / name).parent.mkdir(exist_ok=True)
            (copy / name).write_text(block)
