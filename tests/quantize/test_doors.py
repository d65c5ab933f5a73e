"""Network files that are damaged: each is told in one line, or is still a network."""

import random

import pytest

from dsplet.base.errors import UserError
from dsplet.quantize.float import from_onnx
from dsplet.quantize.network import Network
from dsplet.quantize.ptq import recipe as recipes
from dsplet.quantize.qdq import from_qdq, to_qdq
from tests.base.damage import cut, flipped, mutated
from tests.quantize import onnx_nets as nets

FILES = ("relu", "tanh")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("nets")
    for name in FILES:
        m = nets.NETS[name]()
        (path / f"{name}.onnx").write_bytes(m.SerializeToString())
        fixed = recipes.quantize(from_onnx.load(path / f"{name}.onnx"), nets.inputs(m, 20),
                                 recipes.load("nearest"))
        to_qdq.save(fixed, path / f"{name}.q.onnx")
    return path


@pytest.mark.parametrize("name", ["tanh", pytest.param("relu", marks=pytest.mark.slow)])
@pytest.mark.parametrize("load, ending", [(from_onnx.load, "onnx"), (from_qdq.load, "q.onnx")])
def test_damaged_networks_are_told_or_read(load, ending, name, folder, tmp_path):
    whole, path, read = (folder / f"{name}.{ending}").read_bytes(), tmp_path / "a.onnx", 0
    chance = random.Random(9)
    for content in [*cut(whole), *mutated(whole, 50, chance), *flipped(whole, 150, chance)]:
        path.write_bytes(content)
        try:
            load(path)
            read += 1
        except UserError as error:
            assert str(error).startswith(f"{path}: ")
    assert bool(read) == (ending == "onnx")  # there, what only metadata or names lost


@pytest.mark.parametrize("name", recipes.names())
def test_damaged_recipes_are_told_or_recipes(name, tmp_path):
    whole, path = (recipes.FOLDER / f"{name}.toml").read_bytes(), tmp_path / "a.toml"
    for content in [*cut(whole), *mutated(whole, 60, random.Random(10))]:
        path.write_bytes(content)
        try:
            assert isinstance(recipes.load(path), recipes.Recipe)
        except UserError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)


@pytest.mark.parametrize("path, text", [
    ("", "a file to be read needs a name"),
    ("/dev/zero", "/dev/zero: is no regular file; expected a file"),
    ("/", "/: is a folder; expected a file"),
    ("no.onnx", "no.onnx: no such file"),
])
def test_what_is_no_file(path, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for load in (from_onnx.load, from_qdq.load, Network):
        with pytest.raises(UserError) as caught:
            load(path)
        assert str(caught.value) == text


@pytest.mark.parametrize("content, text", [
    (b"", "the file is empty"),
    (b"hello", "not an ONNX file"),
    (b"\x08\x07", "not an ONNX file: no network inside"),
    (b"\x08\x07\x3a\xff", "the file is cut short or damaged (4 bytes); copy or export it again"),
])
def test_what_is_no_network(content, text, tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    for load in (from_onnx.load, from_qdq.load, Network):
        with pytest.raises(UserError) as caught:
            load(path)
        assert str(caught.value) == f"{path}: {text}"


def test_each_kind_of_network_names_what_it_is_not(folder):
    with pytest.raises(UserError) as caught:
        from_qdq.load(folder / "relu.onnx")
    assert str(caught.value) == (
        f"{folder}/relu.onnx: is not a model quantized by dsplet: quantize it first")
    assert Network(folder / "relu.q.onnx").fixed and Network(folder / "relu.onnx").float
