"""The house: who may import whom, no circles, short rooms, registries, and what starts light."""

import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.each import each
from tests.figures import ROOMS, ROOT, modules, product_files, source

LINKS = set(ROOMS) - {"dsplet"}  # dsplet/NAME is a link to the folder, for type checkers
FILES = product_files()
TORCH = {"torch", "torchvision", "safetensors", "sklearn", "scipy", "onnxscript"}
BELOW = {  # a place -> what it may import of ours besides itself; the longest name that fits
    "base": (),
    "data": ("base",),
    "quantize/fixed": ("base",),
    "quantize/float": ("base", "quantize.fixed"),
    "quantize": ("base", "data"),
    "export": ("base", "data", "quantize"),
    "firmware_sim": ("base", "data", "quantize", "export.c"),
    "firmware_sim/compile": ("base", "quantize", "export.c.arena"),
    "train": ("base", "data", "quantize"),
    "dsplet": ROOMS,
}
TORCH_USERS = ("train/", "export/to_onnx.py")
OTHERS = {"quantize/search/solve.py": "scipy", "data/digits.py": "sklearn",
          "data/toronto.py": "scipy",
          "data/spoken.py": "scipy"}  # file -> what it takes of TORCH, and may
MACHINERY = {  # files of a registry's folder that are not entries of it
    "quantize/fixed/ops": {"op"},
    "quantize/float/ops": {"pick", "window"},
    "quantize/ptq/algorithms": {"algorithm"},
    "train/zoo": {"card", "count"},
    "firmware_sim/dsp32c/parts": {"target"},
    "dsplet/cli": {"group", "options", "outcome"},
}
MOST_LINES = 400


MODULES = modules()


def place(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def inside(module: str, *packages: str) -> bool:
    return any(module == p or module.startswith(f"{p}.") for p in packages)


@each("file", FILES)
def test_walls(file):
    own = max((p for p in BELOW if place(file).startswith(f"{p}/")), key=len)
    allowed = tuple(f"dsplet.{p}" for p in (own.replace("/", "."), *BELOW[own]))
    for module in source(file).imports:
        first = module.split(".")[0]
        assert first not in {*LINKS, "bench", "tests"}, f"{place(file)}: say dsplet.{module}"
        if first == "dsplet" and own != "dsplet":
            assert inside(module, *allowed), f"{place(file)} imports {module}"
        if first in TORCH:
            assert place(file).startswith(TORCH_USERS) or OTHERS.get(place(file)) == first, (
                f"{place(file)}: {module}")


LEVELS = sorted({p.as_posix() for f in FILES for p in f.relative_to(ROOT).parents})


@each("folder", LEVELS)
def test_no_circle(folder):
    """Within each folder, its files and the folders in it, each taken whole, import downwards."""
    def room(file: Path) -> str | None:
        parts = file.relative_to(ROOT).parts
        inner = Path(folder).parts
        return parts[len(inner)] if parts[:len(inner)] == inner else None

    graph: dict[str, set[str]] = {}
    for file in FILES:
        if (here := room(file)) and here != "__init__.py":
            there = {room(MODULES[m]) for m in source(file).imports if m in MODULES}
            graph.setdefault(here, set()).update(t for t in there - {here, None, "__init__.py"})
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " imports ".join(reversed(error.args[1]))
        raise AssertionError(f"{folder}: {circle}") from None


CHIP = "firmware_sim/dsp32c/"
LEAVES = (CHIP, "firmware_sim/cortex_m/", "firmware_sim/riscv/")
REGISTRY = "firmware_sim/targets.py"
CHIP_WORDS = re.compile(
    r"\b(dauc|pcw|r\d+e|[cd]au|int24|float24|ifalt|ifagt|slot_order|bank_busy(_states)?"
    r"|adder_truncates|wait_stalls(_machine)?|i[xyz]{3}|mantissa|states_per_cycle|srecords?)\b",
    re.IGNORECASE)


@each("file", FILES)
def test_a_processor_is_a_leaf(file):
    """The registry imports it; nobody else does, or names a register, instruction, number format
    or switch of it."""
    theirs = [m for leaf in LEAVES for m in source(file).imports
              if inside(m, f"dsplet.{leaf[:-1].replace('/', '.')}")
              and not place(file).startswith(leaf)]
    assert not theirs or place(file) == REGISTRY, f"{place(file)} imports {theirs}"
    if place(file).startswith(CHIP):
        return
    found = CHIP_WORDS.search(file.read_text())
    assert not found, f"{place(file)} says {found[0]}"


@each("file", FILES)
def test_a_module_says_what_it_is_for(file):
    assert not source(file).lines or source(file).docstring.split("\n")[0]
    assert file.stem not in {"utils", "helpers", "common", "misc", "legacy", "onnx", "torch"}


@each("file", FILES)
def test_rooms_are_short(file):
    assert source(file).lines <= MOST_LINES


@pytest.mark.parametrize("folder", MACHINERY)
def test_a_registry_names_each_of_its_files(folder):
    files = {f.stem for f in (ROOT / folder).glob("*.py")} - {"__init__"} - MACHINERY[folder]
    assert files
    text = (ROOT / folder / "__init__.py").read_text()
    missing = {f for f in files if not re.search(rf"\b{f}\b", text)}
    assert not missing, f"{folder}/__init__.py does not name {sorted(missing)}"


LIGHT = ["dsplet", "dsplet.cli", "dsplet.data", "dsplet.firmware_sim", "dsplet.quantize.fixed.ops",
         "dsplet.export.c.host"]
HEAVY = {"torch", "onnx", "onnxruntime", "sklearn", "scipy"}


def test_what_starts_light():
    script = (f"import sys\nfor module in {LIGHT}:\n    __import__(module)\n"
              f"    print(module, *{HEAVY} & {{*sys.modules}})")
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True,
                          check=True)
    assert done.stdout.splitlines() == LIGHT
