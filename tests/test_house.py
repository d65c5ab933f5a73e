"""The house: who may import whom, what a registry's `__init__` names, and what starts light."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"bench", "dsplet", "export", "firmware_sim", "quantize", "tests", "train"}
PACKAGES = ("export", "firmware_sim", "quantize", "train")
FILES = sorted(f for p in PACKAGES for f in (ROOT / p).rglob("*.py"))
TORCH = {"torch", "torchvision", "safetensors", "sklearn", "scipy", "onnxscript"}

MACHINERY = {  # files of a registry's folder that are not entries of it
    "quantize/fixed/ops": {"op"},
    "quantize/algorithms": {"algorithm"},
    "train/zoo": {"card", "count"},
    "train/data": {"files", "npz", "registry", "resample", "splits"},
    "firmware_sim/isa": set(),
    "firmware_sim/targets": {"target"},
}


def imports(file: Path) -> set[str]:
    """Every module that the file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: relative import; spell the path"
            found |= {f"{node.module}.{a.name}" for a in node.names}
    return found


def inside(module: str, *packages: str) -> bool:
    return any(module == p or module.startswith(f"{p}.") for p in packages)


def allowed(file: Path) -> tuple[str, ...]:
    """The packages of ours that a file may import from."""
    path = file.relative_to(ROOT).as_posix()
    if path.startswith("quantize/fixed/"):
        return ("quantize.fixed",)
    if path.startswith("quantize/"):
        return ("quantize",)
    return (path.split("/")[0], "quantize.fixed")


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(ROOT).as_posix())
def test_walls(file):
    for module in imports(file):
        if module.split(".")[0] in OURS:
            assert inside(module, *allowed(file)), f"{file.relative_to(ROOT)} imports {module}"
        if module.split(".")[0] in TORCH:
            path = file.relative_to(ROOT).as_posix()
            solver = path == "quantize/search/solve.py" and inside(module, "scipy")
            assert solver or path.startswith("train/") or path == "export/to_onnx.py", (
                f"{path}: {module}")


@pytest.mark.parametrize("file", [*FILES, ROOT / "dsplet.py"],
                         ids=lambda f: f.relative_to(ROOT).as_posix())
def test_a_module_says_what_it_is_for(file):
    text = file.read_text()
    if not text:
        pytest.skip("empty")
    assert (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
    assert file.stem not in {"utils", "helpers", "common", "misc", "legacy", "onnx", "torch"}


@pytest.mark.parametrize("folder", MACHINERY)
def test_a_registry_names_each_of_its_files(folder):
    folder_path = ROOT / folder
    files = {f.stem for f in folder_path.glob("*.py")} - {"__init__"} - MACHINERY[folder]
    if not files:
        pytest.skip("empty")
    text = (folder_path / "__init__.py").read_text()
    missing = {f for f in files if not re.search(rf"\b{f}\b", text)}
    assert not missing, f"{folder}/__init__.py does not name {sorted(missing)}"


@pytest.mark.parametrize("module, heavy", [
    ("firmware_sim", {"torch", "onnx", "onnxruntime", "sklearn", "scipy"}),
    ("quantize.fixed.ops", {"torch", "onnx", "onnxruntime", "sklearn", "scipy"}),
    ("export.c.host", {"torch", "onnx", "onnxruntime", "sklearn", "scipy"}),
    ("dsplet", {"torch", "onnx", "onnxruntime", "sklearn", "scipy"}),
])
def test_what_starts_light(module, heavy):
    script = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True,
                          check=True)
    assert not heavy & set(done.stdout.split())
