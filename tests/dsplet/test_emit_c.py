"""`dsplet emit --format c` with what a product asks for."""

import shutil
import subprocess

import pytest

from dsplet.base.errors import UserError
from dsplet.workflows.emit import Request, run
from tests.dsplet import small_nets


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return str(small_nets.write(tmp_path_factory.mktemp("c")) / "small.q.onnx")


def emit(source, folder, form="c", **asked):
    return run(Request(source=source, form=form, folder=str(folder), **asked)).written


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
def test_make_runs_the_self_test_and_the_golden_samples(source, tmp_path):
    written = emit(source, tmp_path, build="makefile", vectors=2)
    assert [f.rpartition("/")[2] for f in written] == [
        "small.h", "small.c", "small_vectors.h", "Makefile", "small_test.c"]
    done = subprocess.run("make", cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "small: ok\n" in done.stdout, done.stderr
    assert "return pixel;" in (tmp_path / "small.h").read_text()  # UQ0.8 of pixel / 256


def test_memory_that_is_there_chooses_the_goal(source, tmp_path):
    """What `time` keeps in memory is too much, and what `memory` keeps is not."""
    def ram(**asked):
        emit(source, tmp_path, **asked)
        line = next(line for line in (tmp_path / "small.h").read_text().splitlines()
                    if "SMALL_RAM_BYTES" in line)
        return int(line.split()[-1])

    fast, least = ram(goal="time"), ram(goal="memory")
    assert ram(goal="time", ram=f"{least}B") <= least <= fast
    with pytest.raises(UserError, match=r"expected at most 8 of RAM: a smaller network"):
        emit(source, tmp_path, ram="8B")


@pytest.mark.parametrize("form, asked, told", [
    ("image", {"self_test": True}, "--format image is no C: leave out --self-test"),
    ("kernels", {"ram": "1KB", "vectors": 1}, "is no C: leave out --vectors, --ram"),
    ("c", {"stream": True}, "one step a call needs one of each"),
    ("c", {"stream": True, "vectors": 1}, "leave out --vectors, or --stream"),
    ("c", {"flash": "64"}, "--flash '64' is not understood; expected a positive number")])
def test_what_cannot_be_is_refused(source, tmp_path, form, asked, told):
    with pytest.raises(UserError) as error:
        emit(source, tmp_path / "out", form, **asked)
    assert told in str(error.value) and not (tmp_path / "out").exists()
