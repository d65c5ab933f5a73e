"""What is installed: one package, whatever a user's own files are called, links in the checkout or
not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.dsplet import small_nets
from tests.test_house import LINKS, MODULES

pytestmark = pytest.mark.slow  # wheels are built

ROOT = Path(__file__).parents[2]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")


def checked_out(folder: Path, links: bool) -> Path:
    """The repository's files as a clone has them; links: False where the system has none, and git
    writes a text file in place of each."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is no clone")
    for name in listed.stdout.split("\0")[:-1]:
        source, copy = ROOT / name, folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink() and not links:
            copy.write_text(os.readlink(source))
        elif source.is_symlink() or source.exists():
            shutil.copyfile(source, copy, follow_symlinks=False)
    return folder


def wheel(clone: Path) -> Path:
    subprocess.run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w",
                    clone / "out", clone], check=True)
    (made,) = (clone / "out").glob("*.whl")
    return made


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel(checked_out(tmp_path_factory.mktemp("clone"), links=True))


def python(*words: object, folder: Path, path: Path) -> str:
    """What Python prints that finds dsplet in `path` and all else where this one does, but reads
    none of its .pth files: what is installed for development is not seen."""
    found = os.pathsep.join([str(path), sysconfig.get_path("purelib")])
    done = subprocess.run([sys.executable, "-S", *map(str, words)], cwd=folder, text=True,
                          capture_output=True, env=os.environ | {"PYTHONPATH": found})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_wheel_beside_a_users_own_train_quantize_and_export(built, tmp_path):
    site, mine = tmp_path / "site", tmp_path / "mine"
    subprocess.run([*PIP, "install", "--no-deps", "--no-index", "--target", site, built],
                   check=True)
    gained = {p.name for p in site.iterdir()} - {"bin"}
    assert {name for name in gained if not name.endswith(".dist-info")} == {"dsplet"}
    assert len(gained) == 2

    mine.mkdir()
    small_nets.write(mine)
    for name in ("quantize", "export", "data", "base", "firmware_sim"):
        (mine / f"{name}.py").write_text("raise SystemExit('a file of the user was imported')\n")

    def dsplet(*words: object) -> dict:
        return json.loads(python("-m", "dsplet", *words, "--json", folder=mine, path=site))

    assert python("-c", "import dsplet; print(dsplet.__file__)", folder=mine,
                  path=site).startswith(str(site))
    feed = ("--data", "digits", "--input-scale", "1/256")
    dsplet("quantize", "small.onnx", "-o", "new.q.onnx", "--calibrate", 40, *feed)
    assert dsplet("compare", "small.onnx", "new.q.onnx", *feed)["samples"] == 360
    assert dsplet("simulate", "new.q.onnx", "--samples", 20)["passed"]
    assert dsplet("zoo", "get", "zip1989")["file"] == "zip1989.q.onnx"
    assert dsplet("simulate", "zip1989.q.onnx", "--data", "random")["passed"]
    dsplet("emit", "new.q.onnx", "--format", "c", "-o", "out")
    assert {p.suffix for p in (mine / "out").iterdir()} == {".c", ".h"}
    pytest.importorskip("torch")
    made = dsplet("export", "nets.py:make", "--input", "1x8x8", "-o", "made.onnx", *feed)
    assert made["checked_samples"] > 0
    code = ("import train, dsplet.train.zoo; assert train.CLASSES == 10; "
            "print(len(dsplet.train.zoo.cards()))")
    assert int(python("-c", code, folder=mine, path=site)) > 30


def test_without_links_the_wheel_is_the_same(built, tmp_path):
    other = wheel(checked_out(tmp_path / "clone", links=False))
    with ZipFile(built) as a, ZipFile(other) as b:
        assert set(a.namelist()) == set(b.namelist())
        assert all(a.read(n) == b.read(n) for n in a.namelist())
        held = {n.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                for n in a.namelist() if n.endswith(".py")}
    assert held == set(MODULES)


@pytest.mark.parametrize("links", [True, False])
def test_for_development_each_module_is_loaded_once(links, tmp_path):
    clone, site = checked_out(tmp_path / "clone", links), tmp_path / "site"
    site.mkdir()
    build = "from setuptools.build_meta import build_editable; import sys; " \
            "print('made:', build_editable(sys.argv[1]))"
    said = subprocess.run([sys.executable, "-c", build, site], cwd=clone, check=True,
                          capture_output=True, text=True).stdout
    with ZipFile(site / said.rpartition("made: ")[2].strip()) as made:
        made.extractall(site)
    names = sorted(n for n in MODULES if n != "dsplet.__main__")
    code = f"""\
import importlib, site, sys
from collections import Counter
from pathlib import Path
site.addsitedir({str(site)!r})
for name in {names}:
    importlib.import_module(name)
files = Counter(Path(m.__file__).resolve() for m in list(sys.modules.values())
                if getattr(m, "__file__", None) and {str(clone)!r} in m.__file__)
print(len(files), max(files.values()), *set(sys.modules) & {LINKS})
"""
    (tmp_path / "empty").mkdir()
    found = python("-c", code, folder=tmp_path / "empty", path=site)
    assert found.split() == [str(len(names)), "1"]
