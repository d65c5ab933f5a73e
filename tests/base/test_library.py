"""Libraries in the cache: kept, verified before they are loaded, and what is done without one."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dsplet.base import library
from dsplet.base.library import Generated, LibraryError, cache_folder, compiled, compiler

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
FLAGS = ("-shared", "-fPIC")


@pytest.fixture
def seven(tmp_path, monkeypatch) -> Path:
    """A C file with a function that gives 7; the cache is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "seven.c").write_text("int seven(void) { return 7; }\n")
    return tmp_path / "seven.c"


def kept() -> list[Path]:
    return list(cache_folder().iterdir())


def no_compiling(monkeypatch) -> None:
    monkeypatch.setattr(library, "_made", None)


def test_it_is_compiled_once_and_kept_for_its_owner_alone(seven, monkeypatch):
    found = compiled(seven, FLAGS)
    assert (found.loaded.seven(), found.unkept) == (7, "")
    file, = kept()
    assert file.name.startswith("seven-") and cache_folder().stat().st_mode & 0o777 == 0o700
    no_compiling(monkeypatch)
    assert compiled(seven, FLAGS).loaded.seven() == 7


def test_another_source_flag_or_header_is_another_library(seven):
    header = seven.with_name("seven.h")
    header.write_text("")
    compiled(seven, FLAGS, [header])
    header.write_text("// changed\n")
    compiled(seven, FLAGS, [header])
    compiled(seven, (*FLAGS, "-O1"), [header])
    seven.write_text("int seven(void) { return 8; }\n")
    assert compiled(seven, FLAGS, [header]).loaded.seven() == 8
    assert len(kept()) == 4


@pytest.mark.parametrize("damage", [
    lambda data: data[:100], lambda data: b"", lambda data: data[:-1] + b"\1",
    lambda data: b"\x7fELF",
    lambda data: data[:len(data) // 2] + bytes(len(data) - len(data) // 2)])
def test_a_damaged_library_is_made_anew(seven, damage):
    whole = compiled(seven, FLAGS)
    file, = kept()
    data = file.read_bytes()
    file.write_bytes(damage(data))
    again = compiled(seven, FLAGS)
    assert again.loaded.seven() == whole.loaded.seven() == 7  # also what is loaded already
    assert again.unkept == "" and [p.read_bytes() for p in kept()] == [data]


def written(value: int) -> Generated:
    text = f"int value(void) {{ return {value}; }}\n"
    return Generated("written", text, FLAGS, "this processor", most=2)


def test_what_a_program_wrote_is_kept_as_long_as_it_is_used(seven, monkeypatch):
    assert written(1).found() is None
    for value in (1, 2):
        made = written(value).made()
        assert (made.loaded.value(), made.unkept) == (value, "")
    for age, file in enumerate(sorted(kept(), key=lambda f: f.stat().st_mtime)):
        os.utime(file, (age, age))
    assert written(1).found().value() == 1  # and is now the one that was used last
    written(3).made()
    assert [written(value).found() is not None for value in (1, 2, 3)] == [True, False, True]
    assert replace(written(1), more="another").found() is None
    no_compiling(monkeypatch)
    assert written(3).made().loaded.value() == 3


def test_what_others_could_have_written_is_not_loaded(seven, monkeypatch):
    compiled(seven, FLAGS)
    file, = kept()
    file.chmod(0o777)
    assert compiled(seven, FLAGS).unkept == ""
    assert kept()[0].stat().st_mode & 0o022 == 0
    cache_folder().chmod(0o777)
    assert compiled(seven, FLAGS).unkept == (
        f"{cache_folder()}: others can write there: delete it; it is made anew")
    cache_folder().chmod(0o700)
    real = os.geteuid()
    monkeypatch.setattr(library.os, "geteuid", lambda: real + 1)
    found = compiled(seven, FLAGS)
    assert found.loaded.seven() == 7 and "others can write there" in found.unkept


def test_a_folder_that_cannot_be_had(seven, monkeypatch, tmp_path):
    (tmp_path / "cache").write_text("a file")
    found = compiled(seven, FLAGS)
    assert (found.loaded.seven(), found.unkept) == (
        7, f"{cache_folder()}: cannot be made: Not a directory")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(library, "user_cache_dir", lambda name: f"~/.cache/{name}")  # nobody's home
    assert compiled(seven, FLAGS).unkept == (
        "there is no home folder to keep it in: set HOME or XDG_CACHE_HOME")


def test_a_compiler_that_fails_or_is_not_there(seven, monkeypatch, tmp_path):
    seven.write_text("this is no C\n")
    with pytest.raises(LibraryError, match="could not compile seven.c: .*seven.c:1:"):
        compiled(seven, FLAGS)
    monkeypatch.setenv("CC", "true")
    with pytest.raises(LibraryError, match="seven.c cannot be compiled: No such file"):
        compiled(seven, FLAGS)
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(LibraryError, match="there is no C compiler 'no-such-compiler' on the PATH"):
        compiler()
    monkeypatch.setenv("CC", "gcc 'half")
    with pytest.raises(LibraryError, match=r"^\$CC: is no command: No closing quotation"):
        compiler()


def test_a_compiler_may_have_arguments(seven, monkeypatch):
    for value in ("cc -DSEVEN=8", f"'{shutil.which('cc')}' -DSEVEN='4 + 4'"):
        monkeypatch.setenv("CC", value)
        seven.write_text("int seven(void) { return SEVEN; }\n")
        assert compiled(seven, FLAGS).loaded.seven() == 8
    monkeypatch.setenv("CC", "cc -DSEVEN=9")  # is another library
    assert compiled(seven, FLAGS).loaded.seven() == 9
    monkeypatch.setenv("CC", " ")
    assert compiler() == [shutil.which("cc")]


@pytest.mark.slow
def test_processes_that_start_together_leave_one_library_and_no_scratch(seven, tmp_path):
    command = ("import sys; from pathlib import Path; from dsplet.base.library import compiled;"
               f"print(compiled(Path(sys.argv[1]), {FLAGS}).loaded.seven())")
    processes = [subprocess.Popen([sys.executable, "-c", command, seven], stdout=subprocess.PIPE,
                                  text=True) for _ in range(3)]
    assert [p.communicate()[0].strip() for p in processes] == ["7"] * 3
    assert len(kept()) == 1 and kept()[0].name.startswith("seven-")
